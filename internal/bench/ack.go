package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
)

// ackLimit is how long a vendor may wait for an answer, at the 99th percentile.
// The least patient one documents three seconds.
const ackLimit = 250 * time.Millisecond

// ackUnderWay is how many calls of one vendor are under way at most, and
// ackCustomers how many customers it has.
const (
	ackUnderWay  = 4
	ackCustomers = 200
)

// ackGoals runs the real binary with an account at each simulated vendor that
// calls, and takes the time of its answers twice: while a helpdesk takes
// everything, and with l.queued messages that wait for one which is down.
func (l *lab) ackGoals(ctx context.Context, engine string) (results []Result, err error) {
	url, _, err := l.url(engine)
	if err != nil {
		return nil, err
	}
	listen, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	admin, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	d := newDoor(listen)
	front, closeFront, err := listenPlain(ctx, d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeFront()) }()
	var helpdesk atomic.Int32 // its answer
	helpdesk.Store(http.StatusOK)
	desk, closeDesk, err := listenPlain(ctx, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(helpdesk.Load())) }))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeDesk()) }()
	town, err := vendors.Start(vendors.Options{Listen: front, Calls: true, Only: vendors.Callers()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, town.Close()) }()

	conf := filepath.Join(l.dir, "ack.yaml")
	text := fmt.Sprintf("server: {listen: %q, admin_listen: %q, public_url: \"http://%s\"}\nstore: {url: %q}\nmedia: {dir: %q}\nlog: {level: error}\nchannels:\n%shelpdesks:\n  - {name: desk, type: webhook, url: \"http://%s/\", secret: %q}\n",
		listen, admin, front, url, filepath.Join(l.dir, "media"), town.Config(), desk, "whsec_"+base64.StdEncoding.EncodeToString([]byte(secret+secret)))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p, err := l.startDaemon(ctx, conf)
	if err != nil {
		return nil, err
	}
	var idle, busy map[string]load
	err = func() error {
		for end := time.Now().Add(time.Minute); !ready(ctx, admin); time.Sleep(20 * time.Millisecond) {
			if ctx.Err() != nil || time.Now().After(end) {
				return errors.New("the daemon does not become ready")
			}
		}
		if idle, err = d.measure(ctx, town, l.acks); err != nil {
			return err
		}
		helpdesk.Store(http.StatusBadGateway)
		if _, err = d.measure(ctx, town, (l.queued+len(town.Lines)-1)/len(town.Lines)); err != nil {
			return err
		}
		busy, err = d.measure(ctx, town, l.acks)
		return err
	}()
	if err := errors.Join(err, p.stop()); err != nil {
		return nil, err
	}
	waiting, err := count(ctx, url, "SELECT count(*) FROM jobs WHERE event_id <> 0 AND state IN ('queued', 'sending')")
	if err != nil {
		return nil, err
	}
	if waiting < int64(l.queued) {
		return nil, fmt.Errorf("%d events wait for the helpdesk, and not %d: the run was broken and its times mean nothing", waiting, l.queued)
	}
	for _, line := range town.Lines {
		p99 := busy[line.Name].at(99)
		results = append(results, Result{
			Goal: ackGoal, What: fmt.Sprintf("%s: acknowledgement to %s p99, %d messages queued, helpdesk down", engine, line.Type, l.queued),
			Reference: "with the helpdesk up " + millis(float64(idle[line.Name].at(99))), Measured: millis(float64(p99)),
			Ratio: float64(p99) / float64(ackLimit), Want: "<= 250 ms", Met: p99 <= ackLimit, Scaled: l.ackScaled,
			Note: fmt.Sprintf("%d calls while all vendors call; p50 %s, with the helpdesk up %s",
				busy[line.Name].n, millis(float64(busy[line.Name].at(50))), millis(float64(idle[line.Name].at(50)))),
		})
	}
	return results, nil
}

// measure has customers write n messages on each line, on all at once, and
// returns the times of the calls.
func (d *door) measure(ctx context.Context, town *vendors.Town, n int) (map[string]load, error) {
	d.reset()
	g, ctx := errgroup.WithContext(ctx)
	for _, line := range town.Lines {
		g.Go(func() error {
			for i := range n {
				if err := line.Write(ctx, i%ackCustomers, fmt.Sprintf("message %d of a customer who waits", i)); err != nil {
					return fmt.Errorf("%s: %w", line.Type, err)
				}
				if err := d.await(ctx, line.Name, i+1-ackUnderWay); err != nil {
					return err
				}
			}
			return d.await(ctx, line.Name, n)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return d.loads()
}
