// Package demo runs the whole product with no account and no configuration: a
// mail system, the other channels' vendors, a helpdesk and the daemon in one
// process, and customers who write by a script. A visitor answers them in the
// inbox, and plays a customer on a phone beside it, see package stage.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/deskbridge/deskbridge/internal/cli"
)

// Options of one run.
type Options struct {
	// Data is the folder of the store; empty is a temporary one.
	Data string
	// Speed is how fast the customers write: 2 is twice as fast as normal.
	Speed float64
	// Once lets the script run without a visitor: it answers by itself, shows
	// what happens, checks that everything arrived, and ends.
	Once bool
	// Open starts the browser of this machine.
	Open    bool
	Out     io.Writer
	View    cli.Options
	Version string
}

// ErrIncomplete is returned by a run with Once that did not see everything.
var ErrIncomplete = errors.New("the demo did not see all that it should")

// onceTime bounds a run with Once. It takes about five seconds on a machine
// that does nothing else.
const onceTime = time.Minute

// Run starts everything, plays, and stops everything. It returns when ctx
// ends, or with Once when all was seen.
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
	d := newDirector(w, s, o)
	if o.Once {
		err = d.run(ctx)
	} else {
		err = d.show(ctx, o)
	}
	err = errors.Join(err, w.close()) //nolint:contextcheck // it stops in order after the context has ended
	switch {
	case o.Once:
		err = errors.Join(err, d.report())
	case w.temporary:
		s.print("Stopped; " + w.dir + " is removed.")
	default:
		s.print("Stopped; the store stays in " + w.dir + ".")
	}
	return err
}

// show plays for a visitor.
func (d *director) show(ctx context.Context, o Options) error {
	if d.world.again {
		if err := d.remember(ctx); err != nil {
			return fmt.Errorf("read what was written before: %w", err)
		}
	}
	if err := d.world.open(ctx, d); err != nil {
		return err
	}
	link := d.world.stage.Link()
	d.screen.print(d.banner(link)...)
	if o.Open {
		if err := browse(link); err != nil {
			d.trouble("no browser could be started, so open the address yourself: " + err.Error())
		}
	}
	err := d.run(ctx)
	d.screen.print("", "Stopping ...")
	return err
}

// opened says how the next browser gets in, since a link does so once.
func (d *director) opened(ctx context.Context, next string) {
	d.back(func() { d.watch(ctx) })
	d.screen.print("  A browser has opened the demo. Another one opens it by " + d.screen.o.Cyan(next))
}

// banner says what to open, how to stop, and what else there is.
func (d *director) banner(link string) []string {
	v, w := d.screen.o, d.world
	row := func(name, value string) string { return "  " + v.Dim(fmt.Sprintf("%-11s", name)) + value }
	return []string{
		"",
		"  " + v.Bold("Deskbridge") + "   one timeline per customer, between your channels and your helpdesk",
		"",
		"  Open     " + v.Bold(v.Cyan(link)),
		"  to answer in the inbox, with a customer's phone beside it. " + v.Bold("Ctrl-C") + " stops the demo.",
		"",
		row("customers", "write by e-mail, SMS, WhatsApp, phone, WeChat, WeCom, Slack and Telegram"),
		row("vendors", "are simulated; nothing leaves this machine"),
		row("API", v.Cyan(w.url()+"/v1/openapi.json")+", for instance:"),
		"  curl -sH 'Authorization: Bearer " + w.token + "' \\",
		"    '" + w.url() + "/v1/conversations?limit=3'",
		row("health", v.Cyan("http://"+w.app.AdminAddr().String()+"/readyz")+" and /metrics"),
		row("commands", "deskbridge timeline "+visitorMail+" -c "+w.config),
		"",
	}
}
