package outbox

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

// start begins the work on a claimed job. Where we are at it already, either
// our own lease had run out, as after a suspend: then the work under way takes
// the new claim over; or its result was committed a moment ago: then the new
// claim is started when run comes to know of that.
func (d *Dispatcher) start(work, keep context.Context, job *Job, now time.Time) {
	until := now.Add(d.Lease)
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.running[job.ID]; r != nil {
		r.fence, r.until, r.again = job.Fence, until, job
		return
	}
	r := &running{job: job, until: until, fence: job.Fence}
	d.running[job.ID] = r
	d.done.Go(func() { d.run(work, keep, r) })
}

// run does a job from claim to settlement. keep lives on for a while when work
// is cancelled, so that the result can be recorded.
func (d *Dispatcher) run(work, keep context.Context, r *running) {
	ctx, cancel := context.WithTimeout(work, d.Timeout)
	defer cancel()
	started := time.Now()
	res, panicked := d.work(ctx, r)
	d.Metrics.duration.WithLabelValues(string(d.Lane), d.Account).Observe(time.Since(started).Seconds())

	now := d.Clock.Now()
	d.mu.Lock()
	begun := r.begun
	// The stop of the daemon is nobody's fault.
	res.Released = res.Err != nil && !begun && work.Err() != nil
	s := d.Policy.Settle(r.job, begun, res, now)
	outcome := outcomeOf(s, res, panicked)
	if !res.Released {
		d.gate.report(r.job, begun, s.Err, s.Class, res.Err, now)
	}
	d.mu.Unlock()
	d.Metrics.attempts.WithLabelValues(string(d.Lane), d.Account, outcome).Inc()
	d.note(r, s, outcome)

	fence := d.settle(keep, r, s)
	d.mu.Lock()
	again := r.again
	if r.fence == fence {
		again = nil // it was taken over by this very result
	}
	delete(d.running, r.job.ID)
	d.eager = true // its queue goes on, most likely
	d.mu.Unlock()
	if again != nil {
		d.start(work, keep, again, d.Clock.Now())
	}
	d.Notify()
}

// work calls the worker and survives it.
func (d *Dispatcher) work(ctx context.Context, r *running) (res Result, panicked bool) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		// A panic's own words may hold what a customer wrote.
		what := fmt.Sprintf("%T", p)
		if e, ok := p.(runtime.Error); ok {
			what = e.Error()
		}
		d.Log.Error("the connector panicked", "job", r.job.ID.String(), "panic", what, "stack", string(debug.Stack()))
		// It would panic again: a send that had begun is uncertain, all else
		// has failed until a person asks for another try.
		c := connectors.Rejected
		d.mu.Lock()
		if r.begun && r.job.Task == TaskSend {
			c = connectors.Ambiguous
		}
		d.mu.Unlock()
		res = Result{Err: connectors.Errorf(c, "panic", "a fault in the connector for this account; the log has the details")}
		panicked = true
	}()
	return d.Worker.Work(ctx, r.job, func(ctx context.Context) error { return d.begin(ctx, r) }), false
}

// begin records that the request is about to be made.
func (d *Dispatcher) begin(ctx context.Context, r *running) error {
	d.mu.Lock()
	begun, fence := r.begun, r.fence
	d.mu.Unlock()
	if begun {
		// One claim is one request. Refusing now could break off a request
		// that is under way, so it is only told.
		d.Log.Error("the connector began one send twice", "job", r.job.ID.String())
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if _, err := d.Store.Begin(ctx, r.job.ID, fence, d.Clock.Now()); err != nil {
		return fmt.Errorf("cannot record the attempt, so it is not made: %w", err)
	}
	d.mu.Lock()
	r.begun = true
	d.mu.Unlock()
	return nil
}

// settlePause paces the tries to record a result, in real time.
var settlePause = Backoff{200 * time.Millisecond, 5 * time.Second}

// settle records a result. While the store is down it tries again, for the
// result must not be forgotten; the loop keeps the lease alive meanwhile. It
// returns the fence that it ended with.
func (d *Dispatcher) settle(ctx context.Context, r *running, s Settlement) int64 {
	for n := 0; ; n++ {
		d.mu.Lock()
		s.Fence = r.fence
		d.mu.Unlock()
		try, cancel := context.WithTimeout(ctx, storeTimeout)
		err := d.Store.Settle(try, s)
		cancel()
		switch {
		case err == nil:
			return s.Fence
		case errors.Is(err, ErrLost):
			d.claiming.Lock() // a claim under way may have taken it, and not said so yet
			d.mu.Lock()
			taken := r.fence != s.Fence // by ourselves, meanwhile
			d.mu.Unlock()
			d.claiming.Unlock()
			if taken {
				continue
			}
			d.Metrics.lost.WithLabelValues(string(d.Lane), d.Account).Inc()
			d.Log.Warn("result dropped: another worker has the job, or it was recorded before", "job", s.Job.String(), "state", s.State)
			return s.Fence
		case ctx.Err() != nil:
			d.Log.Error("result not recorded before the end; it will show as interrupted", "job", s.Job.String(), "state", s.State, "error", err)
			return s.Fence
		}
		d.Metrics.unsaved.WithLabelValues(string(d.Lane), d.Account).Inc()
		d.Log.Warn("cannot record a result; trying again", "job", s.Job.String(), "state", s.State, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(settlePause.Pause(n)):
		}
	}
}

// outcomeOf is the label of a result.
func outcomeOf(s Settlement, r Result, panicked bool) string {
	switch {
	case panicked:
		return "panic"
	case r.Released:
		return "released"
	case s.Err:
		return s.Class.String()
	}
	return "accepted"
}

// note logs a result: what a person has to look at as a warning.
func (d *Dispatcher) note(r *running, s Settlement, outcome string) {
	args := []any{"job", s.Job.String(), "task", r.job.Task, "state", s.State, "outcome", outcome}
	if r.job.Message != 0 {
		args = append(args, "message", r.job.Message.String())
	}
	if r.job.Event != 0 {
		args = append(args, "event", r.job.Event.String())
	}
	if s.Err {
		args = append(args, "code", s.Code, "detail", s.Detail)
	}
	if s.State == Queued && s.Err {
		args = append(args, "due", s.DueAt)
	}
	switch s.State {
	case Failed, Uncertain:
		d.Log.Warn("work ended", args...)
	default:
		d.Log.Debug("work ended", args...)
	}
}
