package zammad

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
)

// call is one change to tell.
type call struct {
	delivery string
	body     []byte
}

// Sign returns the value of X-Hub-Signature for a body.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write(body)
	return "sha1=" + hex.EncodeToString(mac.Sum(nil))
}

// header is that of a call, with its signature where a secret is given.
func (c call) header(secret string) http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("User-Agent", "Zammad User Agent")
	h.Set("X-Zammad-Trigger", "deskbridge")
	h.Set("X-Zammad-Delivery", c.delivery)
	if secret != "" {
		h.Set("X-Hub-Signature", Sign(secret, c.body))
	}
	return h
}

// announce queues the call for a change; the lock is held.
func (s *Server) announce(t *Ticket, a *Article) {
	if s.o.Hook != "" {
		c := s.call(t, a)
		s.calls.Add(func() bool { return s.tell(c) })
	}
}

// call makes the call for a change; the lock is held.
func (s *Server) call(t *Ticket, a *Article) call {
	payload := map[string]any{"ticket": s.hookTicket(t), "article": nil}
	if a != nil {
		m := s.renderArticle(a)
		delete(m, "preferences")
		m["created_by"] = renderUser(s.userByID(a.CreatedBy))
		payload["article"] = m
	}
	body, err := json.Marshal(payload)
	if err != nil {
		panic("simulated Zammad: " + err.Error()) // a mistake in this package
	}
	return call{strings.ToLower(rand.Text()), body}
}

// hookTicket is a ticket with the objects around it, as the payload has them.
func (s *Server) hookTicket(t *Ticket) map[string]any {
	m := s.renderTicket(t, true)
	m["customer"] = renderUser(s.userByID(t.customer))
	m["group"] = map[string]any{"id": m["group_id"], "name": t.Group}
	m["priority"] = map[string]any{"id": 2, "name": "2 normal"}
	return m
}

// tell makes one call and reports whether it was taken.
func (s *Server) tell(c call) bool {
	s.mu.Lock()
	address, secret := s.o.Hook, s.o.HookSecret
	s.mu.Unlock()
	if address == "" {
		return true
	}
	status, _ := s.Post(address, c.header(secret), c.body)
	return status/100 == 2
}
