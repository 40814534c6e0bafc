package demo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
)

// check is one thing that a run with Once has to see.
type check struct {
	what string
	seen bool
}

func (d *director) checks() []check {
	missing := 0
	for _, seen := range d.posted {
		if !seen {
			missing++
		}
	}
	var unreadable, automated, bounced, attachment bool
	for _, t := range d.board.byNumber {
		bounced = bounced || slices.Contains(t.statuses, normalize.StatusFailed)
		for _, m := range t.received {
			unreadable = unreadable || m.Unreadable != ""
			automated = automated || m.Automated
			attachment = attachment || slices.ContainsFunc(m.Parts, func(p normalize.Part) bool { return p.Media != nil })
		}
	}
	return []check{
		{fmt.Sprintf("all %d mails of the script on timelines (%d missing)", len(d.posted), missing), len(d.letters) == 0 && missing == 0},
		{"an attachment kept", attachment},
		{"automatic mail recognised", automated},
		{"a mail that nobody can parse kept, and the mailbox went on", unreadable},
		{"an answer sent by the API, arrived at the customer", d.loop.arrived && d.loop.answer != ""},
		{"in the customer's thread", d.loop.threaded},
		{"the customer's next mail back in the same conversation", d.loop.closed},
		{"a bounce tied to the answer that it is about", bounced},
		{"every webhook signed", d.world.desk.refused() == 0},
	}
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
func (b *board) of(address string) *talk {
	for _, t := range b.byNumber {
		if len(t.received) > 0 && strings.EqualFold(t.received[0].Address.Value, address) {
			return t
		}
	}
	return nil
}
