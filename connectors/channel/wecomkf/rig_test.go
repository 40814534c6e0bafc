package wecomkf

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/connectortest"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
	"github.com/deskbridge/deskbridge/normalize"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is the time of the daemon and of WeCom.
type clock struct{ ahead atomic.Int64 }

func (c *clock) Now() time.Time {
	return time.Now().Add(time.Duration(c.ahead.Load())).UTC().Truncate(time.Microsecond)
}
func (c *clock) step(d time.Duration) { c.ahead.Add(int64(d)) }

// rig is an account with the WeCom that it talks to, and with a daemon around
// it that keeps what it takes in memory.
type rig struct {
	*WecomKf
	t      *testing.T
	vendor *wecom.Server
	clock  *clock
	log    connectortest.Output
	woken  chan struct{}
	alive  atomic.Int32

	mu      sync.Mutex
	cursors map[string]string
	inputs  []normalize.Input
	batches int
	// onSink is asked before each commit.
	onSink func(b normalize.Batch) error
}

func newRig(t *testing.T, o wecom.Options, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, clock: &clock{}, woken: make(chan struct{}, 1), cursors: map[string]string{}}
	o.Now, o.Retries = r.clock.Now, []time.Duration{time.Millisecond, 10 * time.Millisecond}
	r.vendor = simulate(t, o)
	api := httptest.NewServer(r.vendor)
	t.Cleanup(api.Close)
	cfg := newConfig()
	cfg.CorpID, cfg.Secret, cfg.Token, cfg.EncodingAESKey = corpID, wecom.DefaultSecret, wecom.DefaultToken, wecom.DefaultAESKey
	cfg.OpenKfIDs, cfg.APIURL = []string{kf1, kf2}, api.URL
	if change != nil {
		change(cfg)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r.WecomKf = New(cfg, connectors.Deps{
		Account: normalize.Account{Name: "kf", Type: Type}, Log: slog.New(slog.NewTextHandler(&r.log, nil)),
		HTTP: &http.Client{Transport: transport}, Clock: r.clock, Tokens: &connectortest.Tokens{},
	})
	r.look, r.slowly = 10*time.Millisecond, time.Millisecond
	desk := httptest.NewServer(http.HandlerFunc(r.webhook))
	t.Cleanup(desk.Close)
	r.vendor.Connect(desk.URL + "/webhooks/kf")
	return r
}

// webhook does what the daemon's does.
func (r *rig) webhook(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	b, reply, err := r.Parse(q.Context(), &connectors.Request{
		Method: q.Method, URL: "https://desk.example.com" + q.URL.String(), Header: q.Header, Body: body, ReceivedAt: r.clock.Now(),
	})
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if err := r.commit(b); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	select {
	case r.woken <- struct{}{}:
	default:
	}
	_, _ = w.Write(reply.Body)
}

func (r *rig) commit(b normalize.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.onSink != nil {
		if err := r.onSink(b); err != nil {
			return err
		}
	}
	for _, c := range b.Cursors {
		r.cursors[c.Key] = c.Value
	}
	r.inputs = append(r.inputs, b.Inputs...)
	r.batches++
	return nil
}

// The rig is a channel.Source.

func (r *rig) Cursor(_ context.Context, key string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cursors[key], nil
}
func (r *rig) Sink(_ context.Context, b normalize.Batch) error { return r.commit(b) }
func (r *rig) Woken() <-chan struct{}                          { return r.woken }
func (r *rig) Alive()                                          { r.alive.Add(1) }

// stream runs until stop is called, which returns Stream's error.
func (r *rig) stream() (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Stream(ctx, r) }()
	stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(time.Minute):
			r.t.Error("Stream went on although its context had ended")
			return <-done
		}
	})
	r.t.Cleanup(func() { _ = stop() })
	return stop
}

// eventually waits until f holds.
func (r *rig) eventually(what string, f func() bool) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if f() {
			return
		}
	}
	r.t.Fatalf("it did not come about: %s\nlog: %s", what, r.log.String())
}

// taken is how many inputs were taken in.
func (r *rig) taken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.inputs)
}

// messages decodes what was taken in.
func (r *rig) messages() []*normalize.Message {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*normalize.Message
	for _, in := range r.inputs {
		item, err := r.Decode(in)
		if err != nil {
			r.t.Fatalf("%s: %v", in.Key, err)
		}
		if m, ok := item.(*normalize.Message); ok {
			list = append(list, m)
		}
	}
	return list
}

// texts returns what the messages say, by whom each is.
func (r *rig) texts() []string {
	var list []string
	for _, m := range r.messages() {
		if m.Text != "" {
			list = append(list, string(m.Direction)+" "+m.Thread.ID+" "+m.Text)
		}
	}
	slices.Sort(list)
	return list
}

// outbound is an answer to a customer of an account.
func (r *rig) outbound(kfID, user string, p normalize.Part) (*channel.Outbound, *atomic.Int32) {
	var begun atomic.Int32
	m := &normalize.Message{
		Direction: normalize.Outbound, Address: r.customer(user), Thread: normalize.Thread{ID: kfID}, Parts: []normalize.Part{p},
	}
	return &channel.Outbound{
		Key: "db-" + normalize.NewID(time.Now()).String(), Attempt: 1, Message: m, Parts: m.Parts,
		Begin: func(context.Context) error { begun.Add(1); return nil },
		Open: func(context.Context, *normalize.Media) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(string(p.Media.Data))), nil
		},
	}, &begun
}

// send sends a part and returns what came of it.
func (r *rig) send(user string, p normalize.Part) (channel.Sent, *connectors.Error, int) {
	r.t.Helper()
	o, begun := r.outbound(kf1, user, p)
	sent, err := r.Send(r.t.Context(), o)
	var e *connectors.Error
	if err != nil && !errors.As(err, &e) {
		r.t.Fatalf("%T is no *connectors.Error: %v", err, err)
	}
	return sent, e, int(begun.Load())
}

func saying(says string) normalize.Part { return normalize.Part{Kind: normalize.PartText, Text: says} }
