package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// A chat from its first message to what is taken back: the vendor is asked who
// writes, the window closes, and the number of messages has an end.
func TestAChat(t *testing.T) {
	t.Parallel()
	bothEngines(t, func(t *testing.T, d *daemon) {
		l := newLine(t)
		until := d.clock.Now().Add(time.Hour).Truncate(time.Second)
		l.decode = func(in normalize.Input) (normalize.Item, error) {
			return &normalize.Message{
				ExternalID: in.Key, Address: normalize.Email("li@example.test", ""), Text: string(in.Raw),
				ReplyWindow: &normalize.ReplyWindow{Until: until, Remaining: 5},
			}, nil
		}
		l.stream = func(ctx context.Context, src channel.Source, n int) error {
			if err := src.Sink(ctx, input("hello")); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		}
		l.profile = func(a normalize.Address) (*channel.Profile, error) {
			return &channel.Profile{Name: "Li of " + a.Value}, nil
		}
		left := make(chan int, 10)
		l.send = func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
			if w := o.Message.ReplyWindow; w != nil && w.Until.Equal(until) {
				left <- w.Remaining
			}
			return channel.Sent{ExternalID: "sent-" + o.Key}, o.Begin(ctx)
		}
		typed, recalled := make(chan string, 1), make(chan string, 1)
		l.typing = func(to normalize.Address) { typed <- to.Value }
		l.recall = func(externalID string) error { recalled <- externalID; return nil }
		d.run(d.config(l.conf("chat", "fake_chat")))

		var in *normalize.Message
		testenv.WaitFor(t, testenv.Patience, "the customer's name", func() bool {
			m, err := d.Store().ByExternalID(t.Context(), "chat", "hello")
			in = m
			return err == nil && m.Customer.Name == "Li of li@example.test"
		})
		if err := d.Typing(t.Context(), in.ConversationID); err != nil || <-typed != "li@example.test" {
			t.Errorf("typing: %v", err)
		}
		var last *normalize.Message
		for i := range 3 {
			last = d.write("chat", "answer")
			testenv.WaitFor(t, testenv.Patience, "the answer", func() bool { return d.status(last) == normalize.StatusAccepted })
			if n := <-left; n != 5-i {
				t.Errorf("answer %d: the channel was told that %d are left", i, n)
			}
		}
		_, _, err := d.Reply(t.Context(), timeline.Answer{Conversation: in.ConversationID, Text: "one too many"})
		if why, ok := errors.AsType[*timeline.Refused](err); !ok || why.Reason != "too_many" {
			t.Errorf("the fourth message of an hour: %v", err)
		}
		m, err := d.Recall(t.Context(), last.ID)
		if err != nil || m.DeletedAt.IsZero() {
			t.Fatalf("recall: %+v, %v", m, err)
		}
		if got := <-recalled; got != m.ExternalID {
			t.Errorf("recalled %q of %q", got, m.ExternalID)
		}
		if w := m.ReplyWindow; w == nil || w.Remaining != 2 {
			t.Errorf("window %+v", w)
		}
	})
}
