// Package demo runs the whole product with no account and no configuration: a
// mail system, the other channels' vendors, a helpdesk and the daemon in one
// process, customers who write by a script, and a visitor who answers them.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/deskbridge/deskbridge/internal/cli"
)

// Options of one run.
type Options struct {
	// Data is the folder of the store; empty is a temporary one.
	Data string
	// Speed is how fast the customers write: 2 is twice as fast as normal.
	Speed float64
	// Once lets the script run without a visitor: it answers by itself, checks
	// that everything arrived, and ends.
	Once    bool
	In      io.Reader
	Out     io.Writer
	View    cli.Options
	Version string
}

// ErrIncomplete is returned by a run with Once that did not see everything.
var ErrIncomplete = errors.New("the demo did not see all that it should")

// onceTime bounds a run with Once. It takes about five seconds on a machine
// that does nothing else.
const onceTime = time.Minute

// Run starts everything, plays, and stops everything. It returns when the
// visitor quits, when ctx ends, or with Once when all was seen.
func Run(ctx context.Context, o Options) error {
	if o.Once {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, onceTime)
		defer cancel()
	}
	s := &screen{out: o.Out, o: o.View}
	w, err := build(ctx, o)
	if err != nil {
		return err
	}
	s.print(banner(w, o)...)
	d := newDirector(w, s, o)
	restore, err := d.listen(o)
	if err == nil {
		err = d.run(ctx)
		restore()
	}
	s.leave()
	if !o.Once {
		s.print("", "Stopping ...")
	}
	err = errors.Join(err, w.close()) //nolint:contextcheck // it stops in order after the context has ended
	if o.Once {
		err = errors.Join(err, d.report())
	} else if w.temporary {
		s.print("Stopped; " + w.dir + " is removed.")
	} else {
		s.print("Stopped; the store stays in " + w.dir + ".")
	}
	return err
}

// listen begins to read what the visitor types.
func (d *director) listen(o Options) (restore func(), err error) {
	if o.Once {
		return func() {}, nil
	}
	restore = func() {}
	if file, ok := o.In.(*os.File); ok && Interactive(o.In, o.Out) {
		if restore, err = byKey(file); err != nil {
			return nil, fmt.Errorf("read from the terminal: %w", err)
		}
		d.screen.editor = &d.editor
		d.screen.print()
	}
	// The goroutine ends with the input: nothing can call back a read of a terminal.
	go func() {
		defer close(d.keys)
		for {
			b := make([]byte, 1024)
			n, err := o.In.Read(b)
			if n > 0 {
				select {
				case d.keys <- b[:n]:
				case <-d.done:
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return restore, nil
}

// banner is the first screen.
func banner(w *world, o Options) []string {
	v := o.View
	row := func(name, value string) string { return "  " + v.Dim(fmt.Sprintf("%-11s", name)) + value }
	lines := []string{
		"",
		"  " + v.Bold("Deskbridge") + "   one timeline per customer, between your channels and your helpdesk",
		"",
		row("customers", "write by e-mail, WeChat, WeCom, SMS, phone, Slack and Telegram"),
		row("vendors", "are simulated: "+v.Cyan(deskAddress)+", "+v.Cyan(deskPhone)+" ..."),
		row("deskbridge", "speaks their protocols, and keeps each customer's timeline"),
		row("helpdesk", "gets every event as a signed webhook, answers by the REST API"),
		"  " + v.Dim("All of it is inside this process; nothing leaves this machine."),
		"",
		row("API", v.Cyan(w.url()+"/v1/openapi.json")),
		row("health", v.Cyan("http://"+w.app.AdminAddr().String()+"/readyz")+" and /metrics"),
		row("config", w.config),
		"",
		"  " + v.Dim("From another terminal:"),
		"  curl -sH 'Authorization: Bearer " + w.token + "' \\",
		"    '" + w.url() + "/v1/conversations?limit=3'",
	}
	if !o.Once {
		lines = append(lines, "", "  "+v.Bold("Customers are writing.")+" Answer the first one like this:  "+v.Green("1 Hello, we are on it!"))
	}
	return lines
}

// help is what ? shows.
func help(v cli.Options) []string {
	row := func(keys, does string) string { return "  " + v.Green(fmt.Sprintf("%-14s", keys)) + does }
	return []string{
		"",
		row("1 your words", "answer in conversation 1: by the REST API, out by its channel"),
		row("t 1", "the whole timeline of that customer"),
		row("?", "this help"),
		row("q", "quit (or Ctrl-C)"),
	}
}
