package freshdesk

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// pauses is how long Freshdesk waits before each further try, in RetryAfter.
var pauses = []int{1, 6, 12}

// announce queues the call of the rule for changes; the lock is held.
func (s *Server) announce(t *Ticket) {
	if s.o.Hook != "" {
		s.calls = append(s.calls, s.payload(t))
		s.wake()
	}
}

// payload is what docs/freshdesk.md lets the rule send.
func (s *Server) payload(t *Ticket) []byte {
	b, err := json.Marshal(map[string]any{"ticket_id": strconv.FormatInt(t.ID, 10)})
	if err != nil {
		panic("simulated Freshdesk: " + err.Error()) // a mistake in this package
	}
	return b
}

func (o *Options) header() http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	if o.Basic {
		h.Set("Authorization", Basic("deskbridge", o.Secret))
	} else {
		h.Set("X-Deskbridge-Secret", o.Secret)
	}
	return h
}

func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// deliver makes the calls in their order.
func (s *Server) deliver() {
	for {
		s.mu.Lock()
		changed, o := s.changed, s.o
		var next []byte
		if len(s.calls) > 0 {
			next = s.calls[0]
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
		taken := o.Hook == "" || s.post(&o, next)
		for _, pause := range pauses {
			if taken {
				break
			}
			if !s.wait(time.Duration(pause) * o.RetryAfter) {
				return
			}
			taken = s.post(&o, next)
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
func (s *Server) post(o *Options, body []byte) bool {
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, o.Hook, bytes.NewReader(body))
	if err != nil {
		return false
	}
	r.Header = o.header()
	resp, err := s.client.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode/100 == 2
}
