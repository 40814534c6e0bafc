package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// Config is what a Dispatcher works with. All of it is needed, but zero
// durations get their defaults.
type Config struct {
	Lane     Lane
	Account  string
	Store    Store
	Worker   Worker
	Accounts Accounts
	Clock    connectors.Clock
	Log      *slog.Logger
	Metrics  *Metrics
	Policy   Policy
	// Lease is how long a claim is ours before another worker may take it; it
	// is renewed while the job is under way. Default 30 s.
	Lease time.Duration
	// Poll is how often the store is asked for work that no Notify announced:
	// of other nodes, of commands, and of clocks that jumped. Default 1 s, in
	// real time, whatever Clock says.
	Poll time.Duration
	// Timeout ends a job that takes too long. Default 10 min.
	Timeout time.Duration
	// Grace is how long jobs may go on after the end of Run's context before
	// they are cancelled. Default 20 s.
	Grace time.Duration
}

const (
	// storeTimeout bounds a call of the store, so that one that hangs does not
	// keep the leases of the others from being renewed.
	storeTimeout = 10 * time.Second
	// unwind is how long a cancelled job has to return, and after it the store
	// to record the results.
	unwind = 5 * time.Second
	// maxClaim bounds one claim.
	maxClaim = 64
)

// Dispatcher works the queues of one account: it claims as many heads as there
// are free workers, has each done, and settles it. Several dispatchers, on one
// or on many nodes, may work the same account.
type Dispatcher struct {
	Config
	limiter *rate.Limiter
	wake    chan struct{}
	// shown is the account's state as people were last told.
	shown string

	mu sync.Mutex
	// eager: more may well be due, so claim without asking when.
	eager   bool
	gate    *gate
	running map[normalize.ID]*running
	done    sync.WaitGroup
}

// running is a claim under way.
type running struct {
	job   *Job
	until time.Time // of the lease
	fence int64
	again *Job // a claim of the same job that came in meanwhile
	begun bool
}

// New returns a dispatcher for one account.
func New(c Config) *Dispatcher {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.Lease, 30*time.Second)
	def(&c.Poll, time.Second)
	def(&c.Timeout, 10*time.Minute)
	def(&c.Grace, 20*time.Second)
	return &Dispatcher{
		Config:  c,
		limiter: rate.NewLimiter(rate.Inf, 1),
		wake:    make(chan struct{}, 1),
		gate:    newGate(c.Policy),
		running: map[normalize.ID]*running{},
	}
}

// Notify says that there may be new work. It never blocks.
func (d *Dispatcher) Notify() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends. Jobs that are under way then have the grace to
// end by themselves and are cancelled after it; those that had not begun are
// released to other workers at once. The error tells of jobs that would not
// end.
func (d *Dispatcher) Run(ctx context.Context) error {
	work, cancelWork := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelWork()
	keep, cancelKeep := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelKeep()

	for ctx.Err() == nil {
		d.renew(ctx)
		pause := d.claim(ctx, work, keep)
		d.showState(ctx)
		d.sleep(ctx, pause)
	}
	if d.drained(keep, d.Grace) {
		return nil
	}
	cancelWork()
	if d.drained(keep, unwind) {
		return nil
	}
	cancelKeep()
	if d.drained(ctx, unwind) {
		return nil
	}
	return fmt.Errorf("%s %s: %d jobs do not end", d.Lane, d.Account, d.count())
}

// sleep waits for a wake-up, or for pause, at most Poll.
func (d *Dispatcher) sleep(ctx context.Context, pause time.Duration) {
	if pause <= 0 {
		return
	}
	t := time.NewTimer(min(pause, d.Poll))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-d.wake:
	case <-t.C:
	}
}

// drained waits for the jobs under way, at most for patience, and renews their
// leases as long as ctx is alive.
func (d *Dispatcher) drained(ctx context.Context, patience time.Duration) bool {
	end := time.NewTimer(patience)
	defer end.Stop()
	tick := time.NewTicker(min(d.Poll, d.Lease/3))
	defer tick.Stop()
	for d.count() > 0 {
		select {
		case <-d.wake:
		case <-tick.C:
			if ctx.Err() == nil {
				d.renew(ctx)
			}
		case <-end.C:
			return false
		}
	}
	d.done.Wait()
	return true
}

func (d *Dispatcher) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.running)
}

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
	jobs, err := d.take(ctx, now, n)
	if err != nil {
		if ctx.Err() == nil {
			d.Log.Warn("cannot claim work; trying again", "error", err)
		}
		return d.Poll
	}
	if d.limiter.Limit() != rate.Inf {
		d.limiter.AllowN(now, len(jobs))
	}
	for _, job := range jobs {
		d.start(work, keep, job, now)
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
	pace := d.Worker.Pace(ctx)
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
	tokens := d.limiter.TokensAt(now)
	if tokens < 1 {
		return 0, max(time.Millisecond, time.Duration((1-tokens)/pace.Rate*float64(time.Second)))
	}
	return min(n, int(math.Floor(tokens)), maxClaim), 0
}

// due returns how long it is until the next queue comes due.
func (d *Dispatcher) due(ctx context.Context, now time.Time) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	next, err := d.Store.NextDue(ctx, d.Account)
	if err != nil || next.IsZero() {
		return d.Poll
	}
	return min(next.Sub(now), d.Poll)
}

func (d *Dispatcher) take(ctx context.Context, now time.Time, n int) ([]*Job, error) {
	// Not cut short by the end of ctx: a claim that commits while nobody
	// listens any more would block its queue for the length of the lease.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	return d.Store.Claim(ctx, d.Account, now, d.Lease, n)
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
	d.Log.Info("account state", "state", state, "reason", reason)
	d.shown = state
}
