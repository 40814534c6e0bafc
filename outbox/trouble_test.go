package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
	"github.com/deskbridge/deskbridge/outbox/deliver"
)

type storeAccount = store.Account

var silent = slog.New(slog.DiscardHandler)

// broken is a store that fails for a while.
type broken struct {
	outbox.Store
	down atomic.Bool
}

var errDown = errors.New("the disk is full")

func (b *broken) Settle(ctx context.Context, s outbox.Settlement) error {
	if b.down.Load() {
		return errDown
	}
	return b.Store.Settle(ctx, s)
}

func (b *broken) Claim(ctx context.Context, lane outbox.Lane, a string, now time.Time, l time.Duration, n int) ([]*outbox.Job, error) {
	if b.down.Load() {
		return nil, errDown
	}
	return b.Store.Claim(ctx, lane, a, now, l, n)
}

func TestAResultIsHeldWhileTheStoreIsDown(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		b := &broken{Store: r.DB}
		r.vendor.script(func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
			defer b.down.Store(true)
			return r.vendor.take(ctx, o)
		})
		job := r.Send("ann")
		r.deliver(func(c *outbox.Config) { c.Store = b })
		r.eventually("the request", func() bool { return r.vendor.requests() == 1 })
		r.step(25 * time.Second) // the lease is renewed meanwhile
		time.Sleep(50 * time.Millisecond)
		r.step(25 * time.Second)
		time.Sleep(50 * time.Millisecond)
		b.down.Store(false)
		r.becomes(job, outbox.Done)
		if n := r.vendor.requests(); n != 1 {
			t.Errorf("sent %d times", n)
		}
	})
}

// A machine that sleeps for an hour with a send under way finds its lease over
// when it wakes, and goes on all the same.
func TestASendThatOutlivesItsLeaseGoesOn(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		hold := make(chan struct{})
		r.vendor.script(func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
			s, err := r.vendor.take(ctx, o)
			<-hold
			return s, err
		})
		job := r.Send("ann")
		r.deliver()
		r.eventually("the request", func() bool { return r.vendor.requests() == 1 })
		for range 5 {
			r.step(time.Hour)
			time.Sleep(20 * time.Millisecond)
		}
		close(hold)
		r.becomes(job, outbox.Done)
		if n := r.vendor.requests(); n != 1 {
			t.Errorf("sent %d times", n)
		}
	})
}

// lapsing is a store that renews no lease, and whose answer to the claim that
// comes upon such a job takes until a result of it was refused.
type lapsing struct {
	outbox.Store
	on      atomic.Bool
	claimed chan struct{}
	refused chan struct{}
	once    sync.Once
}

func (l *lapsing) Extend(ctx context.Context, job normalize.ID, fence int64, until time.Time) error {
	if l.on.Load() {
		return errDown
	}
	return l.Store.Extend(ctx, job, fence, until)
}

func (l *lapsing) Claim(ctx context.Context, lane outbox.Lane, a string, now time.Time, d time.Duration, n int) ([]*outbox.Job, error) {
	jobs, err := l.Store.Claim(ctx, lane, a, now, d, n)
	if len(jobs) > 0 && l.on.Swap(false) {
		close(l.claimed)
		<-l.refused
	}
	return jobs, err
}

func (l *lapsing) Settle(ctx context.Context, s outbox.Settlement) error {
	err := l.Store.Settle(ctx, s)
	if errors.Is(err, outbox.ErrLost) {
		l.once.Do(func() { close(l.refused) })
	}
	return err
}

// A result that comes while the dispatcher claims the same job anew, since its
// lease could not be renewed, is not lost.
func TestAResultMeetsAClaimOfItsOwnJob(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		store := &lapsing{Store: r.DB, claimed: make(chan struct{}), refused: make(chan struct{})}
		hold := make(chan struct{})
		r.vendor.script(func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
			s, err := r.vendor.take(ctx, o)
			<-hold
			return s, err
		})
		job := r.Send("ann")
		r.deliver(func(c *outbox.Config) { c.Store = store })
		r.eventually("the request", func() bool { return r.vendor.requests() == 1 })
		store.on.Store(true)
		r.step(time.Hour)
		<-store.claimed
		close(hold)
		r.becomes(job, outbox.Done)
		if n := r.vendor.requests(); n != 1 {
			t.Errorf("sent %d times", n)
		}
	})
}

