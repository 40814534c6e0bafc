package slack_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/channel/slack"
	"github.com/deskbridge/deskbridge/connectors/connectortest"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/normalize"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is an account with its Slack.
type rig struct {
	*slack.Slack
	slack *simulator.Server
	src   *source
	keys  *connectortest.Tokens
}

// open starts a Slack and an account; change may be nil.
func open(t *testing.T, o simulator.Options, change func(*slack.Config)) *rig {
	t.Helper()
	s, err := simulator.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	people(s)
	kind, _ := channel.Kinds.Get(slack.Type)
	c, ok := kind.Config().(*slack.Config)
	if !ok {
		t.Fatal("the configuration is of another type")
	}
	c.BotToken, c.AppToken, c.SigningSecret = configs.Secret(s.BotToken()), configs.Secret(s.AppToken()), secret
	c.APIURL, c.ListenTo = s.APIURL(), []string{shared}
	if change != nil {
		change(c)
	}
	transport := &http.Transport{}
	keys := &connectortest.Tokens{}
	ch := slack.New(c, connectors.Deps{
		Account: normalize.Account{Name: "desk", Type: slack.Type}, Log: slog.New(slog.DiscardHandler),
		HTTP: &http.Client{Transport: transport}, Clock: connectors.SystemClock{}, Tokens: keys, MaxMedia: 25 << 20,
	})
	r := &rig{Slack: ch, slack: s, keys: keys, src: newSource(ch)}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// stream runs the account until the test ends, and returns what ends Stream
// by itself.
func (r *rig) stream(t *testing.T) <-chan error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() { ended <- r.Stream(ctx, r.src) })
	t.Cleanup(func() {
		cancel()
		began := time.Now()
		wg.Wait()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Stream went on for %v after its context had ended", took)
		}
	})
	return ended
}

// connected waits for the account's connection of Socket Mode.
func (r *rig) connected(t *testing.T) {
	t.Helper()
	if err := r.slack.WaitFor(within(t), func() bool { return r.slack.Counts().Connections > 0 }); err != nil {
		t.Fatal("there is no connection of Socket Mode")
	}
}

// within returns a context of a test that takes too long.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// settled waits until Slack has nothing more to hand over.
func (r *rig) settled(t *testing.T) {
	t.Helper()
	if err := r.slack.WaitFor(within(t), func() bool { return r.slack.Pending() == 0 }); err != nil {
		t.Fatalf("%d events are still pending, of %+v", r.slack.Pending(), r.slack.Counts())
	}
}

// source takes batches in, as the daemon does: what has the same external id is
// one message.
type source struct {
	channel channel.Channel

	mu       sync.Mutex
	inputs   []normalize.Input
	messages []*normalize.Message
	seen     map[string]bool
	others   []normalize.Item
	failures int // batches to refuse
	cursors  map[string]string
	noted    int // how often a cursor came
	gaps     int
	woken    chan struct{}
	alive    int
	changed  chan struct{}
}

func newSource(c channel.Channel) *source {
	return &source{channel: c, seen: map[string]bool{}, cursors: map[string]string{}, changed: make(chan struct{})}
}

func (s *source) Woken() <-chan struct{} { return s.woken }

func (s *source) Cursor(_ context.Context, key string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[key], nil
}

func (s *source) Alive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive++
	s.notify()
}

func (s *source) Gaps(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaps += n
	s.notify()
}

func (s *source) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

var errStore = connectors.Errorf(connectors.Transient, "store", "the disk is full")

func (s *source) Sink(_ context.Context, b normalize.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.notify()
	if s.failures > 0 && len(b.Inputs) > 0 {
		s.failures--
		return errStore
	}
	for _, c := range b.Cursors {
		s.cursors[c.Key] = c.Value
		s.noted++
	}
	for _, in := range b.Inputs {
		s.inputs = append(s.inputs, in)
		if in.Refused != "" {
			continue
		}
		item, err := s.channel.Decode(in)
		if err != nil {
			return err
		}
		m, ok := item.(*normalize.Message)
		if !ok {
			s.others = append(s.others, item)
		} else if !s.seen[m.ExternalID] {
			s.seen[m.ExternalID] = true
			s.messages = append(s.messages, m)
		}
	}
	return nil
}

// until waits for ok, which is asked with the lock held.
func (s *source) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx := within(t)
	for {
		s.mu.Lock()
		done, changed := ok(), s.changed
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s: it did not come to that", what)
		}
	}
}

func (s *source) texts() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		list = append(list, m.Text)
	}
	return list
}

// answer is an outbound message of one part.
func answer(key string, th normalize.Thread, p normalize.Part, content []byte) *channel.Outbound {
	m := &normalize.Message{
		ID: normalize.NewID(time.Now()), Direction: normalize.Outbound, Thread: th, Parts: []normalize.Part{p},
		Address: normalize.Address{Kind: slack.KindSlack, Value: marie.Team + ":" + marie.ID},
	}
	return &channel.Outbound{
		Key: key, Attempt: 1, Message: m, Parts: m.Parts, Recipients: []normalize.Address{m.Address},
		Begin: func(context.Context) error { return nil },
		Open: func(context.Context, *normalize.Media) (io.ReadCloser, error) {
			if content == nil {
				return nil, errors.New("there is no file")
			}
			return io.NopCloser(bytes.NewReader(content)), nil
		},
	}
}

func say(words string) normalize.Part { return normalize.Part{Kind: normalize.PartText, Text: words} }
