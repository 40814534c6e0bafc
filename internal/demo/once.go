package demo

import (
	"fmt"
	"slices"

	"github.com/deskbridge/deskbridge/internal/demo/stage"
	"github.com/deskbridge/deskbridge/normalize"
)

// check is one thing that a run with Once has to see.
type check struct {
	what string
	seen bool
}

func (d *director) checks() []check {
	letters, words := unseen(d.posted), unseen(d.expected)
	var unreadable, automated, bounced, refused, attachment, delivered, unreached, recorded bool
	for _, t := range d.board.byNumber {
		failed := slices.Contains(t.statuses, normalize.StatusFailed)
		bounced = bounced || failed && t.channel.Type == "email"
		refused = refused || failed && t.channel.Type == "telegram"
		unreached = unreached || failed && t.channel.Type == "twilio"
		delivered = delivered || slices.Contains(t.statuses, normalize.StatusDelivered) && t.channel.Type == "twilio"
		recorded = recorded || t.recorded
		for _, m := range t.received {
			unreadable = unreadable || m.Unreadable != ""
			automated = automated || m.Automated
			attachment = attachment || slices.ContainsFunc(m.Parts, func(p normalize.Part) bool { return p.Media != nil })
		}
	}
	p := d.people
	return []check{
		{fmt.Sprintf("all %d mails of the script on timelines (%d missing)", len(d.posted), letters), len(d.scenes) == 0 && letters == 0},
		{fmt.Sprintf("all %d messages by WeChat, WeCom, SMS, WhatsApp, Slack, Telegram and phone on timelines (%d missing)", len(d.expected), words), len(d.scenes) == 0 && words == 0},
		{"an attachment kept", attachment},
		{"automatic mail recognised", automated},
		{"a mail that nobody can parse kept, and the mailbox went on", unreadable},
		{"an answer sent by the API, arrived at the customer", d.loop.arrived && d.loop.answer != ""},
		{"in the customer's thread", d.loop.threaded},
		{"the customer's next mail back in the same conversation", d.loop.closed},
		{"answers arrived by WeChat, WeCom, SMS, WhatsApp, Slack and Telegram", !slices.ContainsFunc(p.all(), func(g *guest) bool { return !g.reached && g != p.oisin })},
		{"an SMS reported as delivered", delivered},
		{"a missed call with its recording and transcript", recorded},
		{"one customer and one timeline of three", d.merged},
		{"a bounce tied to the answer that it is about", bounced},
		{"an answer failed, and why, for who had blocked us", refused && d.gone && len(d.board.optedOut) > 0},
		{"an answer failed, and why, for whose phone was off", unreached},
		{"every webhook signed", d.world.desk.refused() == 0},
	}
}

// unseen counts what has not shown up yet.
func unseen[K comparable](all map[K]bool) (n int) {
	for _, seen := range all {
		if !seen {
			n++
		}
	}
	return n
}

// complete reports whether all was seen.
func (d *director) complete() bool {
	return !slices.ContainsFunc(d.checks(), func(c check) bool { return !c.seen })
}

// report prints the checks of a run with Once.
func (d *director) report() error {
	v := d.screen.o
	lines := []string{""}
	for _, c := range d.checks() {
		if c.seen {
			lines = append(lines, "  "+v.Green("✓")+" "+c.what)
		} else {
			lines = append(lines, "  "+v.Red("✗")+" "+c.what)
		}
	}
	d.screen.print(lines...)
	if !d.complete() {
		return ErrIncomplete
	}
	return nil
}

// of returns the first conversation of an address; nil for none.
func (b *board) of(at stage.Place) *talk {
	for _, t := range b.byNumber {
		if len(t.received) > 0 && placeOf(t.received[0].Address) == at {
			return t
		}
	}
	return nil
}

// placeOf is where a message came from.
func placeOf(a normalize.Address) stage.Place { return stage.Place{Kind: a.Kind, Value: a.Value} }
