package demo

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/helpdesk/webhook"
	"github.com/deskbridge/deskbridge/normalize"
)

// maxEvent bounds one webhook.
const maxEvent = 8 << 20

// delivery is one webhook that the helpdesk took.
type delivery struct {
	event normalize.Event // Data is a *normalize.MessageEvent, a *normalize.Conversation,
	// a *normalize.OptOutEvent or nil
	size int
}

// desk is the smallest helpdesk there is: it checks the signature of each
// webhook, drops repeats, and hands the rest on.
type desk struct {
	url    string
	secret string
	server *http.Server
	out    chan delivery
	stop   chan struct{}
	once   sync.Once

	mu     sync.Mutex
	seen   map[string]bool
	forged int
}

func newDesk(ctx context.Context) (*desk, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for webhooks: %w", err)
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	d := &desk{
		url:    "http://" + ln.Addr().String() + "/events",
		secret: "whsec_" + base64.StdEncoding.EncodeToString(key),
		out:    make(chan delivery), stop: make(chan struct{}), seen: map[string]bool{},
	}
	d.server = &http.Server{Handler: http.HandlerFunc(d.take), ReadTimeout: 10 * time.Second}
	go func() { _ = d.server.Serve(ln) }()
	return d, nil
}

func (d *desk) close() {
	d.once.Do(func() { close(d.stop) })
	_ = d.server.Close()
}

// take answers 204 once the event is in good hands: a webhook that is cut off
// before comes again.
func (d *desk) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := webhook.Verify(d.secret, r.Header, body, time.Now()); err != nil {
		d.mu.Lock()
		d.forged++
		d.mu.Unlock()
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	e, err := readEvent(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := r.Header.Get(webhook.HeaderID)
	if !d.first(id) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	select {
	case d.out <- delivery{event: e, size: len(body)}:
		w.WriteHeader(http.StatusNoContent)
	case <-r.Context().Done():
		d.forget(id)
	case <-d.stop:
		d.forget(id)
	}
}

// first tells whether an event is new: its id is webhook-id, over all repeats.
func (d *desk) first(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen[id] {
		return false
	}
	d.seen[id] = true
	return true
}

func (d *desk) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.seen, id)
}

// refused is how many webhooks carried no good signature.
func (d *desk) refused() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.forged
}

// readEvent reads the body of a webhook.
func readEvent(body []byte) (normalize.Event, error) {
	var raw struct {
		normalize.Event
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return normalize.Event{}, fmt.Errorf("the event is not JSON: %w", err)
	}
	e := raw.Event
	switch e.Type {
	case normalize.MessageReceived, normalize.MessageSent, normalize.MessageStatus, normalize.MessageEdited, normalize.MessageDeleted:
		e.Data = &normalize.MessageEvent{}
	case normalize.ConversationOpened, normalize.ConversationClosed, normalize.ConversationUpdated:
		e.Data = &normalize.Conversation{}
	case normalize.CustomerOptedOut:
		e.Data = &normalize.OptOutEvent{}
	default:
		e.Data = nil
		return e, nil
	}
	if err := json.Unmarshal(raw.Data, e.Data); err != nil {
		return e, fmt.Errorf("the data of %s: %w", e.Type, err)
	}
	return e, nil
}
