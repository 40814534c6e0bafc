package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

const (
	firstYear    = 2026 // no machine that runs this program lives before
	clockBack    = time.Minute
	longWaiting  = time.Hour
	recentInputs = 200
)

// clock compares the clock with what the store has seen.
func (d *doctor) clock() {
	now := time.Now().UTC()
	if now.Year() < firstYear {
		d.add(cli.Fail, "clock", "says "+now.Format(time.RFC1123), "set the clock: certificates, signatures and back-off depend on it")
		return
	}
	if d.app == nil {
		d.add(cli.OK, "clock", now.Format(time.RFC1123), "")
		return
	}
	newest, err := d.app.Store().Ledger(d.ctx, timeline.LedgerFilter{Limit: 1})
	if err != nil {
		d.add(cli.Fail, "clock", err.Error(), "")
		return
	}
	if len(newest) == 1 && newest[0].RecordedAt.Sub(now) > clockBack {
		d.add(cli.Warn, "clock", "is "+cli.Span(newest[0].RecordedAt.Sub(now))+" behind the newest input in the store",
			"it stepped back, or another node's clock is ahead: let NTP set both")
		return
	}
	d.add(cli.OK, "clock", now.Format(time.RFC1123), "")
}

// states tells how the daemon found the accounts last.
func (d *doctor) states() {
	accounts, err := d.app.Store().Accounts(d.ctx)
	if err != nil {
		d.add(cli.Fail, "accounts", err.Error(), "")
		return
	}
	all, err := d.app.Store().Paused(d.ctx)
	if err != nil {
		d.add(cli.Fail, "outbox", err.Error(), "")
	} else if all != nil {
		d.add(cli.Warn, "outbox", fmt.Sprintf("paused as a whole by %s, %s: %s", all.By, d.opts.Ago(all.At), all.Reason), "deskbridge outbox resume --all")
	}
	for _, a := range accounts {
		name := a.Role + " " + a.Name
		if !a.Enabled {
			continue
		}
		if !a.PausedAt.IsZero() {
			d.add(cli.Warn, name, fmt.Sprintf("paused by %s, %s: %s", a.PausedBy, d.opts.Ago(a.PausedAt), a.PausedWhy), "deskbridge outbox resume "+a.Name)
		}
		text := strings.TrimSuffix(fmt.Sprintf("last seen %s, %s: %s", a.State, d.opts.Ago(a.StateAt), a.Reason), ": ")
		switch a.State {
		case "down":
			d.add(cli.Fail, name, text, "mend its credentials or settings; its queue is kept")
		case "degraded":
			d.add(cli.Warn, name, text, "")
		case "connected":
			d.add(cli.OK, name, text, "")
		}
	}
}

// outbox tells of work that waits for a person.
func (d *doctor) outbox() {
	counts, err := d.app.Store().Counts(d.ctx)
	if err != nil {
		d.add(cli.Fail, "outbox", err.Error(), "")
		return
	}
	fine := true
	for _, c := range counts {
		advice := "deskbridge outbox list --stuck --account " + c.Account
		switch {
		case c.State == outbox.Failed || c.State == outbox.Uncertain || c.State == outbox.Expired:
			fine = false
			d.add(cli.Warn, "outbox", fmt.Sprintf("%d jobs %s at %s", c.N, c.State, c.Account), advice)
		case c.State == outbox.Queued && d.opts.Now.Sub(c.Oldest) > longWaiting && !c.Oldest.IsZero():
			fine = false
			d.add(cli.Warn, "outbox", fmt.Sprintf("%d jobs queued at %s, the oldest since %s", c.N, c.Account, d.opts.Ago(c.Oldest)), advice)
		}
	}
	if fine {
		d.add(cli.OK, "outbox", "nothing failed, and nothing waits for more than an hour", "")
	}
}

// quarantine tells of inputs that could not be read.
func (d *doctor) quarantine() {
	held, err := d.app.Store().Ledger(d.ctx, timeline.LedgerFilter{Outcome: normalize.Quarantined, Limit: recentInputs})
	switch {
	case err != nil:
		d.add(cli.Fail, "ledger", err.Error(), "")
	case len(held) == 0:
		d.add(cli.OK, "ledger", "no input in quarantine", "")
	default:
		n := strconv.Itoa(len(held))
		if len(held) == recentInputs {
			n += " or more"
		}
		d.add(cli.Warn, "ledger", fmt.Sprintf("%s inputs in quarantine, the newest %s: %s", n, d.opts.Ago(held[0].RecordedAt), held[0].Reason),
			"deskbridge ledger list --outcome quarantined, and after an update deskbridge ledger replay --quarantined")
	}
}
