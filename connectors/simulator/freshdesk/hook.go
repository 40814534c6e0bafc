package freshdesk

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// announce queues the call of the rule for changes; the lock is held.
func (s *Server) announce(t *Ticket) {
	if s.o.Hook != "" {
		body := s.payload(t)
		s.calls.Add(func() bool { return s.tell(body) })
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

// tell makes one call and reports whether it was taken.
func (s *Server) tell(body []byte) bool {
	s.mu.Lock()
	o := s.o
	s.mu.Unlock()
	if o.Hook == "" {
		return true
	}
	status, _ := s.Post(o.Hook, o.header(), body)
	return status/100 == 2
}
