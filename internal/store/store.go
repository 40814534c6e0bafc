// Package store is the database: one DB over SQLite and PostgreSQL that keeps
// the ledger, the customers, their timelines and the outbox.
//
// # Commits
//
// Every verb that writes is one commit, and returns nil only when that commit
// is durable. One writer applies all operations that wait at a moment in one
// transaction and answers them after its commit, so that many messages share
// one flush of the disk; there is no timer in it. When a group fails, its
// operations are applied again one by one, so that a poison one fails alone.
// A verb whose error is not one of its package's own (ErrNotFound, ErrFenced
// ...) may be called again: the input that was taken in after all is then a
// duplicate, and a claim that was settled after all is lost.
//
// # Engines
//
// Both are driven by their native interfaces, with one SQL text; what differs
// is in type dialect, and in what is done to many rows at once (bulk.go).
// SQLite's native interface commits 1.27 times (64 callers) and 1.34 times (256)
// as many operations of 8 rows as database/sql over the same library: medians
// of 3 on 2 cores, go test -run '^$' -bench Engine -benchtime 20000x -count 3
// ./internal/store.
//
// # Several nodes
//
// On PostgreSQL, addresses and conversations are locked in the order of their
// ids before anything is read that depends on them, and keys are unique. The
// lock on the numbering of events comes last: after it, a transaction touches
// the queues of the forward lane only, so one that holds such a queue must
// not emit events.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Options of Open.
type Options struct {
	// Migrate brings an older schema up to date instead of refusing it.
	Migrate bool
	// Log takes what no caller is told, such as a group that failed. Nil is
	// none.
	Log *slog.Logger
}

// ErrClosed is returned by a DB that was closed.
var ErrClosed = errors.New("the store is closed")

// DB is an open store. It implements timeline.Store, identity.Store and
// outbox.Store.
type DB struct {
	eng engine
	log *slog.Logger
	key []byte // of the hashes in table keys

	ops      chan *op
	stopping chan struct{} // closed by Close: no new operations
	stopped  chan struct{} // closed when the writer has ended
	stopOnce sync.Once
	ctx      context.Context // of transactions; ends when Close has no patience left
	cancel   context.CancelFunc

	accounts accountCache
	ready    readiness
	counters counters

	mu      sync.Mutex
	changed chan struct{}
}

// Open opens the store at url, such as sqlite:///var/lib/x.db or
// postgres://user:password@host/database. A store that does not exist yet is
// made. A schema newer than this program is refused, and an older one too
// unless o.Migrate is set.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	eng, err := openEngine(ctx, url, true)
	if err != nil {
		return nil, err
	}
	db, err := start(ctx, eng, o)
	if err != nil {
		return nil, errors.Join(err, eng.close(ctx))
	}
	return db, nil
}

func start(ctx context.Context, eng engine, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := prepareSchema(ctx, eng, o.Migrate); err != nil {
		return nil, err
	}
	db := &DB{
		eng: eng, log: o.Log,
		ops: make(chan *op, groupLimit), stopping: make(chan struct{}), stopped: make(chan struct{}),
		changed: make(chan struct{}),
	}
	db.ctx, db.cancel = context.WithCancel(context.Background())
	go db.writer()
	key, err := db.InstallationKey(ctx)
	if err != nil {
		return nil, errors.Join(err, db.stop(ctx))
	}
	db.key = key
	return db, nil
}

func openEngine(ctx context.Context, url string, create bool) (engine, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		path := strings.TrimPrefix(rest, "//")
		if path == "" || strings.ContainsAny(path, "?#") {
			return nil, fmt.Errorf("store url %q: write sqlite:///path/to/file.db, without options", url)
		}
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		return openSQLite(ctx, path, create)
	case "postgres", "postgresql":
		return openPostgres(ctx, url)
	}
	return nil, fmt.Errorf("store url: %q is neither sqlite: nor postgres:", scheme)
}

// read runs f in a read-only transaction (on PostgreSQL, statement by
// statement). It runs in the caller's goroutine.
func (db *DB) read(ctx context.Context, f func(s session) error) error {
	select {
	case <-db.stopping:
		return ErrClosed
	default:
	}
	err := db.eng.view(ctx, f)
	if r, ok := errors.AsType[refusal](err); ok {
		return r.error
	}
	return err
}

// Changed returns a channel that is closed by the next commit of this process
// that emitted events or queued work. Commits of other processes do not show,
// so whoever waits looks again from time to time anyway.
func (db *DB) Changed() <-chan struct{} {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.changed
}

func (db *DB) notify() {
	db.mu.Lock()
	defer db.mu.Unlock()
	close(db.changed)
	db.changed = make(chan struct{})
}

// Close lets the operations that wait be committed, and then closes the
// database. When ctx ends it interrupts what is under way; it returns soon
// after that, whatever the database does.
func (db *DB) Close(ctx context.Context) error {
	err := db.stop(ctx)
	return errors.Join(err, db.eng.close(ctx))
}

func (db *DB) stop(ctx context.Context) error {
	db.stopOnce.Do(func() { close(db.stopping) })
	defer db.cancel()
	select {
	case <-db.stopped:
		return nil
	case <-ctx.Done():
	}
	db.cancel()
	select {
	case <-db.stopped:
		return nil
	case <-time.After(time.Second):
		return fmt.Errorf("close the store: the database does not answer: %w", ctx.Err())
	}
}
