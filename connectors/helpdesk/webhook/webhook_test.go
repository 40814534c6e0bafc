package webhook

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
)

var update = flag.Bool("update", false, "write the golden bodies anew")

type fixedClock struct{ at time.Time }

func (c fixedClock) Now() time.Time { return c.at }

var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

func open(t *testing.T, c Config, client *http.Client) *Helpdesk {
	t.Helper()
	if c.Secret == "" {
		c.Secret = vectorSecret
	}
	kind, ok := helpdesk.Kinds.Get("webhook")
	if !ok {
		t.Fatal("the type is not registered")
	}
	h, err := kind.New(&c, connectors.Deps{HTTP: client, Clock: fixedClock{now}, PublicURL: "https://support.example.com", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(context.Background()) })
	return h.(*Helpdesk)
}

func event() *normalize.Event {
	return &normalize.Event{
		ID: normalize.FirstID(now) + 7, Type: normalize.AccountState, Timestamp: now,
		Data: &normalize.AccountEvent{Account: normalize.Account{Name: "support", Type: "email"}, State: "down", Reason: "login refused"},
	}
}

func TestForwardedEventsVerifyAndAreAsDocumented(t *testing.T) {
	secrets := otherSecret + " " + vectorSecret
	for name, e := range samples() {
		t.Run(name, func(t *testing.T) {
			var header http.Header
			var body []byte
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				header = r.Header.Clone()
				body, _ = io.ReadAll(r.Body)
				w.WriteHeader(http.StatusNoContent)
			}))
			defer srv.Close()
			h := open(t, Config{URL: srv.URL + "/hook?token=x", Secret: configs.Secret(secrets)}, srv.Client())
			if err := h.Forward(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			for secret := range strings.FieldsSeq(secrets) {
				if err := Verify(secret, header, body, now); err != nil {
					t.Errorf("a receiver with one of the secrets refuses: %v", err)
				}
			}
			if got := header.Get(HeaderID); got != e.ID.String() {
				t.Errorf("webhook-id is %q, the event's id %q", got, e.ID)
			}
			if got := header.Get("Content-Type"); got != "application/json" {
				t.Errorf("content type %q", got)
			}
			golden(t, name+".json", body)
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(want), got) {
		t.Errorf("the body differs from %s (go test -update writes it anew):\n got %s\nwant %s", file, got, want)
	}
}

func TestWhatFollowsFromAnAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		after  string
		class  connectors.Class
		wait   time.Duration
		ok     bool
	}{
		{name: "200", status: 200, ok: true},
		{name: "202", status: 202, ok: true},
		{name: "redirect", status: 302, class: connectors.Transient},
		{name: "bad request", status: 400, class: connectors.Transient},
		{name: "wrong secret", status: 401, class: connectors.Transient},
		{name: "forbidden", status: 403, class: connectors.Transient},
		{name: "wrong path", status: 404, class: connectors.Transient},
		{name: "timeout", status: 408, class: connectors.Transient},
		{name: "gone", status: 410, class: connectors.AccountDown},
		{name: "too early", status: 425, class: connectors.Transient},
		{name: "error", status: 500, class: connectors.Transient},
		{name: "busy", status: 429, class: connectors.Throttled},
		{name: "busy for a minute", status: 429, after: "60", class: connectors.Throttled, wait: time.Minute},
		{name: "busy for a year", status: 429, after: "31536000", class: connectors.Throttled, wait: time.Hour},
		{name: "busy since yesterday", status: 429, after: "-5", class: connectors.Throttled},
		{name: "busy until", status: 503, after: now.Add(90 * time.Second).Format(http.TimeFormat), class: connectors.Throttled, wait: 90 * time.Second},
		{name: "down", status: 503, class: connectors.Transient},
		{name: "down, waffling", status: 503, after: "soon", class: connectors.Transient},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls++
				w.Header().Set("Location", "/elsewhere")
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, "an answer that stays unread")
			}))
			defer srv.Close()
			err := open(t, Config{URL: srv.URL}, srv.Client()).Forward(t.Context(), event())
			if calls != 1 {
				t.Errorf("%d calls, want one", calls)
			}
			if c.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*connectors.Error](err)
			if !ok || e.Class != c.class || e.RetryAfter != c.wait {
				t.Errorf("got %#v, want %v after %v", err, c.class, c.wait)
			}
			if strings.Contains(err.Error(), "unread") {
				t.Errorf("the error repeats the answer: %v", err)
			}
		})
	}
}

func TestNoAnswerIsTransientAndHidesTheURL(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	h := open(t, Config{URL: "http://" + l.Addr().String() + "/hook?token=hunter2"}, &http.Client{})
	for name, err := range map[string]error{"forward": h.Forward(t.Context(), event()), "probe": h.Probe(t.Context())} {
		e, ok := errors.AsType[*connectors.Error](err)
		if !ok || e.Class != connectors.Transient {
			t.Errorf("%s: got %v, want a transient error", name, err)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the token: %v", name, err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAStallingBackendIsCutWithItsContext(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-release
	}))
	defer srv.Close()
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := srv.Client().Transport.RoundTrip(r)
		time.AfterFunc(100*time.Millisecond, cancel)
		return resp, err
	})}
	// The status came, so the event is taken over however the body ends.
	if err := open(t, Config{URL: srv.URL}, client).Forward(ctx, event()); err != nil {
		t.Error(err)
	}
	if ctx.Err() == nil {
		t.Error("returned before the body's end without having been cut")
	}
}

func TestProbe(t *testing.T) {
	called := false
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	for _, c := range []struct {
		name   string
		url    string
		client *http.Client
		want   string
	}{
		{"plain", plain.URL, plain.Client(), ""},
		{"TLS", secure.URL, secure.Client(), ""},
		{"unknown authority", secure.URL, &http.Client{}, "certificate"},
		{"not TLS", strings.Replace(plain.URL, "http:", "https:", 1), plain.Client(), "TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := open(t, Config{URL: c.url}, c.client).Probe(t.Context())
			if c.want == "" && err != nil {
				t.Error(err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want one with %q", err, c.want)
			}
		})
	}
	if called {
		t.Error("the probe made a call")
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{URL: "https://backend.example.com/x", Secret: vectorSecret, Events: []string{"message.received"}}
	if errs := good.Validate(); len(errs) > 0 {
		t.Error(errs)
	}
	bad := Config{URL: "backend.example.com/?token=hunter2", Secret: "whsec_hunter2", Events: []string{"message.recieved"}}
	errs := bad.Validate()
	if len(errs) != 3 {
		t.Fatalf("got %v, want one for each key", errs)
	}
	for i, key := range []string{"url", "secret", "events"} {
		if e, ok := errors.AsType[*configs.KeyError](errs[i]); !ok || e.Key != key || strings.Contains(e.Msg, "hunter2") {
			t.Errorf("got %v, want one on %s without its value", errs[i], key)
		}
	}
}

func TestWants(t *testing.T) {
	all, some := open(t, Config{URL: "http://127.0.0.1"}, &http.Client{}),
		open(t, Config{URL: "http://127.0.0.1", Events: []string{"message.received"}}, &http.Client{})
	for _, e := range normalize.EventTypes {
		if !all.Wants(e) {
			t.Errorf("without events, %s is not wanted", e)
		}
		if got, want := some.Wants(e), e == normalize.MessageReceived; got != want {
			t.Errorf("%s: wanted is %v", e, got)
		}
	}
}