func TestStoppingWithSendsUnderWay(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin bool
		obeys bool // returns when its context ends; else ends by itself in time
		state outbox.State
	}{
		{"what had begun may end by itself", true, false, outbox.Done},
		{"what had begun and is cut off is uncertain", true, true, outbox.Uncertain},
		{"what had not begun is released", false, true, outbox.Queued},
	} {
		t.Run(c.name, func(t *testing.T) {
			engines(t, func(t *testing.T, r *rig) {
				under, end := make(chan struct{}), make(chan struct{})
				r.vendor.script(func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
					if c.begin {
						if err := o.Begin(ctx); err != nil {
							return channel.Sent{}, err
						}
					}
					close(under)
					if c.obeys {
						<-ctx.Done()
						return channel.Sent{}, ctx.Err()
					}
					<-end
					return channel.Sent{}, nil
				})
				job := r.Send("ann")
				stop := r.deliver(func(cfg *outbox.Config) { cfg.Grace = 300 * time.Millisecond })
				<-under
				time.AfterFunc(50*time.Millisecond, func() { close(end) })
				stop()
				j := r.becomes(job, c.state)
				if c.state != outbox.Queued {
					return
				}
				if j.Tries != 0 {
					t.Error("the stop of the daemon was counted against the job")
				}
				r.step(time.Second)
				if jobs := r.Claims("mail", 1); len(jobs) != 1 {
					t.Error("not released to others at once")
				}
			})
		})
	}
}

func TestAPanicStopsOneJobOnly(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.vendor.script(func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
			switch o.Message.Address.Value {
			case "before@example.com":
				panic("provoked")
			case "after@example.com":
				if err := o.Begin(ctx); err != nil {
					return channel.Sent{}, err
				}
				_ = o.Parts[len(o.Parts)]
			}
			return r.vendor.take(ctx, o)
		})
		before, after, fine := r.Send("before"), r.Send("after"), r.Send("fine")
		r.deliver()
		r.becomes(before, outbox.Failed)
		r.becomes(after, outbox.Uncertain)
		r.becomes(fine, outbox.Done)
		if _, why := r.part(before); why != "panic: a fault in the connector for this account; the log has the details" {
			t.Errorf("shown: %q", why)
		}
	})
}

// startled panics when it is asked how fast the account may be worked.
type startled struct {
	outbox.Worker
	asked atomic.Int64
}

func (s *startled) Pace(ctx context.Context) outbox.Pace {
	if s.asked.Add(1) < 3 {
		panic("provoked")
	}
	return s.Worker.Pace(ctx)
}

func TestAPanicOverLimitsStopsNothing(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		worker := &deliver.Worker{Channel: r.vendor, Store: r.DB, Clock: r.clock, Log: slog.New(slog.DiscardHandler)}
		job := r.Send("ann")
		r.start(r.DB, &startled{Worker: worker}, outbox.Deliver, "mail")
		r.becomes(job, outbox.Done)
	})
}

func TestABeginThatAConnectorForgotOrRepeated(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.vendor.script(func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
			if o.Message.Address.Value == "twice@example.com" {
				for range 2 {
					if err := o.Begin(ctx); err != nil {
						return channel.Sent{}, err
					}
				}
			}
			return channel.Sent{ExternalID: "x" + o.Key}, nil
		})
		for _, job := range []*outbox.Job{r.Send("twice"), r.Send("never")} {
			r.deliver()
			j := r.becomes(job, outbox.Done)
			list, err := r.Attempts(t.Context(), job.ID)
			if err != nil || len(list) != 1 || list[0].Outcome != "accepted" || j.Attempts != 1 {
				t.Errorf("%+v %v", list, err)
			}
		}
	})
}

