package telegram

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/telegram"
	"github.com/deskbridge/deskbridge/normalize"
)

// source keeps what a stream hands over.
type source struct {
	cursor  string
	refuse  int // so many batches are not taken
	batches chan normalize.Batch
}

func (s *source) Cursor(context.Context, string) (string, error) { return s.cursor, nil }
func (s *source) Woken() <-chan struct{}                         { return nil }
func (s *source) Alive()                                         {}

func (s *source) Sink(_ context.Context, b normalize.Batch) error {
	if s.refuse > 0 {
		s.refuse--
		return errors.New("the disk is full")
	}
	s.cursor = b.Cursors[0].Value
	s.batches <- b
	return nil
}

func start(t *testing.T, mode string) (*simulator.Server, *Telegram) {
	t.Helper()
	vendor, err := simulator.Start(simulator.Options{Token: token, RetryAfter: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(vendor.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	bot := New(&Config{BotToken: configs.Secret(token), Mode: mode, SecretToken: configs.Secret(secret), Groups: true, APIURL: vendor.URL()}, connectors.Deps{
		Account: normalize.Account{Name: "tg", Type: Type}, HTTP: &http.Client{Transport: transport}, Clock: connectors.SystemClock{},
		PublicURL: "https://desk.example.com",
	})
	return vendor, bot
}

// Updates are confirmed only once they are committed, whatever happens between.
func TestPollingLosesNothing(t *testing.T) {
	vendor, bot := start(t, modePoll)
	vendor.Faults.Add(fault.Fault{Kind: fault.Lose, Path: "getUpdates"}, fault.Fault{Kind: fault.Refuse, Path: "getUpdates", Status: 502})
	src := &source{refuse: 1, batches: make(chan normalize.Batch, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = bot.Stream(ctx, src) // the daemon calls it again
		}
	}()
	want := []string{"one", "two", "three"}
	for _, text := range want {
		vendor.Text(ann, text)
	}
	var got []string
	deadline := time.After(time.Minute)
	for len(got) < len(want) {
		select {
		case b := <-src.batches:
			for _, in := range b.Inputs {
				item, err := bot.Decode(in)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, item.(*normalize.Message).Text)
			}
		case <-deadline:
			t.Fatalf("got %q", got)
		}
	}
	cancel()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the stream outlives its context")
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A webhook of somebody else's is left alone, and named.
func TestModesAndWebhooks(t *testing.T) {
	vendor, bot := start(t, modeWebhook)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- bot.Stream(ctx, &source{}) }()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var h hook
		if err := bot.call(t.Context(), "getWebhookInfo", nil, &h); err != nil {
			t.Fatal(err)
		}
		if h.URL == "https://desk.example.com/webhooks/tg" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the webhook is %q", h.URL)
		}
	}
	cancel()
	<-done
	poller := New(&Config{BotToken: configs.Secret(token), Mode: modePoll, APIURL: vendor.URL()}, bot.deps)
	poller.deps.Account.Name = "other"
	if err := poller.Stream(t.Context(), &source{}); connectors.Classify(err).Class != connectors.AccountDown || !strings.Contains(err.Error(), "leads elsewhere") {
		t.Errorf("a webhook of another account: %v", err)
	}
	poller.deps.Account.Name = "tg"
	if err := poller.leaveWebhook(t.Context()); err != nil {
		t.Errorf("our own webhook: %v", err)
	}
	if err := poller.poll(contextWithTimeout(t), &source{batches: make(chan normalize.Batch, 1)}); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("polling after that: %v", err)
	}
}

// A new secret reaches Telegram though the webhook leads here already: with the
// old one all its calls would be refused.
func TestANewSecretIsRegistered(t *testing.T) {
	vendor, bot := start(t, modeWebhook)
	for _, secret := range []configs.Secret{"the-first-secret", "the-second-secret"} {
		bot.cfg.SecretToken = secret
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- bot.Stream(ctx, &source{}) }()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if address, shown := vendor.Hook(); address == bot.hookURL() && shown == secret.Reveal() {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("Telegram was not told the secret")
			}
		}
		cancel()
		<-done
	}
}

func contextWithTimeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestFilesAreFetched(t *testing.T) {
	vendor, bot := start(t, modePoll)
	id := vendor.AddFile("photo.jpg", []byte("picture"))
	f, err := bot.Fetch(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f.Body)
	_ = f.Body.Close()
	if err != nil || string(b) != "picture" || f.Size != 7 {
		t.Errorf("got %q of %+v, %v", b, f, err)
	}
	large := vendor.AddFile("large.bin", make([]byte, 21<<20))
	for ref, want := range map[string]connectors.Class{"gone": connectors.Rejected, large: connectors.Rejected} {
		if _, err := bot.Fetch(t.Context(), ref); connectors.Classify(err).Class != want {
			t.Errorf("%s: %v, want %s", ref, err, want)
		}
	}
	vendor.Faults.Add(fault.Fault{Kind: fault.Cut, Path: "/file/", Times: 5})
	if _, err := bot.Fetch(t.Context(), id); connectors.Classify(err).Class != connectors.Transient || strings.Contains(err.Error(), token) {
		t.Errorf("a cut connection: %v", err)
	}
	vendor.Faults.Clear()
	vendor.Faults.Add(fault.Fault{Kind: fault.Hang, Path: "/file/"})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := bot.Fetch(ctx, id); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("a file that does not come: %v after %v", err, time.Since(began))
	}
}

// A group that the bot was removed from says nothing of the customer, who can
// still be written to.
func TestARefusalOfAGroupIsNotTheCustomers(t *testing.T) {
	vendor, bot := start(t, modePoll)
	for chat, want := range map[string]connectors.Class{"-100170": connectors.Rejected, "7100001": connectors.Unreachable} {
		vendor.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "sendMessage", Status: 403, Body: `{"ok":false,"error_code":403,"description":"Forbidden: bot was kicked from the group chat"}`})
		_, err := bot.Send(t.Context(), &channel.Outbound{
			Message: &normalize.Message{Thread: normalize.Thread{ID: chat}}, Parts: []normalize.Part{{Kind: normalize.PartText, Text: "hello"}},
			Recipients: []normalize.Address{{Kind: KindTelegram, Value: "7100001"}}, Begin: func(context.Context) error { return nil },
		})
		if e := connectors.Classify(err); e.Class != want || e.Detail != "the bot was removed from the group" {
			t.Errorf("chat %s: %v, want %s", chat, err, want)
		}
	}
}

func TestTakingBackAndTyping(t *testing.T) {
	vendor, bot := start(t, modePoll)
	vendor.Text(ann, "hello")
	to := normalize.Address{Kind: KindTelegram, Value: "7100001"}
	if err := bot.Typing(t.Context(), normalize.Thread{}, to); err != nil {
		t.Error(err)
	}
	var sent struct {
		ID int `json:"message_id"`
	}
	if err := bot.call(t.Context(), "sendMessage", map[string]any{"chat_id": ann.ID, "text": "oops"}, &sent); err != nil {
		t.Fatal(err)
	}
	if err := bot.Recall(t.Context(), nil, messageID(ann.ID, sent.ID)); err != nil || !vendor.Sent()[0].Deleted {
		t.Errorf("recall: %v, %+v", err, vendor.Sent())
	}
	if err := bot.Recall(t.Context(), nil, messageID(ann.ID, sent.ID)); connectors.Classify(err).Class != connectors.Rejected {
		t.Errorf("again: %v", err)
	}
}
