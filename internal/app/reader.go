package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const (
	readerBackoff    = time.Second
	readerBackoffMax = 5 * time.Minute
	readerHealthy    = time.Minute // a stream that lived so long, or brought something, starts over without back-off
	pollPause        = 15 * time.Second
	pollCursor       = "poll"
)

// reader keeps one account's Streamer or Poller running on the node that holds
// the account's lease.
type reader struct {
	account  normalize.Account
	channel  channel.Channel
	ingestor *timeline.Ingestor
	store    timeline.Store
	leases   Leases
	owner    string
	now      func() time.Time
	log      *slog.Logger
	woken    <-chan struct{}
	state    func(state, reason string)
	alive    func()
	rest     func() // told when this node no longer reads the account
	gaps     func(n int)
}

// run reads until ctx ends.
func (r *reader) run(ctx context.Context) {
	holding(ctx, r.leases, "account/"+r.account.Name, r.owner, r.now, r.log, r.read)
}

// read reads until ctx ends or another node has the lease, which is no fault
// of the account's.
func (r *reader) read(ctx context.Context, fence int64) {
	defer r.rest()
	wait := readerBackoff
	for ctx.Err() == nil {
		started := time.Now()
		brought, err := r.once(ctx, fence)
		if ctx.Err() != nil || errors.Is(err, timeline.ErrFenced) {
			return
		}
		if brought || time.Since(started) > readerHealthy {
			wait = readerBackoff
		}
		e := connectors.Classify(err)
		state := "degraded"
		if e.Class == connectors.AccountDown {
			state, wait = "down", max(wait, 30*time.Second)
		}
		r.state(state, e.Error())
		d := max(wait/2+rand.N(wait/2), min(e.RetryAfter, readerBackoffMax))
		r.log.Warn("reading stopped, will try again", "state", state, "err", e, "after", d.Round(time.Millisecond))
		pause(ctx, d)
		wait = min(2*wait, readerBackoffMax)
	}
}

// once runs the channel until it breaks, or until a batch was refused since
// another node has taken over: then the error is timeline.ErrFenced, whatever
// the channel made of it. A panic in it is an error like another. brought tells
// that inputs were committed.
func (r *reader) once(ctx context.Context, fence int64) (brought bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer func() {
		if errors.Is(context.Cause(ctx), timeline.ErrFenced) {
			err = timeline.ErrFenced
		} else if err == nil {
			err = connectors.Errorf(connectors.Transient, "", "the connection ended")
		}
	}()
	defer survive(r.log, &err)
	src := &source{reader: r, fence: fence, stop: cancel}
	defer func() { brought = src.brought.Load() }()
	switch c := r.channel.(type) {
	case channel.Streamer:
		return false, c.Stream(ctx, src)
	case channel.Poller:
		return false, r.poll(ctx, c, src)
	}
	return false, connectors.Errorf(connectors.Unsupported, "", "this channel reads nothing by itself")
}

// survive makes an error of a connector's panic; it is deferred. The panic's own
// words may hold what a customer wrote.
func survive(log *slog.Logger, err *error) {
	if v := recover(); v != nil {
		log.Error("the connector panicked", "panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		*err = connectors.Errorf(connectors.Transient, "panic", "the connector failed; see the log")
	}
}

func (r *reader) poll(ctx context.Context, p channel.Poller, src *source) error {
	for ctx.Err() == nil {
		cursor, err := src.Cursor(ctx, pollCursor)
		if err != nil {
			return err
		}
		b, more, err := p.Poll(ctx, cursor)
		if err != nil {
			return err
		}
		if len(b.Inputs)+len(b.Cursors) > 0 {
			if err := src.Sink(ctx, b); err != nil {
				return err
			}
		}
		src.Alive()
		if !more {
			pause(ctx, pollPause)
		}
	}
	return ctx.Err()
}

// source is what a Streamer reads for.
type source struct {
	reader  *reader
	fence   int64
	stop    context.CancelCauseFunc
	brought atomic.Bool
}

func (s *source) Cursor(ctx context.Context, key string) (string, error) {
	return s.reader.store.Cursor(ctx, s.reader.account.Name, key)
}

func (s *source) Sink(ctx context.Context, b normalize.Batch) error {
	commit, err := s.Stage(ctx, b)
	if err != nil {
		return err
	}
	return commit(ctx)
}

// Stage implements channel.Stager.
func (s *source) Stage(ctx context.Context, b normalize.Batch) (func(context.Context) error, error) {
	r := s.reader
	commit, err := r.ingestor.Prepare(ctx, timeline.Source{Account: r.account, Decoder: r.channel, Fence: s.fence}, b)
	if err != nil {
		return nil, s.notTaken(err)
	}
	return func(ctx context.Context) error {
		err := commit(ctx)
		if err == nil && len(b.Inputs) > 0 {
			s.brought.Store(true)
		}
		return s.notTaken(err)
	}, nil
}

func (s *source) notTaken(err error) error {
	if errors.Is(err, timeline.ErrFenced) {
		s.stop(err)
	}
	if err != nil {
		return &connectors.Error{Class: connectors.Transient, Code: "store", Detail: "the store did not take a batch: " + err.Error(), Err: err}
	}
	return nil
}

func (s *source) Alive() {
	s.reader.alive()
	s.reader.state("connected", "")
}

func (s *source) Woken() <-chan struct{} { return s.reader.woken }

// Gaps implements channel.GapCounter.
func (s *source) Gaps(n int) { s.reader.gaps(n) }
