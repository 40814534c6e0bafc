package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	// groupLimit is how many operations share a commit at most.
	groupLimit = 1024
	// groupTime bounds a transaction, so that a database that hangs does not
	// hold the writer for ever.
	groupTime = time.Minute
	// conflictTries is how often a transaction is run that another node's
	// commits keep spoiling.
	conflictTries = 6
)

// op is one operation that waits for its commit.
type op struct {
	ctx   context.Context
	apply func(t tx) error
	in    *ingest // instead of apply: taken together with its neighbours
	err   error
	done  chan struct{}
}

// counters are what the writer counts, for metrics.
type counters struct{ commits, operations, alone, unrouted, ruleFailures atomic.Int64 }

// commit runs f in the next commit. f may run more than once, and may still
// be running when commit returns because ctx ended; what it returns is handed
// over only when it is durable, and all results must go that way.
//
// An error from f rolls everything back that f did. One that f returns before
// it has written anything should be wrapped by refuse: that spares the others
// of the group the repetition.
func commit[T any](ctx context.Context, db *DB, f func(t tx) (T, error)) (T, error) {
	var out, zero T
	err := db.submit(&op{ctx: ctx, apply: func(t tx) (err error) {
		out, err = f(t)
		return err
	}})
	if err != nil {
		return zero, err
	}
	return out, nil
}

// write is commit without a result.
func (db *DB) write(ctx context.Context, f func(t tx) error) error {
	return db.submit(&op{ctx: ctx, apply: f})
}

func (db *DB) submit(o *op) error {
	o.done = make(chan struct{})
	select {
	case <-db.stopping:
		return ErrClosed
	default:
	}
	select {
	case db.ops <- o:
	case <-o.ctx.Done():
		return o.ctx.Err()
	case <-db.stopping:
		return ErrClosed
	}
	select {
	case <-o.done:
		return o.err
	case <-o.ctx.Done():
		return o.ctx.Err()
	case <-db.stopped:
	}
	select {
	case <-o.done: // both had happened
		return o.err
	default:
		return ErrClosed
	}
}

// writer is the goroutine that makes all commits.
func (db *DB) writer() {
	defer close(db.stopped)
	for {
		var first *op
		select {
		case first = <-db.ops:
		case <-db.stopping:
			select {
			case first = <-db.ops: // what was submitted before is still done
			default:
				return
			}
		}
		group := append(make([]*op, 0, 64), first)
	fill:
		for len(group) < groupLimit {
			select {
			case o := <-db.ops:
				group = append(group, o)
			default:
				break fill
			}
		}
		db.commitGroup(group)
		for _, o := range group {
			close(o.done)
		}
		db.eng.afterCommit()
	}
}

// commitGroup leaves in each operation's err what became of it.
func (db *DB) commitGroup(group []*op) {
	live := group[:0:0]
	for _, o := range group {
		if o.err = o.ctx.Err(); o.err == nil {
			live = append(live, o)
		}
	}
	if len(live) == 0 {
		return
	}
	err := db.transact(live)
	if err == nil {
		return
	}
	if isTrouble(err) || (len(live) == 1 && !isConflict(err)) {
		fail(live, err)
		return
	}
	if len(live) > 1 {
		db.log.Warn("a group of operations failed; they are applied one by one", "operations", len(live), "err", err)
	}
	for i, o := range live {
		db.counters.alone.Add(1)
		if err := db.transactAlone(o); err != nil {
			o.err = err
			if isTrouble(err) {
				fail(live[i:], err)
				return
			}
		}
	}
}

// transactAlone gives an operation as many tries as another node's commits
// may spoil.
func (db *DB) transactAlone(o *op) (err error) {
	for n := range conflictTries {
		if n > 0 {
			pause := time.Duration(rand.Int64N(int64(10*time.Millisecond) << n))
			select {
			case <-time.After(pause):
			case <-db.ctx.Done():
				return db.ctx.Err()
			}
		}
		if err = db.transact([]*op{o}); !isConflict(err) {
			return err
		}
	}
	return err
}

// transact applies operations in one transaction. Refusals are left in the
// operations that they concern.
func (db *DB) transact(group []*op) error {
	ctx, cancel := context.WithTimeout(db.ctx, groupTime)
	defer cancel()
	var done *writeTx
	err := db.eng.update(ctx, func(s session) error {
		t := &writeTx{session: s}
		if err := db.applyAll(t, group); err != nil {
			return err
		}
		if err := db.numberEvents(t); err != nil {
			return err
		}
		done = t
		return nil
	})
	if err != nil {
		db.accounts.forget() // it may have read what was rolled back
		return err
	}
	db.counters.commits.Add(1)
	db.counters.operations.Add(int64(len(group)))
	db.tell(done.remarks)
	if done.woke {
		db.notify()
	}
	return nil
}

func (db *DB) applyAll(t tx, group []*op) error {
	for i := 0; i < len(group); {
		if group[i].in != nil {
			n := i
			for n < len(group) && group[n].in != nil {
				n++
			}
			if err := db.applyIngests(t, group[i:n]); err != nil {
				return err
			}
			i = n
			continue
		}
		o := group[i]
		o.err = nil
		if err := o.apply(t); err != nil {
			r, ok := errors.AsType[refusal](err)
			if !ok {
				return err
			}
			o.err = r.error
		}
		i++
	}
	return nil
}

func fail(ops []*op, err error) {
	for _, o := range ops {
		o.err = err
	}
}

func isTrouble(err error) bool {
	_, ok := errors.AsType[trouble](err)
	return ok
}

func isConflict(err error) bool {
	_, ok := errors.AsType[conflict](err)
	return ok
}

// writeTx is the transaction of a group.
type writeTx struct {
	session
	events  []event
	woke    bool
	remarks []remark
}

func (t *writeTx) emit(e event) { t.events, t.woke = append(t.events, e), true }
func (t *writeTx) wake()        { t.woke = true }

func (t *writeTx) remark(r remark) { t.remarks = append(t.remarks, r) }
