package inbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const (
	livePoll  = 2 * time.Second // what other nodes commit wakes nobody here
	liveAlive = 15 * time.Second
	liveWrite = 10 * time.Second
	liveBatch = 200
)

// news tells a page what to load again. It holds no words of a customer.
type news struct {
	Type         normalize.EventType `json:"type"`
	Conversation string              `json:"conversation,omitempty"`
	Customer     string              `json:"customer,omitempty"`
}

// live keeps a page up to date (server-sent events) until the browser leaves
// or the session ends.
func (in *Inbox) live(w http.ResponseWriter, r *request) {
	select {
	case in.streams <- struct{}{}:
		defer func() { <-in.streams }()
	default:
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	cursor := r.Header.Get("Last-Event-ID")
	if cursor == "" {
		cursor = r.URL.Query().Get("after")
	}
	seq, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || seq < 0 {
		if seq, err = in.Store.LastEvent(r.Context()); err != nil {
			in.fail(w, r, err)
			return
		}
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(in.stopped, cancel)()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	in.follow(ctx, w, r, seq)
}

func (in *Inbox) follow(ctx context.Context, w http.ResponseWriter, r *request, seq int64) {
	control := http.NewResponseController(w)
	send := func(b []byte) bool {
		_ = control.SetWriteDeadline(time.Now().Add(liveWrite))
		_, err := w.Write(b)
		return err == nil && control.Flush() == nil
	}
	if !send([]byte("retry: 2000\n\n")) {
		return
	}
	poll, alive := time.NewTicker(livePoll), time.NewTicker(liveAlive)
	defer poll.Stop()
	defer alive.Stop()
	for {
		changed := in.Changed() // before looking, so that nothing falls between
		events, err := in.Store.Events(ctx, seq, liveBatch)
		if err != nil {
			return // the browser comes back with the cursor it has
		}
		if len(events) > 0 {
			seq = events[len(events)-1].Seq
			if !send(told(events, seq)) {
				return
			}
		}
		if len(events) == liveBatch {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-poll.C:
		case <-alive.C:
			if _, err := in.door.who(ctx, r.session); errors.Is(err, timeline.ErrNotFound) {
				return
			}
			if !send([]byte(": alive\n\n")) {
				return
			}
		}
	}
}

// told writes events as one message to the page.
func told(events []*normalize.Event, seq int64) []byte {
	all := make([]news, 0, len(events))
	for _, e := range events {
		n := news{Type: e.Type, Conversation: e.Conversation.String()}
		switch d := e.Data.(type) {
		case *normalize.MessageEvent:
			if d.Message != nil && d.Customer != nil {
				n.Customer = d.Customer.ID.String()
			}
		case *normalize.Conversation:
			if d.Customer != nil {
				n.Customer = d.Customer.ID.String()
			}
		}
		all = append(all, n)
	}
	data, err := json.Marshal(all)
	if err != nil {
		data = []byte("[]") // strings alone: it does not happen
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %d\ndata: %s\n\n", seq, data)
	return b.Bytes()
}
