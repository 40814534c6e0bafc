package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// socket is one connection of Socket Mode.
type socket struct {
	conn *websocket.Conn
	mu   sync.Mutex
	// waiting are the envelopes that it has not acknowledged.
	waiting map[string]chan struct{}
	gone    chan struct{}
}

// link takes a connection whose address apps.connections.open gave.
func (s *Server) link(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	ticket := r.URL.Query().Get("ticket")
	good := s.tickets[ticket]
	delete(s.tickets, ticket)
	s.mu.Unlock()
	if !good {
		http.Error(w, "the ticket is not good any more", http.StatusForbidden)
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	c := &socket{conn: conn, waiting: map[string]chan struct{}{}, gone: make(chan struct{})}
	defer close(c.gone)
	defer func() { _ = conn.CloseNow() }()
	// Cut, which Close calls, ends it.
	ctx := r.Context()
	if c.write(ctx, map[string]any{
		"type": "hello", "num_connections": 1, "connection_info": map[string]any{"app_id": s.o.AppID},
		"debug_info": map[string]any{"host": "simulated", "approximate_connection_time": 18060},
	}) != nil {
		return
	}
	s.mu.Lock()
	if s.Context().Err() != nil {
		s.mu.Unlock()
		return
	}
	s.conns[c] = true
	s.counts.Connections++
	s.notify()
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.notify()
		s.mu.Unlock()
	}()
	for {
		_, b, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var ack struct {
			EnvelopeID string `json:"envelope_id"`
		}
		if json.Unmarshal(b, &ack) != nil || s.overhears() {
			continue
		}
		c.mu.Lock()
		if done := c.waiting[ack.EnvelopeID]; done != nil {
			close(done)
			delete(c.waiting, ack.EnvelopeID)
		}
		c.mu.Unlock()
	}
}

func (c *socket) write(ctx context.Context, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.raw(ctx, b)
}

func (c *socket) raw(ctx context.Context, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return c.conn.Write(ctx, websocket.MessageText, b)
}

// some returns a connection, and what to wait for while there is none.
func (s *Server) some() (*socket, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		return c, nil
	}
	return nil, s.changed
}

// push sends an event through a connection, and reports whether it was
// acknowledged in time. While there is none it waits for one.
func (s *Server) push(e *event, attempt int) bool {
	c, changed := s.some()
	for c == nil {
		select {
		case <-changed:
		case <-s.Context().Done():
			return false
		}
		c, changed = s.some()
	}
	s.mu.Lock()
	s.serial++
	id := fmt.Sprintf("envelope-%d", s.serial)
	s.counts.Deliveries++
	s.mu.Unlock()
	frame := map[string]any{
		"envelope_id": id, "type": e.kind, "payload": json.RawMessage(e.payload), "accepts_response_payload": e.kind != "events_api",
	}
	if e.kind == "events_api" {
		frame["retry_attempt"], frame["retry_reason"] = attempt, ""
		if attempt > 0 {
			frame["retry_reason"] = "timeout"
		}
	}
	b, err := json.Marshal(frame)
	if err != nil {
		return false
	}
	return s.transmit(c, id, b)
}

func (s *Server) transmit(c *socket, id string, b []byte) bool {
	done := make(chan struct{})
	c.mu.Lock()
	c.waiting[id] = done
	c.mu.Unlock()
	if c.raw(s.Context(), b) != nil {
		return false
	}
	t := time.NewTimer(s.o.AckWithin)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-c.gone:
	case <-t.C:
	case <-s.Context().Done():
	}
	return false
}

// Frame sends bytes of any kind through a connection, as an envelope with this
// id, and reports whether it was acknowledged.
func (s *Server) Frame(ctx context.Context, id string, b []byte) bool {
	if s.WaitFor(ctx, func() bool { c, _ := s.some(); return c != nil }) != nil {
		return false
	}
	c, _ := s.some()
	return c != nil && s.transmit(c, id, b) //nolint:contextcheck // it ends with the server
}

// Disconnect tells all connections that they end, for a reason such as
// "warning", "refresh_requested" or "link_disabled", and ends them a moment
// later.
func (s *Server) Disconnect(reason string) {
	for _, c := range s.sockets() {
		_ = c.write(s.Context(), map[string]any{"type": "disconnect", "reason": reason})
		s.Go(func() {
			select {
			case <-c.gone:
			case <-time.After(time.Second):
				_ = c.conn.CloseNow()
			case <-s.Context().Done():
			}
		})
	}
}

// Cut ends all connections without a word.
func (s *Server) Cut() {
	for _, c := range s.sockets() {
		_ = c.conn.CloseNow()
		<-c.gone
	}
}

func (s *Server) sockets() (list []*socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		list = append(list, c)
	}
	return list
}
