package store

import (
	"context"
	"time"
)

const (
	// indexRest is how much longer than an indexing the rest after it is, so
	// that the ingest hardly notices.
	indexRest = 9
	// indexBusy is how many operations a second make a store busy; then the
	// index falls behind, with a batch in each indexPause.
	indexBusy  = 300
	indexPause = time.Second
	// indexSoon is how long after news the index follows; more news often come
	// right behind.
	indexSoon = 500 * time.Millisecond
	// indexPoll is how often it looks for what other nodes committed.
	indexPoll = 5 * time.Second
)

// KeepIndex keeps the index for the search up to date until ctx ends, as long
// as there is anybody who searches.
func (db *DB) KeepIndex(ctx context.Context, wanted func() bool) {
	for ctx.Err() == nil {
		if !wanted() {
			if err := db.ForgetIndex(ctx); err != nil && ctx.Err() == nil {
				db.log.Warn("the index for the search could not be set back; will try again", "err", err)
			}
			rest(ctx, indexPoll)
			continue
		}
		changed := db.Changed() // before looking, so that nothing falls between
		begun := time.Now()
		n, err := db.Index(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			db.log.Warn("messages could not be indexed for the search; will try again", "err", err)
			rest(ctx, indexPoll)
		case n > 0:
			took := time.Since(begun)
			before, from := db.counters.operations.Load(), time.Now()
			rest(ctx, max(indexRest*took, 50*time.Millisecond))
			if rate := float64(db.counters.operations.Load()-before) / time.Since(from).Seconds(); rate > indexBusy {
				rest(ctx, indexPause)
			}
		default:
			poll := time.NewTimer(indexPoll)
			select {
			case <-ctx.Done():
			case <-changed:
				rest(ctx, indexSoon)
			case <-poll.C:
			}
			poll.Stop()
		}
	}
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(min(d, indexPoll))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
