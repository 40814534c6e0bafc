package deliver

import (
	"context"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// limited may make so many requests a day.
type limited struct {
	channel.Sender
	daily int
	asked int
	sent  int
}

func (l *limited) Limits(context.Context, normalize.Thread) (channel.Limits, error) {
	return channel.Limits{Daily: l.daily, DailyRecipients: 100}, nil
}

func (l *limited) Send(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	l.asked++
	if err := o.Begin(ctx); err != nil {
		return channel.Sent{}, err
	}
	l.sent++
	return channel.Sent{}, nil
}

type fixedClock struct{}

func (fixedClock) Now() time.Time { return time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC) }

// TestTheDaysLimitIsKept: what is above it waits and the vendor is not asked.
// What other nodes have sent between the first look and the point of no return
// counts as well.
func TestTheDaysLimitIsKept(t *testing.T) {
	store := &oneSend{}
	ch := &limited{daily: 3}
	w := &Worker{Channel: ch, Store: store, Clock: fixedClock{}}
	job := &outbox.Job{Task: outbox.TaskSend, Account: "mail", Parts: []normalize.ID{1}}
	attempts := 0
	send := func() outbox.Result {
		return w.send(t.Context(), job, func(context.Context) error { attempts++; return nil })
	}
	full := func(res outbox.Result) bool {
		return res.Err != nil && res.Err.Class == connectors.Throttled && res.Err.Code == "daily_limit" && res.Err.RetryAfter == 5*time.Hour
	}
	for range 2 {
		if res := send(); res.Err != nil {
			t.Fatal(res.Err)
		}
	}
	racing := &others{Sender: ch, store: store}
	w.Channel = racing
	if res := send(); !full(res) || ch.sent != 2 || attempts != 2 {
		t.Errorf("another node took the last place: %v, %d sent, %d attempts", res.Err, ch.sent, attempts)
	}
	asked := ch.asked
	if res := send(); !full(res) || ch.asked != asked {
		t.Errorf("the vendor is asked for what does not fit: %v", res.Err)
	}
	ch.daily = 0
	w.Channel = &unlimited{ch}
	if res := send(); res.Err != nil || ch.sent != 3 {
		t.Errorf("without a limit: %v", res.Err)
	}
}

// others lets another node send in between.
type others struct {
	channel.Sender
	store *oneSend
}

func (o *others) Send(ctx context.Context, out *channel.Outbound) (channel.Sent, error) {
	o.store.spent.Requests++
	return o.Sender.Send(ctx, out)
}

type unlimited struct{ channel.Sender }

func (unlimited) Limits(context.Context, normalize.Thread) (channel.Limits, error) {
	return channel.Limits{}, nil
}
