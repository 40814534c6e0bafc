package outbox_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/store/storetest"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
	"github.com/deskbridge/deskbridge/outbox/deliver"
	"github.com/deskbridge/deskbridge/outbox/forward"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to happen.
const patience = time.Minute

// engines runs a test on both engines.
func engines(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	for name, url := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return "sqlite://" + filepath.Join(t.TempDir(), "x.db") },
		"postgres": testenv.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			b := storetest.NewBox(t, url(t))
			f(t, &rig{Box: b, t: t, clock: &clock{now: b.Now}, vendor: &vendor{}})
		})
	}
}

// clock is stepped by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

// rig is a store with a scripted vendor, and dispatchers between them.
type rig struct {
	*storetest.Box
	t      testing.TB
	clock  *clock
	vendor *vendor
}

// step lets time pass.
func (r *rig) step(d time.Duration) {
	r.clock.mu.Lock()
	r.clock.now = r.clock.now.Add(d)
	r.clock.mu.Unlock()
	r.Now = r.Now.Add(d)
}

// deliver starts a dispatcher for channel "mail" and returns how to stop it.
func (r *rig) deliver(change ...func(*outbox.Config)) (stop func()) {
	return r.start(r.DB, &deliver.Worker{Channel: r.vendor, Store: r.DB, Clock: r.clock, Log: slog.New(slog.DiscardHandler)}, outbox.Deliver, "mail", change...)
}

// forward starts a dispatcher for helpdesk "desk".
func (r *rig) forward(d *desk) (stop func()) {
	return r.start(r.DB, &forward.Worker{Helpdesk: d, Events: r.DB}, outbox.Forward, "desk")
}

func (r *rig) start(db *store.DB, w outbox.Worker, lane outbox.Lane, account string, change ...func(*outbox.Config)) (stop func()) {
	c := outbox.Config{
		Lane: lane, Account: account, Store: db, Worker: w, Accounts: db, Clock: r.clock, Log: slog.New(slog.DiscardHandler),
		Metrics: outbox.NewMetrics(nil), Policy: outbox.DeliverPolicy, Poll: 5 * time.Millisecond,
	}
	if lane == outbox.Forward {
		c.Policy = outbox.ForwardPolicy
	}
	for _, f := range change {
		f(&c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- outbox.New(c).Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				r.t.Error(err)
			}
		case <-time.After(patience):
			r.t.Error("the dispatcher does not stop")
		}
	})
	r.t.Cleanup(stop)
	return stop
}

// eventually waits until f holds.
func (r *rig) eventually(what string, f func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("never happened: %s", what)
		}
	}
}

// becomes waits until a job is in a state.
func (r *rig) becomes(job *outbox.Job, want outbox.State) *outbox.Job {
	r.t.Helper()
	var j *outbox.Job
	r.eventually("job "+string(want), func() bool {
		var err error
		if j, err = r.Job(r.t.Context(), job.ID); err != nil {
			r.t.Fatal(err)
		}
		return j.State == want
	})
	return j
}

// settled waits until the nth attempt of a job has ended in the store.
func (r *rig) settled(job *outbox.Job, n int) {
	r.t.Helper()
	r.eventually("the end of an attempt", func() bool {
		list, err := r.Attempts(r.t.Context(), job.ID)
		if err != nil {
			r.t.Fatal(err)
		}
		return len(list) >= n && !list[n-1].EndedAt.IsZero()
	})
}

// part returns the status of what a job carried, and the words beside it.
func (r *rig) part(job *outbox.Job) (normalize.Status, string) {
	r.t.Helper()
	m, err := r.Message(r.t.Context(), job.Message)
	if err != nil {
		r.t.Fatal(err)
	}
	return m.Parts[0].Status, m.Parts[0].Error
}

// vendor is a channel whose answers a test scripts. It notes what it was sent.
type vendor struct {
	limits channel.Limits
	// send answers a request; nil accepts. What it returns before calling
	// o.Begin is from before Begin.
	send    func(ctx context.Context, o *channel.Outbound) (channel.Sent, error)
	resolve func() (channel.Sent, bool, error)
	finish  func() error

	mu       sync.Mutex
	sent     []*channel.Outbound // requests that reached the vendor
	finished []string
	under    int
	most     int
}

func (v *vendor) Probe(context.Context) (normalize.Address, error) { return normalize.Address{}, nil }
func (v *vendor) Decode(normalize.Input) (normalize.Item, error)   { return nil, nil }
func (v *vendor) Close(context.Context) error                      { return nil }

func (v *vendor) Limits(context.Context, normalize.Thread) (channel.Limits, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.limits, nil
}

func (v *vendor) Send(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	v.mu.Lock()
	send := v.send
	v.under++
	v.most = max(v.most, v.under)
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		v.under--
		v.mu.Unlock()
	}()
	if send == nil {
		send = v.take
	}
	return send(ctx, o)
}

// take begins and accepts a request.
func (v *vendor) take(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	if err := o.Begin(ctx); err != nil {
		return channel.Sent{}, err
	}
	v.note(o)
	return channel.Sent{ExternalID: "ext-" + o.Key}, nil
}

func (v *vendor) note(o *channel.Outbound) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sent = append(v.sent, o)
}

// fail returns a script that begins every request and then fails.
func (v *vendor) fail(err error) func(context.Context, *channel.Outbound) (channel.Sent, error) {
	return func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
		if err := o.Begin(ctx); err != nil {
			return channel.Sent{}, err
		}
		v.note(o)
		return channel.Sent{}, err
	}
}

func (v *vendor) script(f func(context.Context, *channel.Outbound) (channel.Sent, error)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.send = f
}

// requests returns how many requests reached the vendor.
func (v *vendor) requests() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.sent)
}

// full adds the optional abilities to a vendor.
type full struct{ *vendor }

func (v full) Resolve(context.Context, *channel.Outbound) (channel.Sent, bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.resolve()
}

func (v full) Finish(_ context.Context, o *channel.Outbound) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.finished = append(v.finished, o.Key)
	return v.finish()
}

// desk is a helpdesk whose answers a test scripts.
type desk struct {
	mu    sync.Mutex
	err   func() error
	calls int
	took  []*normalize.Event
}

func (d *desk) Probe(context.Context) error    { return nil }
func (d *desk) Wants(normalize.EventType) bool { return true }
func (d *desk) Close(context.Context) error    { return nil }

func (d *desk) Forward(_ context.Context, e *normalize.Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.err != nil {
		if err := d.err(); err != nil {
			return err
		}
	}
	d.took = append(d.took, e)
	return nil
}

func (d *desk) script(f func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = f
}

func (d *desk) counts() (calls, took int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls, len(d.took)
}

func said(c connectors.Class) error { return connectors.Errorf(c, "", "the vendor's words") }
