package app_test

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/internal/app"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

// reads is a stream with nothing to read.
func reads(ctx context.Context, src channel.Source, _ int) error {
	src.Alive()
	<-ctx.Done()
	return ctx.Err()
}

// hangs is a vendor that takes the request and never answers.
func hangs(begun *int, l *line) func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	return func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
		if err := o.Begin(ctx); err != nil {
			return channel.Sent{}, err
		}
		l.add(begun)
		<-ctx.Done()
		return channel.Sent{}, ctx.Err()
	}
}

// A new configuration that cannot be used changes nothing, however much of it
// could have been.
func TestReloadOfABrokenAccount(t *testing.T) {
	t.Parallel()
	bothEngines(t, func(t *testing.T, d *daemon) {
		l := newLine(t)
		l.stream = reads
		support, broken := l.conf("support", "fake"), "{name: other, type: fake, id: nobody, broken: true}"
		d.run(d.config(support, l.conf("old", "fake_out")))
		testenv.WaitFor(t, testenv.Patience, "the stream", func() bool { return l.count(&l.streams) == 1 })

		err := d.Reload(t.Context(), d.config(support, l.conf("new", "fake_out"), broken))
		if err == nil || !strings.Contains(err.Error(), "the old configuration stays in force") || !strings.Contains(err.Error(), "account other") {
			t.Errorf("reload: %v", err)
		}
		for name, want := range map[string]bool{"support": true, "old": true, "new": false, "other": false} {
			if _, ok := d.Outlet(name); ok != want {
				t.Errorf("account %s is open: %v, want %v", name, ok, want)
			}
		}
		if !d.account("old").Enabled || l.count(&l.streams) != 1 || l.count(&l.ended) != 0 {
			t.Error("the old accounts were disturbed")
		}

		if err := d.Reload(t.Context(), d.config(l.conf("new", "fake_out"))); err != nil {
			t.Fatal(err)
		}
		if l.count(&l.ended) != 1 || l.count(&l.streams) != 1 {
			t.Error("the reader of an account that was taken out goes on")
		}
		if _, ok := d.Outlet("new"); !ok || d.account("support").Enabled {
			t.Error("the good configuration is not in force")
		}
	})
}

// A reload waits for the work of the account that it takes out; whoever does
// not need that account does not.
func TestReloadWhileASendHangs(t *testing.T) {
	t.Parallel()
	bothEngines(t, func(t *testing.T, d *daemon) {
		l := newLine(t)
		begun, answer := 0, make(chan struct{})
		l.send = func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
			if err := o.Begin(ctx); err != nil {
				return channel.Sent{}, err
			}
			l.add(&begun)
			<-answer
			return channel.Sent{}, nil
		}
		d.run(d.config(l.conf("slow", "fake_out"), l.conf("stays", "fake_out")))
		m := d.write("slow", "hangs")
		testenv.WaitFor(t, testenv.Patience, "the send to begin", func() bool { return l.count(&begun) == 1 })
		done := make(chan error, 1)
		go func() { done <- d.Reload(t.Context(), d.config(l.conf("stays", "fake_out"))) }()
		testenv.WaitFor(t, testenv.Patience, "the new configuration to be in force", func() bool {
			_, ok := d.Outlet("slow")
			return !ok
		})
		if len(done) != 0 {
			t.Error("the reload was over before the send was")
		}
		if status, _ := d.get(d.AdminAddr(), "/readyz"); status != 200 {
			t.Errorf("/readyz says %d while a reload waits", status)
		}
		d.write("stays", "meanwhile")
		close(answer)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if s := d.status(m); s != normalize.StatusAccepted {
			t.Errorf("the answer that was under way is %s", s)
		}
	})
}

// A stop waits for what is under way no longer than the grace, and what it cuts
// off is shown as uncertain, not lost and not sent again.
func TestStopWhileASendHangs(t *testing.T) {
	t.Parallel()
	bothEngines(t, func(t *testing.T, d *daemon) {
		l := newLine(t)
		begun := 0
		l.send = hangs(&begun, l)
		l.stream = reads
		f := d.config(l.conf("support", "fake"))
		d.run(f)
		m := d.write("support", "hangs")
		testenv.WaitFor(t, testenv.Patience, "the send to begin", func() bool { return l.count(&begun) == 1 })
		started := time.Now()
		if err := d.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(started); took > f.Shutdown.Grace+time.Minute {
			t.Errorf("the stop took %v with a grace of %v", took, f.Shutdown.Grace)
		}
		if l.count(&l.closed) != 1 || l.count(&l.ended) != l.count(&l.streams) {
			t.Error("the connector was not closed")
		}
		d.run(f)
		if s := d.status(m); s != normalize.StatusUncertain {
			t.Errorf("the answer that was cut off is %s", s)
		}
		d.write("support", "behind it")
		testenv.WaitFor(t, testenv.Patience, "work to go on", func() bool { return l.count(&begun) == 2 })
		if s := d.status(m); s != normalize.StatusUncertain {
			t.Errorf("after the restart it is %s", s)
		}
	})
}

