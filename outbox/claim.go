package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"time"

	"golang.org/x/time/rate"
)

// claim takes what may be worked now and starts it. It returns how long there
// is nothing to do.
func (d *Dispatcher) claim(ctx, work, keep context.Context) time.Duration {
	now := d.Clock.Now()
	n, pause := d.free(ctx, now)
	if n == 0 {
		return pause
	}
	if !d.takeEager() {
		if pause = d.due(ctx, now); pause > 0 {
			return pause
		}
	}
	jobs, err := d.take(ctx, work, keep, now, n)
	if err != nil {
		if !d.mute && ctx.Err() == nil {
			d.mute = true
			d.Log.Warn("cannot claim work; trying until it works", "error", err)
		}
		return d.Poll
	}
	d.mute = false
	if d.limiter.Limit() != rate.Inf {
		d.limiter.AllowN(now, len(jobs))
	}
	if len(jobs) == n {
		d.setEager()
		return 0
	}
	pause = d.due(ctx, now)
	if pause <= 0 && len(jobs) == 0 {
		return d.Poll // due and not to be had: paused
	}
	return pause
}

func (d *Dispatcher) setEager() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.eager = true
}

func (d *Dispatcher) takeEager() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.eager
	d.eager = false
	return was
}

// free returns how many claims may be made now by the number of workers, the
// rate and the gate, and how long to wait where it is none.
func (d *Dispatcher) free(ctx context.Context, now time.Time) (n int, pause time.Duration) {
	pace := d.pace(ctx)
	if pace.Parallel <= 0 {
		pace.Parallel = DefaultParallel
	}
	d.mu.Lock()
	under := len(d.running)
	n, pause = d.gate.allow(now, max(0, pace.Parallel-under), under)
	d.mu.Unlock()
	if n == 0 {
		if pause == 0 {
			pause = d.Poll // the end of a job wakes us
		}
		return 0, pause
	}
	if pace.Rate <= 0 {
		d.limiter.SetLimitAt(now, rate.Inf)
		return min(n, maxClaim), 0
	}
	if limit, burst := rate.Limit(pace.Rate), max(1, pace.Burst); limit != d.limiter.Limit() || burst != d.limiter.Burst() {
		d.limiter = rate.NewLimiter(limit, burst)
	}
	d.limiter.SetLimitAt(now, d.limiter.Limit()) // or a clock that stepped back would fill it no more
	tokens := d.limiter.TokensAt(now)
	if tokens < 1 {
		return 0, max(time.Millisecond, time.Duration((1-tokens)/pace.Rate*float64(time.Second)))
	}
	return min(n, int(math.Floor(tokens)), maxClaim), 0
}

// pace asks the worker, and survives it.
func (d *Dispatcher) pace(ctx context.Context) (p Pace) {
	defer func() {
		if v := recover(); v != nil {
			d.Log.Error("the connector panicked over its limits", "panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			p = Pace{}
		}
	}()
	return d.Worker.Pace(ctx)
}

// due returns how long it is until the next queue comes due.
func (d *Dispatcher) due(ctx context.Context, now time.Time) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	next, err := d.Store.NextDue(ctx, d.Lane, d.Account)
	if err != nil || next.IsZero() {
		return d.Poll
	}
	return min(next.Sub(now), d.Poll)
}

// take claims jobs and starts them.
func (d *Dispatcher) take(ctx, work, keep context.Context, now time.Time, n int) ([]*Job, error) {
	d.claiming.Lock()
	defer d.claiming.Unlock()
	// Not cut short by the end of ctx: a claim that commits while nobody
	// listens any more would block its queue for the length of the lease.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	jobs, err := d.Store.Claim(ctx, d.Lane, d.Account, now, d.Lease, n)
	for _, job := range jobs {
		d.start(work, keep, job, now)
	}
	return jobs, err
}

// renew extends the leases that have spent a third of their time.
func (d *Dispatcher) renew(ctx context.Context) {
	now := d.Clock.Now()
	type lease struct {
		r     *running
		fence int64
	}
	var old []lease
	d.mu.Lock()
	for _, r := range d.running {
		if r.until.Sub(now) < d.Lease*2/3 {
			old = append(old, lease{r, r.fence})
		}
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for _, l := range old {
		until := now.Add(d.Lease)
		if err := d.Store.Extend(ctx, l.r.job.ID, l.fence, until); err != nil {
			// A lost claim shows when it is begun or settled.
			d.Log.Debug("cannot renew a lease", "job", l.r.job.ID.String(), "error", err)
			continue
		}
		d.mu.Lock()
		l.r.until = until
		d.mu.Unlock()
	}
}

// showState tells people when the gate opened or closed for a reason of the
// account's own. The end of a reason is told only where we told the reason.
func (d *Dispatcher) showState(ctx context.Context) {
	d.mu.Lock()
	state, reason := d.gate.state()
	shape, under := d.gate.shape(), len(d.running)
	d.mu.Unlock()
	d.Metrics.gate.WithLabelValues(string(d.Lane), d.Account).Set(float64(shape))
	d.Metrics.running.WithLabelValues(string(d.Lane), d.Account).Set(float64(under))
	if state == d.shown || d.shown == "" && state == "connected" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := d.Accounts.SetAccountState(ctx, d.Account, state, reason, d.Clock.Now()); err != nil {
		d.Log.Warn("cannot record the account's state; trying again", "state", state, "error", err)
		return
	}
	level := slog.LevelInfo
	if state != "connected" {
		level = slog.LevelWarn // nobody may be looking at the metrics
	}
	d.Log.Log(ctx, level, "account state", "state", state, "reason", reason)
	d.shown = state
}
