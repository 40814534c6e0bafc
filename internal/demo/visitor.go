package demo

import (
	"context"
	"errors"
	"strings"

	"github.com/deskbridge/deskbridge/internal/demo/stage"
)

var errStopped = errors.New("the demo is being stopped")

// visitor sends what the visitor wrote on a phone, and returns once the vendor
// or the daemon has taken it. It may be called by several at once.
func (d *director) visitor(ctx context.Context, w stage.Draft) error {
	done := make(chan error, 1)
	d.back(func() { d.plays(ctx, w, func(err error) { done <- err }) })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-d.done:
		return errStopped
	}
}

func (d *director) plays(ctx context.Context, w stage.Draft, then func(error)) {
	g, a := d.guests[w.At], d.cast[w.At.Value]
	switch {
	case g != nil && w.Call:
		d.call(ctx, g, w.Text, then)
	case g != nil:
		d.utter(ctx, g, w.Text, w.Picture, then)
	case a != nil:
		l := letter{from: a.customer, subject: w.Subject, text: w.Text + "\n"}
		if w.Picture != nil {
			l.file = &attachment{w.Picture.Name, w.Picture.ContentType, w.Picture.Content}
		}
		var t thread
		if a.subject != "" && w.Subject == "Re: "+strings.TrimPrefix(a.subject, "Re: ") {
			// The same thread: an answer, or one more letter where none has come.
			t, l.quoted, l.follows = a.got, a.quoted, a.got.replyTo == ""
		}
		d.write(ctx, l, t, false, then)
	default:
		then(errors.New("nobody has this address"))
	}
}

// utter lets a guest write.
func (d *director) utter(ctx context.Context, g *guest, text string, picture *stage.File, then func(error)) {
	e := stage.Entry{Text: text}
	if picture != nil {
		e.Files = []stage.File{*picture}
	}
	sent := d.world.book.Write(g.at, e)
	d.beside(func() error { return d.world.town.says(ctx, g, text, picture) }, func(err error) {
		sent(err)
		then(err)
	})
}

// call lets a guest call.
func (d *director) call(ctx context.Context, g *guest, words string, then func(error)) {
	sent := d.world.book.Write(g.at, stage.Entry{Call: true, Text: words})
	var heard []string
	d.beside(func() (err error) {
		heard, err = d.world.town.calls(ctx, g, words)
		return err
	}, func(err error) {
		d.world.book.Heard(g.at, heard)
		sent(err)
		then(err)
	})
}