func TestListeners(t *testing.T) {
	d := prepareDaemon(t, "")
	l := newLine(t)
	l.send = hangs(new(int), l)
	l.stream = func(ctx context.Context, src channel.Source, n int) error {
		if err := src.Sink(ctx, input("one")); err != nil {
			return err
		}
		if c, ok := src.(channel.GapCounter); ok {
			c.Gaps(3)
		}
		return reads(ctx, src, n)
	}
	d.run(d.config(l.conf("support", "fake")))
	d.write("support", "hangs")
	testenv.WaitFor(t, testenv.Patience, "the input", func() bool { return len(d.inputs()) == 1 })

	for path, want := range map[string][2]int{ // on the public and on the admin listener
		"/v1/customers": {401, 404}, "/webhooks/nobody": {404, 404}, "/webhooks/support": {404, 404},
		"/metrics": {404, 200}, "/healthz": {404, 200}, "/readyz": {404, 200}, "/debug/pprof/cmdline": {404, 200},
	} {
		public, _ := d.get(d.PublicAddr(), path)
		admin, _ := d.get(d.AdminAddr(), path)
		if got := [2]int{public, admin}; got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	for name, want := range map[string]string{
		`deskbridge_inputs_total{account="support",outcome="accepted"}`:            "1",
		`deskbridge_inputs_total{account="support",outcome="quarantined"}`:         "0", // for the alert on its increase
		`deskbridge_account_up{account="support"}`:                                 "1",
		`deskbridge_last_success_timestamp_seconds{account="support"}`:             "",
		`deskbridge_gaps_total{account="support"}`:                                 "3",
		`deskbridge_outbox_jobs{account="support",lane="deliver",state="sending"}`: "1",
		`deskbridge_build_info{version=""}`:                                        "1",
	} {
		testenv.WaitFor(t, testenv.Patience, name, func() bool {
			d.clock.step(6 * time.Second) // the outbox is counted every few seconds
			got := d.metric(name)
			return got == want || want == "" && got != ""
		})
	}
	at, err := strconv.ParseFloat(d.metric(`deskbridge_last_success_timestamp_seconds{account="support"}`), 64)
	if age := d.clock.Now().Sub(time.Unix(int64(at), 0)); err != nil || age < 0 || age > time.Hour {
		t.Errorf("the last success was %v ago, %v", age, err)
	}
}

// A daemon that cannot listen says where, and holds on to nothing: once the
// port is free, it starts.
func TestPortInUse(t *testing.T) {
	d := prepareDaemon(t, "")
	l := newLine(t)
	l.stream = reads
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := d.config(l.conf("support", "fake"))
	f.Server.AdminListen = other.Addr().String()
	if _, err := app.New(t.Context(), f, app.Options{}); err == nil || !strings.HasPrefix(err.Error(), "server.admin_listen: ") {
		t.Errorf("with the port in use: %v", err)
	}
	if l.count(&l.closed) != 1 {
		t.Error("the connector of the failed start was not closed")
	}
	_ = other.Close()
	d.run(f)
	if d.AdminAddr().String() != f.Server.AdminListen {
		t.Errorf("the admin listener is at %s", d.AdminAddr())
	}
}

// manager is the service manager's end of sd_notify(3).
type manager struct {
	mu   sync.Mutex
	told []string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	m := &manager{}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.told = append(m.told, string(b[:n]))
			m.mu.Unlock()
		}
	}()
	return m
}

// heard returns what was told since the last call, without the repeats of the
// watchdog.
func (m *manager) heard() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	told := slices.Compact(m.told)
	m.told = nil
	return told
}

func TestServiceManagerIsTold(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "150000")
	d := prepareDaemon(t, "")
	l := newLine(t)
	l.stream = reads
	d.run(d.config(l.conf("support", "fake")))
	var told []string
	wait := func(what string, want ...string) {
		t.Helper()
		testenv.WaitFor(t, testenv.Patience, what, func() bool {
			told = append(told, m.heard()...)
			rest := told
			for _, w := range want {
				i := slices.IndexFunc(rest, func(s string) bool { return strings.HasPrefix(s, w) })
				if i < 0 {
					return false
				}
				rest = rest[i+1:]
			}
			return true
		})
		told = nil
	}
	wait("the start and signs of life", "READY=1\nSTATUS=support", "WATCHDOG=1")
	wait("further signs of life", "WATCHDOG=1")
	if err := d.Reload(t.Context(), d.config(l.conf("support", "fake"))); err != nil {
		t.Fatal(err)
	}
	wait("the reload", "RELOADING=1\nMONOTONIC_USEC=", "READY=1", "WATCHDOG=1")
	if err := d.Reload(t.Context(), d.config("{name: other, type: fake, broken: true}")); err == nil {
		t.Error("a broken configuration was taken up")
	}
	wait("the reload that failed", "RELOADING=1\nMONOTONIC_USEC=", "READY=1")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	wait("the stop", "STOPPING=1")
}
