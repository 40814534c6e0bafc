package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// event is one on its way to the app, until it is acknowledged or given up.
type event struct {
	id      string
	payload []byte
	kind    string // of the envelope
	acked   chan struct{}
}

// emit sends an inner event to the app. It is called with the lock held.
func (s *Server) emit(r *room, inner map[string]any) {
	if r.Without {
		return
	}
	s.serial++
	outer := map[string]any{
		"token": "deprecated", "team_id": s.o.Team, "context_team_id": s.o.Team, "context_enterprise_id": nil, "api_app_id": s.o.AppID,
		"event": inner, "type": "event_callback", "event_id": fmt.Sprintf("Ev%08d", s.serial), "event_time": time.Now().Unix(),
		"authorizations": []any{map[string]any{
			"enterprise_id": nil, "team_id": s.o.Team, "user_id": s.o.BotUser, "is_bot": true, "is_enterprise_install": false,
		}},
		"is_ext_shared_channel": r.Shared, "event_context": "4-simulated",
	}
	payload, err := json.Marshal(outer)
	if err != nil {
		panic(err) // a test gave us what is no JSON
	}
	s.send(&event{id: fmt.Sprintf("Ev%08d", s.serial), payload: payload, kind: "events_api"})
}

// Command lets a member use a slash command, and Click press a button: both
// are payloads that the app has to acknowledge.
func (s *Server) Command(user, command string) {
	s.payload("slash_commands", map[string]any{"command": command, "user_id": user, "team_id": s.o.Team, "text": ""})
}

// Click presses a button.
func (s *Server) Click(user string) {
	s.payload("interactive", map[string]any{"type": "block_actions", "user": map[string]any{"id": user}})
}

func (s *Server) payload(kind string, v map[string]any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	s.send(&event{id: fmt.Sprintf("P%08d", s.serial), payload: b, kind: kind})
}

// send begins the delivery of an event. It is called with the lock held.
func (s *Server) send(e *event) {
	s.counts.Events++
	if s.holding {
		s.held = append(s.held, e)
		return
	}
	s.deliver(e)
	if s.twice > 0 {
		s.twice--
		s.deliver(&event{id: e.id + "-again", payload: e.payload, kind: e.kind})
	}
}

// deliver runs the delivery of an event. It is called with the lock held.
func (s *Server) deliver(e *event) {
	if s.Context().Err() != nil {
		return
	}
	e.acked = make(chan struct{})
	s.pending[e.id] = e
	s.Go(func() {
		done := false
		for attempt := 0; attempt <= len(s.o.Retries) && !done; attempt++ {
			if attempt > 0 && !s.Pause(s.o.Retries[attempt-1]) {
				return
			}
			if s.o.EventsURL != "" {
				done = s.post(e, attempt)
			} else {
				done = s.push(e, attempt)
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.pending, e.id)
		if done {
			s.counts.Acknowledged++
		} else {
			s.counts.GivenUp++
		}
		s.notify()
	})
}

// Hold keeps events back until Release, which sends them, in reverse where
// asked.
func (s *Server) Hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holding = true
}

// Release ends Hold.
func (s *Server) Release(reverse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.held
	s.held, s.holding = nil, false
	if reverse {
		slices.Reverse(held)
	}
	for _, e := range held {
		s.deliver(e)
	}
}

// Drop forgets what Hold kept back, as Slack does after some tries.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.GivenUp += len(s.held)
	s.held, s.holding = nil, false
}

// Twice lets the next n events be sent two times.
func (s *Server) Twice(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.twice += n
}

// Deaf lets the next n acknowledgements get lost.
func (s *Server) Deaf(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf += n
}

// overhears reports whether an acknowledgement gets lost.
func (s *Server) overhears() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deaf == 0 {
		return false
	}
	s.deaf--
	return true
}

// Pending is how many events are neither acknowledged nor given up.
func (s *Server) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) + len(s.held)
}

// post calls the Events API's address once.
func (s *Server) post(e *event, attempt int) bool {
	header := http.Header{"Content-Type": {"application/json"}}
	if attempt > 0 {
		header.Set("X-Slack-Retry-Num", strconv.Itoa(attempt))
		header.Set("X-Slack-Retry-Reason", "http_error")
	}
	Sign(header, s.o.SigningSecret, e.payload, time.Now())
	s.mu.Lock()
	s.counts.Deliveries++
	s.mu.Unlock()
	status, err := s.Post(s.o.EventsURL, header, e.payload)
	return err == nil && status/100 == 2 && !s.overhears()
}

// Sign puts Slack's signature on a call.
func Sign(h http.Header, secret string, body []byte, at time.Time) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	h.Set("X-Slack-Request-Timestamp", stamp)
	h.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
}
