package app

import (
	"context"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
)

const (
	idleEvery  = 10 * time.Second
	sweepEvery = 10 * time.Minute
	idleBatch  = 200
)

// housekeeping closes idle conversations and deletes what is past its
// retention, on one node at a time.
func (a *App) housekeeping(ctx context.Context) {
	holding(ctx, a.db, "housekeeping", a.owner, a.now, a.log, func(ctx context.Context, _ int64) {
		var swept time.Time
		for pause(ctx, idleEvery) {
			a.closeIdle(ctx)
			if now := a.now(); now.Sub(swept) > sweepEvery {
				swept = now
				a.sweep(ctx, now)
			}
		}
	})
}

// indexing keeps what the inbox searches, on one node at a time, while there
// is an inbox.
func (a *App) indexing(ctx context.Context) {
	holding(ctx, a.db, "search", a.owner, a.now, a.log, func(ctx context.Context, _ int64) {
		a.db.KeepIndex(ctx, func() bool { return len(a.users()) > 0 || a.oidc() != nil })
	})
}

func (a *App) closeIdle(ctx context.Context) {
	for ctx.Err() == nil {
		now := a.now()
		n, err := a.db.CloseIdle(ctx, now.Add(-a.file.Load().Conversations.IdleTimeout), now, idleBatch)
		if err != nil {
			a.log.Warn("idle conversations could not be closed", "err", err)
		}
		if n < idleBatch || err != nil {
			return
		}
	}
}

func (a *App) sweep(ctx context.Context, now time.Time) {
	r := a.file.Load().Retention
	digests, err := a.db.Sweep(ctx, store.Retention{Raw: now.Add(-r.Raw), Jobs: now.Add(-r.Jobs), Events: now.Add(-r.Events), Early: now.Add(-store.EarlyTime)})
	if err != nil {
		a.log.Warn("data past their retention could not be deleted; will try again", "err", err)
	}
	for _, d := range digests {
		if err := a.media.Remove(ctx, d); err != nil {
			a.log.Warn("a media file could not be deleted", "digest", d, "err", err)
		}
	}
}

// announce wakes the event streams at every commit.
func (a *App) announce(ctx context.Context) {
	for ctx.Err() == nil {
		changed := a.db.Changed()
		a.server.Notify()
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}
