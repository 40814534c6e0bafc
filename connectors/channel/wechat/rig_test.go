package wechat_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/channel/wechat"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/normalize"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a simulated vendor with an account, and a daemon that stores nothing.
type rig struct {
	*wechat.WeChat
	vendor *simulator.Vendor
	clock  *clock
	// guarded counts the requests to addresses that a stranger chose.
	guarded atomic.Int32

	mu      sync.Mutex
	taken   []normalize.Input
	refused []int // statuses
	calls   int
}

// clock is stepped by the test and shared with the vendor.
type clock struct{ offset atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Now().UTC().Add(time.Duration(c.offset.Load())) }
func (c *clock) forward(d time.Duration) { c.offset.Add(int64(d)) }

// store keeps tokens in memory, each until its time.
type store struct {
	clock *clock
	mu    sync.Mutex
	m     map[string]entry
}

type entry struct {
	value   string
	expires time.Time
}

func (s *store) Get(_ context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.m[name]; e.expires.IsZero() || s.clock.Now().Before(e.expires) {
		return e.value, nil
	}
	return "", nil
}

func (s *store) Set(_ context.Context, name, value string, expires time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[name] = entry{value, expires}
	return nil
}

// start starts a rig in a mode; change may change the account's settings.
func start(t *testing.T, mode string, change func(c *wechat.Config)) *rig {
	t.Helper()
	r := &rig{clock: &clock{}}
	callback := httptest.NewServer(http.HandlerFunc(r.callback))
	t.Cleanup(callback.Close)
	var err error
	r.vendor, err = simulator.Start(simulator.Options{
		Encryption: mode, Callback: callback.URL + "/webhooks/wx", Templates: []string{"TEMPLATE"},
		Repeat: 10 * time.Millisecond, Now: r.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.vendor.Close() })
	c := &wechat.Config{
		AppID: simulator.DefaultAppID, AppSecret: simulator.DefaultSecret, Token: simulator.DefaultToken,
		EncodingAESKey: simulator.DefaultAESKey, Encryption: mode, APIURL: r.vendor.URL(),
	}
	if change != nil {
		change(c)
	}
	if errs := c.Validate(); len(errs) > 0 {
		t.Fatal(errors.Join(errs...))
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r.WeChat = wechat.New(c, connectors.Deps{
		Account: normalize.Account{Name: "wx", Type: wechat.Type}, Log: slog.New(slog.DiscardHandler),
		HTTP: &http.Client{Transport: transport}, Guarded: &http.Client{Transport: counted{transport, &r.guarded}},
		Clock: r.clock, Tokens: &store{clock: r.clock, m: map[string]entry{}}, PublicURL: callback.URL,
	})
	return r
}

type counted struct {
	http.RoundTripper
	n *atomic.Int32
}

func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

// callback does with a call what the daemon does.
func (r *rig) callback(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	batch, reply, err := r.Parse(req.Context(), &connectors.Request{
		Method: req.Method, URL: "http://" + req.Host + req.URL.String(), Header: req.Header, Body: body, ReceivedAt: r.clock.Now(),
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, connectors.ErrForged) {
			status = http.StatusUnauthorized
		}
		r.refused = append(r.refused, status)
		w.WriteHeader(status)
		return
	}
	r.taken = append(r.taken, batch.Inputs...)
	_, _ = w.Write(reply.Body)
}

// items decodes what was taken so far.
func (r *rig) items(t *testing.T) (list []normalize.Item) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, in := range r.taken {
		item, err := r.Decode(in)
		if err != nil {
			t.Fatalf("%s: %v", in.Key, err)
		}
		list = append(list, item)
	}
	return list
}

// last is the latest item, a message.
func (r *rig) last(t *testing.T) *normalize.Message {
	t.Helper()
	items := r.items(t)
	m, ok := items[len(items)-1].(*normalize.Message)
	if !ok {
		t.Fatalf("the last item is %T", items[len(items)-1])
	}
	return m
}

// outbound is an answer of one part, in an open window.
func (r *rig) outbound(p normalize.Part) *channel.Outbound {
	m := &normalize.Message{
		Direction: normalize.Outbound, Address: to, Parts: []normalize.Part{p}, Author: &normalize.Author{Name: "Anna"},
		ReplyWindow: &normalize.ReplyWindow{Until: r.clock.Now().Add(time.Hour), Remaining: 2},
	}
	var begun atomic.Bool
	return &channel.Outbound{
		Key: normalize.NewID(time.Now()).String(), Attempt: 1, Message: m, Parts: m.Parts, Recipients: []normalize.Address{to},
		Begin: func(context.Context) error {
			if begun.Swap(true) {
				return errors.New("begun twice")
			}
			return nil
		},
		Open: func(_ context.Context, f *normalize.Media) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(f.Data)), nil
		},
	}
}

func say(s string) normalize.Part { return normalize.Part{Kind: normalize.PartText, Text: s} }

func file(kind normalize.PartKind, name, contentType string, size int) normalize.Part {
	return normalize.Part{Kind: kind, Media: &normalize.Media{
		Name: name, ContentType: contentType, Size: int64(size), Data: []byte(strings.Repeat("x", size)),
	}}
}

// heard makes the customer a follower who has just written.
func (r *rig) heard() {
	r.vendor.AddFollower(customer, simulator.Profile{})
	r.vendor.Heard(customer)
}

// class fails unless err is of this class.
func class(t *testing.T, what string, err error, want connectors.Class, code string) {
	t.Helper()
	var e *connectors.Error
	if !errors.As(err, &e) || e.Class != want || e.Code != code {
		t.Errorf("%s: %v, want %s %q", what, err, want, code)
	}
}

func secret(s string) configs.Secret { return configs.Secret(s) }
