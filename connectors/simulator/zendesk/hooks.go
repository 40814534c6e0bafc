package zendesk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

const (
	// hookTimeout is how long Zendesk waits for a webhook's answer.
	hookTimeout = 12 * time.Second
	// hookTries is how often it calls where the answer was none, 409, 429 or
	// 5xx.
	hookTries = 3
)

type hook struct{ url, secret string }

// Delivery is one call of the webhook.
type Delivery struct {
	Event  string
	Header http.Header
	Body   []byte
	// Status is that of the last answer, 0 where none came.
	Status int
}

// SetWebhook sets where events are posted to and the secret that signs them;
// an empty url ends it.
func (s *Server) SetWebhook(url, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook{url, secret}
}

// Deliveries returns the calls of the webhook that are over.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

// Sign sets the headers that a webhook with this body and secret has.
func Sign(h http.Header, secret string, body []byte, at time.Time) {
	stamp := at.UTC().Format(time.RFC3339)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp))
	mac.Write(body)
	h.Set("X-Zendesk-Webhook-Signature-Timestamp", stamp)
	h.Set("X-Zendesk-Webhook-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// Call returns the body of a call about a ticket.
func (s *Server) Call(event string, ticket int64) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.tickets, func(t *Ticket) bool { return t.ID == ticket }); i >= 0 {
		return s.body(event, s.tickets[i], s.me.ID)
	}
	return nil
}

// body writes a call; the lock is held.
func (s *Server) body(event string, t *Ticket, by int64) []byte {
	id := strconv.FormatInt(t.ID, 10)
	body, err := json.Marshal(map[string]any{
		"account_id": 12345, "id": uuid.NewString(), "subject": "zen:ticket:" + id, "time": time.Now().UTC().Format(time.RFC3339Nano),
		"type": "zen:event-type:ticket." + event, "zendesk_event_version": "2022-11-06", "event": map[string]any{},
		"detail": map[string]any{
			"id": id, "external_id": t.ExternalID, "status": t.Status, "subject": t.Subject, "actor_id": strconv.FormatInt(by, 10),
			"requester_id": strconv.FormatInt(t.Requester, 10), "tags": t.Tags, "updated_at": t.Updated.UTC().Format(time.RFC3339),
		},
	})
	if err != nil {
		panic("simulated Zendesk: " + err.Error()) // a mistake in this package
	}
	return body
}

// tell calls the webhook in the background; the lock is held. Calls overtake
// each other: Zendesk promises no order.
func (s *Server) tell(event string, t *Ticket, by int64) {
	if s.hook.url == "" || s.Context().Err() != nil {
		return
	}
	h := s.hook
	d := Delivery{Event: event, Body: s.body(event, t, by), Header: http.Header{
		"Content-Type": {"application/json; charset=utf-8"}, "X-Zendesk-Webhook-Id": {"01SIMULATED"}, "X-Zendesk-Webhook-Invocation-Id": {uuid.NewString()},
	}}
	s.Go(func() {
		for try := range hookTries {
			if try > 0 && !s.Pause(s.opts.RetryAfter) {
				return
			}
			if h.secret != "" {
				Sign(d.Header, h.secret, d.Body, time.Now())
			}
			d.Status, _ = s.Post(h.url, d.Header, d.Body) // 0 without an answer
			if d.Status != 0 && d.Status != http.StatusConflict && d.Status != http.StatusTooManyRequests && d.Status < 500 {
				break
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.deliveries = append(s.deliveries, d)
	})
}
