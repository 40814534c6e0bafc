package app

import (
	"context"
	"log/slog"
	"time"
)

const (
	leaseTTL   = 30 * time.Second
	leaseRenew = leaseTTL / 3
)

// Leases are held in the store, so that what must run once runs once over all
// nodes. A fence grows with every change of hands.
type Leases interface {
	Acquire(ctx context.Context, name, owner string, now time.Time, ttl time.Duration) (fence int64, ok bool, err error)
	Renew(ctx context.Context, name, owner string, fence int64, now time.Time, ttl time.Duration) (ok bool, err error)
	Release(ctx context.Context, name, owner string, fence int64) error
}

// holding runs work while this node holds a lease, again and again, until ctx
// ends. The context of work ends when the lease is lost; its fence goes into
// every commit, so that even a node that overslept its lease changes nothing.
func holding(ctx context.Context, l Leases, name, owner string, now func() time.Time, log *slog.Logger, work func(ctx context.Context, fence int64)) {
	for ctx.Err() == nil {
		fence, ok, err := l.Acquire(ctx, name, owner, now(), leaseTTL)
		if err != nil && ctx.Err() == nil {
			log.Warn("cannot take the lease", "lease", name, "err", err)
		}
		if err != nil || !ok {
			pause(ctx, leaseRenew)
			continue
		}
		held, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer cancel()
			renew(held, l, name, owner, fence, now, log)
		}()
		work(held, fence)
		cancel()
		<-done
		// Even when ctx has ended: the next node, or our own next start, need
		// not wait for the lease to run out.
		bye, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		if err := l.Release(bye, name, owner, fence); err != nil {
			log.Warn("cannot give the lease back; it runs out by itself", "lease", name, "err", err)
		}
		stop()
	}
}

// renew returns when ctx ends or the lease is lost.
func renew(ctx context.Context, l Leases, name, owner string, fence int64, now func() time.Time, log *slog.Logger) {
	good := time.Now()
	for pause(ctx, leaseRenew) {
		ok, err := l.Renew(ctx, name, owner, fence, now(), leaseTTL)
		switch {
		case err == nil && ok:
			good = time.Now()
		case err == nil:
			log.Warn("another node has taken over", "lease", name)
			return
		case time.Since(good) > leaseTTL:
			log.Warn("the lease ran out while the store was away", "lease", name, "err", err)
			return
		}
	}
}

// pause waits and reports whether ctx is still good.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
