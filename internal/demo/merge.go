package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/normalize"
)

// linTalks are Lin's conversations by WeChat, SMS and e-mail; nil for those
// that the desk has not heard of.
func (d *director) linTalks() []*talk {
	return []*talk{d.board.of(d.people.lin.address), d.board.of(d.people.linPhone.address), d.board.of(linAddress)}
}

func (d *director) linIsKnown() bool { return !slices.Contains(d.linTalks(), nil) }

// mergeLin shows the three customers that Lin is, lets the colleague make them
// one, and shows the one timeline.
func (d *director) mergeLin(ctx context.Context) {
	talks, o := d.linTalks(), d.screen.o
	lines := []string{"", d.board.aside("⇄", "Lin wrote by WeChat, SMS and e-mail: three customers so far")}
	for _, t := range talks {
		lines = append(lines, indent+o.Bold(tag(t.number))+cli.Fit(t.name+", "+t.channel.Name, o.Width-len(indent)-30)+o.Dim("  customer "+t.customer.String()))
	}
	lines = append(lines, indent+colleague+" knows better: "+o.Cyan("POST /v1/customers/{id}/merge"))
	d.screen.print(lines...)
	into := talks[0].customer
	var from []normalize.ID
	for _, t := range talks[1:] {
		if t.customer != into && !slices.Contains(from, t.customer) {
			from = append(from, t.customer)
		}
	}
	var drawn string
	d.beside(func() (err error) {
		for _, id := range from {
			if err = d.world.api.merge(ctx, id, into, "wrote by all three about order 4720"); err != nil {
				return err
			}
		}
		drawn, err = d.world.timeline(ctx, into, o)
		return err
	}, func(err error) {
		if err != nil {
			if ctx.Err() == nil {
				d.screen.print("", o.Red("  the API refused the merge: "+cli.Line(err.Error())))
			}
			return
		}
		for _, t := range talks {
			t.customer = into
		}
		d.merged = strings.Contains(drawn, "wechat") && strings.Contains(drawn, "phone") && strings.Contains(drawn, "support")
		d.screen.print("", d.board.aside("⇄", "Now this is one customer with one timeline"))
		d.screen.print(frame(drawn)...)
	})
}

// frame sets a drawing off from what is around it.
func frame(drawn string) []string {
	lines := []string{""}
	for l := range strings.Lines(strings.TrimRight(drawn, "\n")) {
		lines = append(lines, strings.TrimRight(l, "\n"))
	}
	return lines
}

// rings shows what has arrived at a guest's, who may answer.
func (d *director) rings(ctx context.Context, a arrival) {
	g := d.guests[a.address]
	if g == nil {
		return
	}
	t := d.board.of(a.address)
	if t == nil {
		return // of an earlier run
	}
	g.reached = true
	d.screen.print(d.board.arrived(t, fmt.Sprintf("at %s by %s", g.name, g.via), a.text)...)
	if g.replies >= len(g.answers) {
		return
	}
	words := g.answers[g.replies]
	g.replies++
	d.after(d.scaled(4*time.Second), func() { says(0, g, words).play(ctx, d, func() {}) })
}

// jonasIsGone lets the colleague answer somebody who has just blocked the desk.
func (d *director) jonasIsGone(ctx context.Context) {
	jonasBlocks(d.world.town)
	d.answer(ctx, d.board.of(d.people.jonas.address), colleague, "One more thing, Jonas: may we send you our newsletter?")
}