// A customer is erased while an answer to them is about to be sent: it is not,
// and those of others are.
func TestAnErasureTakesAJobFromItsWorker(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.vendor.limits.Parallel = 1
		r.vendor.script(func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
			if o.Message.Address.Value == "ann@example.com" {
				if _, err := r.Erase(ctx, o.Message.Customer.ID, r.Now); err != nil {
					t.Error(err)
				}
			}
			return r.vendor.take(ctx, o)
		})
		r.Send("ann")
		r.deliver()
		r.eventually("the answer is gone", func() bool {
			jobs, err := r.Jobs(t.Context(), outbox.Filter{Account: "mail"})
			return err == nil && len(jobs) == 0
		})
		r.becomes(r.Send("bob"), outbox.Done)
		if n := r.vendor.requests(); n != 1 {
			t.Errorf("%d answers went out, want Bob's alone", n)
		}
	})
}

func TestABeginThatCannotBeRecordedSendsNothing(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		job := r.Send("ann")
		var stolen atomic.Bool
		r.vendor.script(func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
			if !stolen.Swap(true) { // another node takes the claim over in this moment
				if jobs, err := r.Claim(ctx, outbox.Deliver, "mail", r.clock.Now().Add(40*time.Minute), time.Second, 1); err != nil || len(jobs) != 1 {
					t.Errorf("cannot steal: %v", err)
				}
				_, err := r.vendor.take(ctx, o)
				if !errors.Is(err, outbox.ErrLost) {
					t.Errorf("Begin says %v", err)
				}
				return channel.Sent{}, err
			}
			return r.vendor.take(ctx, o)
		})
		r.deliver()
		r.eventually("stolen", stolen.Load)
		time.Sleep(30 * time.Millisecond)
		if r.vendor.requests() != 0 {
			t.Fatal("sent without a claim")
		}
		r.step(50 * time.Minute) // past the thief's lease
		r.becomes(job, outbox.Done)
		if n := r.vendor.requests(); n != 1 {
			t.Errorf("sent %d times", n)
		}
	})
}

func TestAHelpdeskThatIsDownForAnHour(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		d := &desk{}
		d.script(func() error { return errors.New("connection refused") })
		r.forward(d)
		const customers = 20
		for range 3 {
			for i := range customers {
				r.Send(fmt.Sprint("c", i))
			}
		}
		r.eventually("the first calls", func() bool { calls, _ := d.counts(); return calls >= 5 })
		for range 60 {
			r.step(time.Minute)
			time.Sleep(8 * time.Millisecond)
		}
		if calls, _ := d.counts(); calls > 150 {
			t.Errorf("%d calls in an hour", calls)
		}
		d.script(nil)
		told := func() (list []*normalize.Event) {
			d.mu.Lock()
			defer d.mu.Unlock()
			for _, e := range d.took {
				if e.Type == normalize.MessageSent { // the others are on the desk's own state
					list = append(list, e)
				}
			}
			return list
		}
		r.eventually("everything told", func() bool {
			r.step(20 * time.Second)
			return len(told()) == 3*customers
		})
		last := map[normalize.ID]int64{}
		for _, e := range told() {
			if e.Seq <= last[e.Conversation] {
				t.Errorf("conversation %s out of order", e.Conversation)
			}
			last[e.Conversation] = e.Seq
		}
	})
}

func TestADeadLetterLetsTheNextEventsThrough(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		d := &desk{}
		n := 0
		d.script(func() error {
			if n++; n == 1 {
				return said(connectors.Rejected)
			}
			return nil
		})
		r.Send("ann")
		r.Send("ann")
		r.forward(d)
		r.eventually("the second event", func() bool { _, took := d.counts(); return took == 1 })
		stuck, err := r.Jobs(t.Context(), outbox.Filter{Lane: outbox.Forward, Stuck: true})
		if err != nil || len(stuck) != 1 || stuck[0].State != outbox.Failed {
			t.Fatalf("%+v %v", stuck, err)
		}
		if err := r.Retry(t.Context(), stuck[0].ID, time.Time{}, r.Now); err != nil {
			t.Fatal(err)
		}
		r.eventually("the dead letter", func() bool { _, took := d.counts(); return took == 2 })
	})
}
