package store

import (
	"context"
	"crypto/rand"
	"sync"
	"time"
)

// InstallationKey returns this installation's own secret of 32 bytes, the same
// on all nodes. It is made once.
func (db *DB) InstallationKey(ctx context.Context) ([]byte, error) {
	return commit(ctx, db, func(t tx) (key []byte, err error) {
		fresh := make([]byte, 32)
		rand.Read(fresh)
		t.exec(`INSERT INTO settings (name, value) VALUES ('key', $1) ON CONFLICT (name) DO NOTHING`, fresh)
		_, err = one(t, `SELECT value FROM settings WHERE name = 'key'`, nil, &key)
		return key, err
	})
}

// readiness remembers the last proof that the store can commit.
type readiness struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

// Ready proves that the store can commit, at most once a second.
func (db *DB) Ready(ctx context.Context) error {
	r := &db.ready
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.at) < time.Second {
		return r.err
	}
	now := time.Now()
	r.err = db.write(ctx, func(t tx) error {
		t.exec(`INSERT INTO settings (name, value) VALUES ('ready', $1)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, []byte(now.UTC().Format(time.RFC3339Nano)))
		return nil
	})
	r.at = time.Now()
	return r.err
}

// Stats are numbers for the metrics.
type Stats struct {
	Engine string
	Bytes  int64 // of the database
	WAL    int64 // of SQLite's write-ahead log
	// Commits, the Operations in them, and those that had to be applied by
	// themselves after a group had failed.
	Commits, Operations, Alone int64
}

// Stats returns numbers for the metrics.
func (db *DB) Stats(ctx context.Context) (Stats, error) {
	st, err := db.eng.stats(ctx)
	st.Commits, st.Operations, st.Alone = db.counters.commits.Load(), db.counters.operations.Load(), db.counters.alone.Load()
	return st, err
}
