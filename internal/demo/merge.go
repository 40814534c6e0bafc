package demo

import (
	"context"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/demo/stage"
	"github.com/deskbridge/deskbridge/normalize"
)

// linTalks are Lin's conversations by WeChat, SMS and e-mail; nil for those
// that the desk has not heard of.
func (d *director) linTalks() []*talk {
	return []*talk{d.board.of(d.people.lin.at), d.board.of(d.people.linPhone.at), d.board.of(stage.Place{Kind: byMail, Value: linAddress})}
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
	d.tell(lines...)
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
				d.trouble("the API refused the merge: " + err.Error())
			}
			return
		}
		for _, t := range talks {
			t.customer = into
		}
		d.merged = strings.Contains(drawn, "wechat") && strings.Contains(drawn, "phone") && strings.Contains(drawn, "support")
		d.tell("", d.board.aside("⇄", "Now this is one customer with one timeline"))
		d.tell(frame(drawn)...)
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

// jonasIsGone lets the colleague answer somebody who has just blocked the desk.
func (d *director) jonasIsGone(ctx context.Context) {
	d.world.town.blocks()
	d.answer(ctx, d.board.of(d.people.jonas.at), colleague, "One more thing, Jonas: may we send you our newsletter?")
}

// linIsOutOfReach lets the colleague write an SMS to a phone that is off. It is
// on again soon: another try arrives, and another channel does at once.
func (d *director) linIsOutOfReach(ctx context.Context) {
	t := d.board.of(d.people.linPhone.at)
	if t == nil {
		return // the story went elsewhere
	}
	d.world.town.switchOff(d.people.linPhone)
	d.answer(ctx, t, colleague, "Your coat is with the courier, Lin. The tracking number is RW-4720.")
}
