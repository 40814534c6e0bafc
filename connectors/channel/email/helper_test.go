package email

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/connectortest"
	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	desk   = "support@example.test"
	anna   = "anna@customers.test"
	secret = "pass word"
)

var now = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

type fixedClock struct{}

func (fixedClock) Now() time.Time { return now }

func deps() connectors.Deps {
	return connectors.Deps{
		Account: normalize.Account{Name: "support", Type: Type},
		Log:     slog.New(slog.DiscardHandler), HTTP: http.DefaultClient, Clock: fixedClock{}, Tokens: &connectortest.Tokens{},
		Key: []byte("0123456789abcdef0123456789abcdef"), MaxMedia: 1 << 20,
	}
}

// plainConfig is an account without TLS on the given servers.
func plainConfig(t testing.TB, imapAddr, smtpAddr string) *Config {
	t.Helper()
	c := newConfig()
	c.Address, c.FromName, c.Aliases = desk, "Desk Support", []string{"help@example.test"}
	c.IMAP.Host, c.IMAP.Port = hostPort(t, imapAddr)
	c.SMTP.Host, c.SMTP.Port = hostPort(t, smtpAddr)
	c.IMAP.TLS, c.SMTP.TLS = tlsNone, tlsNone
	c.IMAP.Password, c.SMTP.Password = secret, secret
	return c
}

func hostPort(t testing.TB, addr string) (string, int) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return host, n
}

func open(t testing.TB, c *Config) *Email {
	t.Helper()
	if errs := c.Validate(); len(errs) > 0 {
		t.Fatalf("configuration: %v", errs)
	}
	e, err := New(c, deps())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// offline is an account whose servers are never called.
func offline(t testing.TB) *Email { return open(t, plainConfig(t, "127.0.0.1:1", "127.0.0.1:1")) }

// onSimulator is an account on a mail system in process.
func onSimulator(t *testing.T, change ...func(*Config)) (*Email, *mail.Server) {
	t.Helper()
	noLeaks(t)
	s, err := mail.Start(mail.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !strings.Contains(err.Error(), "use of closed") {
			t.Error(err)
		}
	})
	s.AddUser(mail.User{Address: desk, Password: secret, Token: "good"})
	s.AddUser(mail.User{Address: anna, Password: secret})
	c := plainConfig(t, s.IMAPAddr(), s.SMTPAddr())
	for _, f := range change {
		f(c)
	}
	return open(t, c), s
}

// noLeaks fails the test when a goroutine is left over at its end.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t, before)
	})
}

// inbox is the store's side of a stream: it keeps what was committed.
type inbox struct {
	mu      sync.Mutex
	inputs  []normalize.Input
	cursors map[string]string
	alive   int
	batches []int
	refuse  error
}

func (b *inbox) Cursor(_ context.Context, key string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cursors[key], nil
}

func (b *inbox) Sink(_ context.Context, batch normalize.Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return b.refuse
	}
	b.inputs = append(b.inputs, batch.Inputs...)
	b.batches = append(b.batches, len(batch.Inputs))
	if b.cursors == nil {
		b.cursors = map[string]string{}
	}
	for _, c := range batch.Cursors {
		b.cursors[c.Key] = c.Value
	}
	return nil
}

func (b *inbox) Woken() <-chan struct{} { return nil }

func (b *inbox) Alive() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alive++
}

func (b *inbox) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.inputs)
}

func (b *inbox) rounds() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.alive
}

func (b *inbox) all() []normalize.Input {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]normalize.Input(nil), b.inputs...)
}

// stream runs Stream until stop is called, which returns its error.
func stream(t *testing.T, e *Email, b *inbox) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Stream(ctx, b) }()
	stopped := false
	stop = func() error {
		stopped = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Second):
			t.Error("the stream did not end with its context")
			return nil
		}
	}
	t.Cleanup(func() {
		if !stopped {
			_ = stop()
		}
	})
	return stop
}

// streamUntilError runs Stream until it fails by itself.
func streamUntilError(t *testing.T, e *Email, b *inbox) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := e.Stream(ctx, b)
	if ctx.Err() != nil {
		t.Fatal("the stream went on")
	}
	return err
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	testenv.WaitFor(t, 20*time.Second, what, cond)
}

// eml puts a mail together; its lines get the ends they need.
func eml(lines ...string) []byte {
	return []byte(strings.Join(lines, "\r\n") + "\r\n")
}

func letter(from, id, subject string) []byte {
	return eml("From: "+from, "To: "+desk, "Subject: "+subject, "Message-ID: <"+id+">",
		"Date: Sat, 21 Nov 2026 08:00:00 +0000", "", "Hello, my order has not arrived.")
}

func decodeMessage(t testing.TB, e *Email, raw []byte) *normalize.Message {
	t.Helper()
	item, err := e.Decode(normalize.Input{Raw: raw, ReceivedAt: now})
	if err != nil {
		t.Fatalf("decode: %v\n%s", err, raw)
	}
	m, ok := item.(*normalize.Message)
	if !ok {
		t.Fatalf("decoded to %T", item)
	}
	return m
}

// outbound is an answer to repliedTo, prepared as the timeline does it.
func outbound(t testing.TB, e *Email, repliedTo *normalize.Message, parts ...normalize.Part) *channel.Outbound {
	t.Helper()
	m := &normalize.Message{
		ID: normalize.NewID(now), Direction: normalize.Outbound, Address: normalize.Email(anna, "Anna"),
		ReceivedAt: now, Parts: parts,
	}
	if repliedTo != nil {
		m.Address = repliedTo.Address
	}
	if err := e.Prepare(m, repliedTo); err != nil {
		t.Fatal(err)
	}
	return &channel.Outbound{
		Key: "job-1", Attempt: 1, Message: m, Parts: m.Parts,
		Recipients: append(append([]normalize.Address(nil), m.Thread.To...), m.Thread.Cc...),
		Begin:      func(context.Context) error { return nil },
		Open: func(_ context.Context, m *normalize.Media) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(m.Data)), nil
		},
	}
}

func textPart(s string) normalize.Part { return normalize.Part{Kind: normalize.PartText, Text: s} }
