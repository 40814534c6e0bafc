package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
)

// errFlawed is returned where something was lost or doubled.
var errFlawed = errors.New("messages were lost or doubled")

// writers bounds how many customers of a channel write at the same moment.
const writers = 64

// load is one run.
type load struct {
	o      options
	town   *vendors.Town
	gauge  *gauge
	api    *api
	tally  *tally
	told   sync.WaitGroup // what runs beside the customers
	failed chan error     // the events cannot be read
}

// drive starts the vendors, waits for the daemon, and runs and reports the
// load.
func drive(ctx context.Context, o options, out io.Writer) (err error) {
	g, err := startGauge(ctx, o.Daemon)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	town, err := vendors.Start(vendors.Options{Listen: o.Daemon, Via: g.addr, Only: o.Channels})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, town.Close()) }()
	text := "# For a daemon with server.listen " + o.Daemon + " and public_url http://" + o.Daemon + ",\n# while loadgen runs.\nchannels:\n" + town.Config()
	if o.Config == "" {
		_, err = io.WriteString(out, text)
	} else {
		err = os.WriteFile(o.Config, []byte(text), 0o600)
	}
	if err != nil {
		return err
	}
	l := &load{o: o, town: town, gauge: g, api: newAPI(o), tally: newTally(rand.Text()[:8], len(town.Lines), o.perChannel()), failed: make(chan error, 1)}
	defer l.api.close()
	return l.run(ctx, out)
}

func (l *load) run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer l.told.Wait()
	defer cancel()
	fmt.Fprintf(out, "\nWaiting for a daemon at %s that has these channels ...\n", l.o.Daemon)
	if err := l.ready(ctx); err != nil {
		return err
	}
	todo := make(chan task, l.o.messages())
	l.told.Go(func() { l.failed <- l.watch(ctx, todo) })
	if err := l.warm(ctx); err != nil {
		return err
	}
	l.gauge.reset()
	fmt.Fprintf(out, "%d customers on each of %d channels write %d messages in %s.\n", l.o.Customers, len(l.town.Lines), l.o.messages(), l.o.Duration)
	if l.o.Answers {
		for range 8 {
			l.told.Go(func() { l.answer(ctx, todo) })
		}
	}
	var weather, writing sync.WaitGroup
	for i, line := range l.town.Lines {
		if l.o.Faults {
			weather.Go(func() { l.trouble(ctx, line) })
		}
		writing.Go(func() { l.write(ctx, i) })
	}
	writing.Wait()
	weather.Wait()
	for _, line := range l.town.Lines {
		if line.Calm != nil {
			line.Calm()
		}
	}
	if err := l.settle(ctx); err != nil {
		return err
	}
	return l.report(out)
}

// write lets the customers of a line write at the rate, whatever the daemon
// does meanwhile.
func (l *load) write(ctx context.Context, line int) {
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, writers)
	begun := time.Now()
	for n := range l.o.perChannel() {
		due := begun.Add(time.Duration(float64(n) / l.o.Rate * float64(time.Second)))
		if !pause(ctx, time.Until(due)) {
			return
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			id := line*l.o.perChannel() + n
			text := l.tally.begin(id)
			l.tally.took(id, l.town.Lines[line].Write(ctx, n%l.o.Customers, text))
		})
	}
}

// perTrouble is how many messages there are on a channel for one trouble.
const perTrouble = 4

// trouble makes the troubles of a line, one after the other, while customers
// are to write.
func (l *load) trouble(ctx context.Context, line *vendors.Line) {
	all := []vendors.Trouble{vendors.Lose, vendors.Repeat, vendors.Throttle, vendors.Deaf, vendors.Fail, vendors.Shuffle}
	every := max(50*time.Millisecond, time.Duration(perTrouble/l.o.Rate*float64(time.Second)))
	end := time.Now().Add(l.o.Duration)
	for i := 0; pause(ctx, every) && time.Now().Before(end); i++ {
		if strike := line.Troubles[all[i%len(all)]]; strike != nil {
			strike()
		}
	}
}

// ready waits until the daemon answers.
func (l *load) ready(ctx context.Context) error {
	for end := time.Now().Add(l.o.Wait); ; {
		err := l.api.ready(ctx)
		if err == nil {
			return nil
		}
		if time.Now().After(end) || !pause(ctx, 200*time.Millisecond) {
			return fmt.Errorf("no daemon: %w", err)
		}
	}
}

// warm lets a customer write on each channel, again and again, until the
// daemon has heard one: what follows measures no start.
func (l *load) warm(ctx context.Context) error {
	for end := time.Now().Add(l.o.Wait); ; {
		silent := ""
		for i, line := range l.town.Lines {
			if !l.tally.isWarm(i) {
				_ = line.Write(ctx, 0, l.tally.greeting(i)) // it is tried again
				silent = line.Name
			}
		}
		if silent == "" {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("nothing arrives by %s: does the daemon have the channels above?", silent)
		}
		select {
		case err := <-l.failed:
			return err
		case <-time.After(time.Second):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// settle waits until all has arrived or failed.
func (l *load) settle(ctx context.Context) error {
	end := time.Now().Add(l.o.Settle)
	for !l.tally.settled(l.o.Answers) && time.Now().Before(end) {
		select {
		case err := <-l.failed:
			return err
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	// Repeats that should not be come late.
	if !pause(ctx, time.Second) {
		return context.Cause(ctx)
	}
	return nil
}

// pause reports false where ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
