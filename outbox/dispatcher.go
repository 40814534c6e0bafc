package outbox

import (
	"context"
	"fmt"
	"log/slog"
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
	// mute: the log knows that claims fail.
	mute bool

	// claiming is held from a claim's commit to where running knows of it.
	claiming sync.Mutex

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
