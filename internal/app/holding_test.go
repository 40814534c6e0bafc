package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

// shelf is a store of one lease that can be taken away, and be away.
type shelf struct {
	mu    sync.Mutex
	owner string
	fence int64
	away  bool
}

var errAway = errors.New("the store is away")

func (s *shelf) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *shelf) Acquire(_ context.Context, _, owner string, _ time.Time, _ time.Duration) (fence int64, ok bool, err error) {
	s.set(func() {
		if s.away {
			err = errAway
		} else if s.owner == "" {
			s.owner = owner
			s.fence++
			fence, ok = s.fence, true
		}
	})
	return fence, ok, err
}

func (s *shelf) Renew(_ context.Context, _, owner string, fence int64, _ time.Time, _ time.Duration) (ok bool, err error) {
	s.set(func() {
		ok = s.owner == owner && s.fence == fence
		if s.away {
			ok, err = false, errAway
		}
	})
	return ok, err
}

func (s *shelf) Release(_ context.Context, _, owner string, fence int64) error {
	s.set(func() {
		if s.owner == owner && s.fence == fence {
			s.owner = ""
		}
	})
	return nil
}

// What must run once stops when its lease is lost or could not be renewed, and
// starts again under a higher fence.
func TestHolding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		s := &shelf{}
		var mu sync.Mutex
		var fences []int64
		at := map[int64]time.Time{}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			holding(ctx, s, "x", "me", time.Now, slog.New(slog.DiscardHandler), func(ctx context.Context, fence int64) {
				mu.Lock()
				fences = append(fences, fence)
				mu.Unlock()
				<-ctx.Done()
				mu.Lock()
				at[fence] = time.Now()
				mu.Unlock()
			})
		}()
		running := func(want int) bool {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return len(fences) == want && len(at) == want-1
		}
		time.Sleep(time.Hour)
		if !running(1) {
			t.Fatalf("an hour of renewals was not one run: %v", fences)
		}
		s.set(func() { s.owner, s.fence = "other", 2 })
		time.Sleep(leaseRenew)
		if synctest.Wait(); len(at) != 1 {
			t.Error("the work went on under a lease that was lost")
		}
		time.Sleep(time.Hour)
		if len(fences) != 1 {
			t.Error("the work runs twice")
		}
		s.set(func() { s.owner = "" })
		time.Sleep(leaseRenew)
		if !running(2) || fences[1] != 3 {
			t.Errorf("after the other node went: fences %v", fences)
		}
		s.set(func() { s.away = true })
		time.Sleep(leaseTTL)
		if !running(2) {
			t.Error("the work stopped while the lease was still good")
		}
		time.Sleep(2 * leaseRenew)
		if synctest.Wait(); len(at) != 2 {
			t.Error("the work outlived its lease while the store was away")
		}
		s.set(func() { s.away, s.owner = false, "" })
		time.Sleep(leaseRenew)
		if !running(3) {
			t.Error("the work did not start again when the store was back")
		}
		stop()
		<-ended
		if s.owner != "" {
			t.Error("the lease was kept at the end")
		}
	})
}

// trickle is a channel whose stream ends as the test says.
type trickle struct {
	channel.Channel
	stream func(ctx context.Context) error
}

func (c trickle) Stream(ctx context.Context, _ channel.Source) error { return c.stream(ctx) }

// pauses runs a reader over a stream that breaks n times with err after it
// lived for so long, and returns the pauses between.
func pauses(t *testing.T, n int, lived time.Duration, err error) (list []time.Duration, states map[string]int) {
	states = map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var last time.Time
		r := &reader{
			account: normalize.Account{Name: "x"}, log: slog.New(slog.DiscardHandler), now: time.Now,
			state: func(state, _ string) { states[state]++ }, alive: func() {}, rest: func() {},
		}
		r.channel = trickle{stream: func(context.Context) error {
			if !last.IsZero() {
				list = append(list, time.Since(last))
			}
			if len(list) == n {
				stop()
			}
			time.Sleep(lived)
			last = time.Now()
			return err
		}}
		r.read(ctx, 1)
	})
	return list, states
}

func TestReadersBackOff(t *testing.T) {
	within := func(list []time.Duration, least, most time.Duration) bool {
		for _, d := range list {
			if d < least || d > most {
				return false
			}
		}
		return true
	}
	down := connectors.Errorf(connectors.AccountDown, "401", "revoked")
	if list, states := pauses(t, 12, time.Second, down); !within(list, 15*time.Second, 5*time.Minute) || list[11] < 150*time.Second || states["down"] != 12 || len(states) != 1 {
		t.Errorf("account down: %v, states %v", list, states)
	}
	broken := connectors.Errorf(connectors.Transient, "", "broken")
	if list, states := pauses(t, 12, time.Second, broken); !within(list[:2], 500*time.Millisecond, 2*time.Second) || !within(list[11:], 150*time.Second, 5*time.Minute) || states["degraded"] != 12 || len(states) != 1 {
		t.Errorf("broken: %v, states %v", list, states)
	}
	if list, _ := pauses(t, 12, 2*time.Minute, broken); !within(list, 500*time.Millisecond, 2*time.Second) {
		t.Errorf("a stream that lives well is made to wait: %v", list)
	}
	for wish, want := range map[time.Duration]time.Duration{3 * time.Minute: 3 * time.Minute, 24 * time.Hour: 5 * time.Minute} {
		slow := &connectors.Error{Class: connectors.Throttled, RetryAfter: wish}
		if list, _ := pauses(t, 2, time.Second, slow); !within(list, want, want) {
			t.Errorf("asked to wait for %v: %v", wish, list)
		}
	}
}

// The watchdog is patted while the daemon's own locks are free, and only then.
func TestWatchdogOfAStuckDaemon(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "30000000")
	t.Setenv("NOTIFY_SOCKET", "")
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		turns, stuck := 0, make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			watchdog(ctx, slog.New(slog.DiscardHandler), func() {
				if turns++; turns == 4 {
					<-stuck
				}
			})
		}()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if turns != 4 {
			t.Errorf("%d turns, want one each 10 s until the fourth hung", turns)
		}
		close(stuck)
		stop()
		<-ended
	})
}
