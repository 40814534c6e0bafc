package zammad

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// tries is how often a change is told in all.
const tries = 5

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
		s.calls = append(s.calls, s.call(t, a))
		s.wake()
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

func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// deliver tells the changes in their order, each up to five times.
func (s *Server) deliver() {
	for {
		s.mu.Lock()
		changed, url, secret := s.changed, s.o.Hook, s.o.HookSecret
		var next *call
		if len(s.calls) > 0 {
			next = &s.calls[0]
			s.calls = s.calls[1:]
		}
		s.mu.Unlock()
		if next == nil {
			select {
			case <-changed:
				continue
			case <-s.ctx.Done():
				return
			}
		}
		for try := 1; try <= tries; try++ {
			if url == "" || s.post(s.ctx, url, secret, next) {
				break
			}
			if try < tries && !s.wait(time.Duration(try)*s.o.RetryAfter) {
				return
			}
		}
	}
}

func (s *Server) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// post makes one call and reports whether it was taken.
func (s *Server) post(ctx context.Context, url, secret string, c *call) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(c.body))
	if err != nil {
		return false
	}
	r.Header = c.header(secret)
	resp, err := s.client.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode/100 == 2
}
