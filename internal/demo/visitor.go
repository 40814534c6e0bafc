package demo

import (
	"context"
	"strconv"
	"strings"

	"github.com/deskbridge/deskbridge/internal/cli"
)

// typed handles the visitor's keys and reports whether to quit.
func (d *director) typed(ctx context.Context, keys []byte) (quit bool) {
	lines, end := d.editor.feed(keys)
	for _, l := range lines {
		if d.command(ctx, strings.TrimSpace(l)) {
			return true
		}
	}
	if d.screen.editor != nil && !end {
		d.screen.refresh()
	}
	return end
}

func (d *director) command(ctx context.Context, line string) (quit bool) {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	n, err := strconv.Atoi(word)
	switch {
	case line == "":
	case word == "q" || word == "quit" || word == "exit":
		return true
	case word == "?" || word == "help":
		d.screen.print(help(d.screen.o)...)
	case word == "t":
		n, _ := strconv.Atoi(rest)
		d.timeline(ctx, n)
	case err != nil:
		d.say("begin with the number of a conversation: 1 Hello!   ? shows what else there is")
	case d.board.number(n) == nil:
		d.say("there is no conversation " + word + " yet")
	case rest == "":
		d.say("write your answer after the number: " + word + " Hello!")
	default:
		d.answer(ctx, d.board.number(n), "You", rest)
	}
	return false
}

func (d *director) timeline(ctx context.Context, n int) {
	t := d.board.number(n)
	if t == nil {
		d.say("t and the number of a conversation: t 1")
		return
	}
	var drawn string
	d.beside(func() (err error) {
		drawn, err = d.world.timeline(ctx, t.customer, d.screen.o)
		return err
	}, func(err error) {
		if err != nil {
			d.say(cli.Line(err.Error()))
			return
		}
		d.screen.print(frame(drawn)...)
	})
}

// say tells the visitor something.
func (d *director) say(s string) {
	lines := []string{""}
	for _, l := range cli.Wrap(s, d.screen.o.Width-2) {
		lines = append(lines, "  "+d.screen.o.Yellow(l))
	}
	d.screen.print(lines...)
}
