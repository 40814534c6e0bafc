package app_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// A stream that breaks again and again, but brought something each time, is
// begun again soon: pauses that double would have taken two minutes at least.
func TestProgressIsHealth(t *testing.T) {
	t.Parallel()
	bothEngines(t, func(t *testing.T, d *daemon) {
		l := newLine(t)
		l.stream = func(ctx context.Context, src channel.Source, n int) error {
			if err := src.Sink(ctx, input(strings.Repeat("x", n))); err != nil {
				return err
			}
			return errors.New("the connection was cut")
		}
		d.run(d.config(l.conf("support", "fake")))
		began := time.Now()
		testenv.WaitFor(t, testenv.Patience, "nine streams", func() bool { return l.count(&l.streams) >= 9 })
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("nine streams took %v", took)
		}
	})
}

// When another node takes the lease over, what this one still hands in is
// refused, its reader stops, and it says nothing more of the account's state.
// It reads again when the lease is free again.
func TestLeaseIsLost(t *testing.T) {
	t.Parallel()
	bothEngines(t, func(t *testing.T, d *daemon) {
		l := newLine(t)
		begun := make(chan channel.Source)
		l.stream = func(ctx context.Context, src channel.Source, n int) error {
			src.Alive()
			select {
			case begun <- src:
				<-ctx.Done()
			case <-ctx.Done():
			}
			return ctx.Err()
		}
		d.run(d.config(l.conf("support", "fake")))
		src := <-begun
		// What hands it in goes on when its stream has ended.
		give := func(text string) error { return src.Sink(t.Context(), input(text)) }
		if err := give("first"); err != nil {
			t.Fatal(err)
		}
		testenv.WaitFor(t, testenv.Patience, "the time of the last success", func() bool {
			return d.metric(`deskbridge_last_success_timestamp_seconds{account="support"}`) != ""
		})

		later := d.clock.Now().Add(time.Hour)
		if _, ok, err := d.Store().Acquire(t.Context(), "account/support", "other", later, time.Minute); err != nil || !ok {
			t.Fatal(ok, err)
		}
		if err := give("late"); !errors.Is(err, timeline.ErrFenced) {
			t.Errorf("a batch of a node that was replaced: %v", err)
		}
		testenv.WaitFor(t, testenv.Patience, "the end of the stream", func() bool { return l.count(&l.ended) == 1 })
		testenv.WaitFor(t, testenv.Patience, "the metrics to be left to the other node", func() bool {
			_, page := d.get(d.AdminAddr(), "/metrics")
			return !strings.Contains(page, "deskbridge_last_success_timestamp_seconds{") && !strings.Contains(page, "deskbridge_account_up{")
		})
		if a := d.account("support"); a.State != "connected" {
			t.Errorf("the account is said to be %s: %s", a.State, a.Reason)
		}
		if rows := d.inputs(); len(rows) != 1 || rows[0].Key != "first" {
			t.Errorf("ledger %v", rows)
		}
		if c, err := d.Store().Cursor(t.Context(), "support", "at"); err != nil || c != "first" {
			t.Errorf("the cursor is at %q, %v", c, err)
		}

		d.clock.step(2 * time.Hour) // the other node is gone
		src = <-begun
		if err := give("again"); err != nil {
			t.Fatal(err)
		}
		if rows := d.inputs(); len(rows) != 2 {
			t.Errorf("ledger %v", rows)
		}
	})
}

// A connector that breaks is started again, its state says why, and nothing
// that it was reading goes into the log.
func TestStreamsThatBreak(t *testing.T) {
	t.Parallel()
	bothEngines(t, func(t *testing.T, d *daemon) {
		l := newLine(t)
		next := make(chan bool)
		l.stream = func(ctx context.Context, src channel.Source, n int) error {
			if n > 1 {
				select {
				case <-next: // until then the state is what the stream before left
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			switch n {
			case 1:
				panic("my card number is 4111")
			case 2:
				return nil
			case 3:
				return connectors.Errorf(connectors.Throttled, "429", "slow down")
			}
			src.Alive()
			if err := src.Sink(ctx, input("mended")); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		}
		d.run(d.config(l.conf("support", "fake")))
		for _, want := range []string{"transient: panic: the connector failed; see the log", "transient: the connection ended", "throttled: 429: slow down"} {
			testenv.WaitFor(t, testenv.Patience, "the state "+want, func() bool {
				a := d.account("support")
				return a.State == "degraded" && a.Reason == want
			})
			next <- true
		}
		testenv.WaitFor(t, testenv.Patience, "the stream that lives", func() bool { return len(d.inputs()) == 1 })
		testenv.WaitFor(t, testenv.Patience, "the state to be good", func() bool { return d.account("support").State == "connected" })
		if d.log.holds("4111") || !d.log.holds("the connector panicked") {
			t.Error("the log holds the words of the panic, or nothing of it")
		}
	})
}

// A mailbox that can be read does not hide that nothing can be sent.
func TestTheWorseStateShows(t *testing.T) {
	t.Parallel()
	bothEngines(t, func(t *testing.T, d *daemon) {
		l := newLine(t)
		alive := make(chan bool)
		var sendable atomic.Bool
		l.stream = func(ctx context.Context, src channel.Source, _ int) error {
			for {
				src.Alive()
				select {
				case <-ctx.Done():
					return ctx.Err()
				case alive <- true:
				}
			}
		}
		l.send = func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
			if !sendable.Load() {
				return channel.Sent{}, connectors.Errorf(connectors.AccountDown, "535", "the password was refused")
			}
			return channel.Sent{}, o.Begin(ctx)
		}
		d.run(d.config(l.conf("support", "fake"), l.conf("out", "fake_out")))
		<-alive
		<-alive
		if a, up := d.account("support"), d.metric(`deskbridge_account_up{account="support"}`); a.State != "connected" || up != "1" {
			t.Errorf("at first: %s, metric %q", a.State, up)
		}
		m, out := d.write("support", "one"), d.write("out", "one")
		for _, name := range []string{"support", "out"} {
			testenv.WaitFor(t, testenv.Patience, name+" to be down", func() bool { return d.account(name).State == "down" })
		}
		<-alive
		<-alive
		if a, up := d.account("support"), d.metric(`deskbridge_account_up{account="support"}`); a.State != "down" || up != "0" || a.Reason != "the password was refused" {
			t.Errorf("read again meanwhile: %s: %s, metric %q", a.State, a.Reason, up)
		}

		// Whoever mends the password and restarts need not wait for a message
		// to see the account up.
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		sendable.Store(true)
		d.run(d.config(l.conf("support", "fake"), l.conf("out", "fake_out")))
		for _, name := range []string{"support", "out"} {
			testenv.WaitFor(t, testenv.Patience, name+" to be up", func() bool {
				select {
				case <-alive:
				default:
				}
				return d.account(name).State == "connected"
			})
		}
		for _, m := range []*normalize.Message{m, out} {
			testenv.WaitFor(t, testenv.Patience, "what waited to be sent", func() bool {
				if d.status(m) == normalize.StatusQueued {
					// The send may begin in this moment, and must keep its lease of half a minute.
					d.clock.step(5 * time.Second)
				}
				return d.status(m) == normalize.StatusAccepted
			})
		}
	})
}
