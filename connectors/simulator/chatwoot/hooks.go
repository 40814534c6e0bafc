package chatwoot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// hookTimeout is how long Chatwoot waits for a webhook's answer. It does not
// try again.
const hookTimeout = 5 * time.Second

type hook struct{ url, secret string }

// Delivery is one call of the webhook.
type Delivery struct {
	Event  string
	Header http.Header
	Body   []byte
	// Status is that of the answer, 0 where none came.
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

// Call returns the body of a call that tells of a conversation's status; nil
// where there is no such conversation.
func (s *Server) Call(conversation int64) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conversation(conversation)
	if c == nil {
		return nil
	}
	payload := s.conversationView(c)
	payload["event"] = "conversation_status_changed"
	return marshal(payload)
}

func marshal(payload map[string]any) []byte {
	body, err := json.Marshal(payload)
	if err != nil {
		panic("simulated Chatwoot: " + err.Error()) // a mistake in this package
	}
	return body
}

// Sign sets the headers that a webhook with this body and secret has.
func Sign(h http.Header, secret string, body []byte, at time.Time) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	h.Set("X-Chatwoot-Timestamp", stamp)
	h.Set("X-Chatwoot-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
}

// tell calls the webhook in the background, once; the lock is held. Calls
// overtake each other, as those of Chatwoot do.
func (s *Server) tell(event string, payload map[string]any) {
	if s.hook.url == "" || s.Context().Err() != nil {
		return
	}
	payload["event"] = event
	body := marshal(payload)
	h := s.hook
	s.Go(func() {
		d := Delivery{Event: event, Header: http.Header{"Content-Type": {"application/json"}, "X-Chatwoot-Delivery": {uuid.NewString()}}, Body: body}
		if h.secret != "" {
			Sign(d.Header, h.secret, body, time.Now())
		}
		d.Status, _ = s.Post(h.url, d.Header, d.Body) // 0 without an answer
		s.mu.Lock()
		defer s.mu.Unlock()
		s.deliveries = append(s.deliveries, d)
	})
}
