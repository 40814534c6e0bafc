package twilio

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Call is a phone call, in either direction, and what happened in it.
type Call struct {
	SID, From, To string
	Inbound       bool
	Status        string
	// Said is what the callee or caller heard, each with its language before
	// it: "en-US: Hello.".
	Said []string
	// Dialled are the agents' phones that rang.
	Dialled []string
	// Recording is the SID of what was recorded; empty for nothing.
	Recording string
	Created   time.Time
	callback  string
	twiml     string
}

type call struct{ Call }

// Caller is a customer who calls.
type Caller struct {
	From, To string
	// Keys are pressed, one at each menu.
	Keys string
	// HangsUp: the caller hangs up while hearing the greeting.
	HangsUp bool
	// Agent is what the agents' phone does: "completed" for an answer, else
	// "no-answer", "busy", "failed"; empty is "no-answer".
	Agent string
	// Talk is for how many seconds the two talk.
	Talk int
	// Voice is what the caller says to the voicemail; nil for nothing.
	Voice []byte
	// Transcript is what Twilio makes of it, where it is asked to; empty is a
	// failed transcription.
	Transcript string
}

// PickUp sets what customers do whom we call: "completed" is answering, else
// "no-answer", "busy", "failed".
func (s *Server) PickUp(f func(Call) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pickUp = f
}

// Calls returns all calls, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Call, len(s.calls))
	for i, c := range s.calls {
		list[i] = c.Call
		list[i].Said, list[i].Dialled = slices.Clone(c.Said), slices.Clone(c.Dialled)
	}
	return list
}

// Call lets a customer call and returns what happened. The number's webhooks
// are the account's at /voice and /voice/status. What Twilio tells later, such
// as the recording, is told before Call returns.
func (s *Server) Call(ctx context.Context, who Caller) (Call, error) {
	s.mu.Lock()
	c := &call{Call{SID: s.sid("CA"), From: who.From, To: who.To, Inbound: true, Status: "ringing", Created: s.o.Now()}}
	s.calls = append(s.calls, c)
	s.mu.Unlock()
	hook, fragment, _ := strings.Cut(s.o.Hook, "#")
	line := &line{s: s, c: c, who: who, keys: who.Keys}
	err := line.ask(ctx, hook+"/voice#"+fragment, nil)
	s.mu.Lock()
	if c.Status == "ringing" || c.Status == "in-progress" {
		c.Status = "completed"
	}
	s.mu.Unlock()
	_, _, err2 := s.post(ctx, hook+"/voice/status#"+fragment, line.params(url.Values{"CallDuration": {strconv.Itoa(who.Talk + 1)}}))
	for _, later := range line.later {
		later(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = err2
	}
	return c.Call, err
}

func (s *Server) createCall(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, 20001, "Bad request")
		return
	}
	f := r.PostForm
	c := &call{Call{From: f.Get("From"), To: f.Get("To"), Status: "queued", twiml: f.Get("Twiml"), callback: f.Get("StatusCallback")}}
	code, words := 0, ""
	switch {
	case !number.MatchString(c.To):
		code, words = 21211, "Invalid 'To' Phone Number"
	case !slices.Contains(s.o.Senders, c.From) || !number.MatchString(c.From):
		code, words = 21210, "The source phone number provided is not yet verified for your account."
	case len([]rune(c.twiml)) > 4000 || c.twiml == "":
		code, words = 21205, "Url is not a valid URL, and Twiml is missing or too long"
	case slices.ContainsFunc(s.o.Closed, func(p string) bool { return strings.HasPrefix(c.To, p) }):
		code, words = 21215, "Account not authorized to call this number"
	}
	if code != 0 {
		refuse(w, http.StatusBadRequest, code, words)
		return
	}
	s.mu.Lock()
	c.SID, c.Created = s.sid("CA"), s.o.Now()
	s.calls = append(s.calls, c)
	outcome := s.pickUp(c.Call)
	body := c.json()
	s.mu.Unlock()
	events := f["StatusCallbackEvent"]
	s.Go(func() { s.ring(c, outcome, events) }) //nolint:contextcheck // it outlives the request
	answer(w, http.StatusCreated, body)
}

// ring is what becomes of a call of ours.
func (s *Server) ring(c *call, outcome string, events []string) {
	line := &line{s: s, c: c, who: Caller{Agent: "completed"}}
	tell := func(event, status string) {
		s.mu.Lock()
		c.Status = status
		s.mu.Unlock()
		if c.callback != "" && (slices.Contains(events, event) || event == "completed") {
			_, _, _ = s.post(s.Context(), c.callback, line.params(url.Values{"CallbackSource": {"call-progress-events"}}))
		}
	}
	tell("initiated", "initiated")
	tell("ringing", "ringing")
	if outcome == "completed" {
		tell("answered", "in-progress")
		if doc, err := parse([]byte(c.twiml)); err == nil {
			_ = line.run(s.Context(), doc)
		}
	}
	tell("completed", outcome)
}

func (s *Server) listCalls(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	page := []any{}
	for _, c := range slices.Backward(s.calls) {
		if fits(q.Get("To"), c.To) && fits(q.Get("From"), c.From) && len(page) < size(q) {
			page = append(page, c.json())
		}
	}
	answer(w, http.StatusOK, map[string]any{"calls": page, "page": 0, "page_size": size(q), "uri": r.URL.RequestURI()})
}

func (c *call) json() map[string]any {
	direction := "outbound-api"
	if c.Inbound {
		direction = "inbound"
	}
	return map[string]any{
		"sid": c.SID, "to": c.To, "from": c.From, "status": c.Status, "direction": direction,
		"date_created": c.Created.UTC().Format(time.RFC1123Z),
	}
}
