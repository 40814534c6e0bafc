package demo

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
	"github.com/deskbridge/deskbridge/internal/demo/stage"
	"github.com/deskbridge/deskbridge/normalize"
)

// rings shows what has arrived at a guest's, who may answer.
func (d *director) rings(ctx context.Context, a arrival) {
	if len(a.links) == 0 {
		d.reaches(ctx, a, nil)
		return
	}
	// Twilio fetches what it sends on; here the customer's phone does.
	var files []stage.File
	d.beside(func() error {
		for _, link := range a.links {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
			if err != nil {
				return err
			}
			content, err := download(d.world.outside, req)
			if err != nil {
				return fmt.Errorf("fetch what we sent: %w", err)
			}
			files = append(files, named(content))
		}
		return nil
	}, func(err error) {
		if err != nil && ctx.Err() == nil {
			d.trouble(err.Error())
		}
		d.reaches(ctx, a, files)
	})
}

func (d *director) reaches(ctx context.Context, a arrival, files []stage.File) {
	if len(a.file) > 0 {
		files = append(files, named(a.file))
	}
	d.world.book.Arrive(a.at, stage.Entry{Text: a.text, Files: files})
	g, t := d.guests[a.at], d.board.of(a.at)
	if g == nil || t == nil {
		return // nobody of the story, or of an earlier run
	}
	g.reached = true
	d.tell(d.board.arrived(t, fmt.Sprintf("at %s by %s", g.name, vias[g.at.Kind]), a.text)...)
	if g.replies >= len(g.answers) {
		return
	}
	words := g.answers[g.replies]
	g.replies++
	d.after(d.scaled(4*time.Second), func() { says(0, g, words, nil).play(ctx, d, func() {}) })
}

// arrived shows a mail in a customer's mailbox, and lets the customer react.
func (d *director) arrived(ctx context.Context, m mail.Mail) {
	a := d.cast[m.User]
	if a == nil {
		return
	}
	words, files := mailContent(m.Raw)
	d.world.book.Arrive(a.at(), stage.Entry{Subject: m.Header("Subject"), Text: words, Files: files})
	a.got = thread{replyTo: m.MessageID(), references: ids(m.Header("References"))}
	a.quoted = "\n\n> " + strings.ReplaceAll(words, "\n", "\n> ") + "\n"
	t := d.board.of(a.at())
	if t == nil {
		return // of an earlier run
	}
	threaded := slices.ContainsFunc(t.received, func(r *normalize.Message) bool {
		return strings.Contains(m.Header("In-Reply-To"), "<"+r.ExternalID+">")
	})
	where := "in the mailbox of " + a.name
	if threaded {
		where += ", in the thread"
	}
	d.tell(d.board.arrived(t, where, words)...)
	if t == d.loop.talk {
		d.loop.arrived, d.loop.threaded = true, threaded
	}
	to := a.got
	reply := letter{from: a.customer, subject: "Re: " + strings.TrimPrefix(a.subject, "Re: "), quoted: a.quoted}
	if a.away != "" && !a.awayOut {
		a.awayOut = true
		reply.subject, reply.text, reply.automatic = "Respuesta automática: "+a.subject, a.away+"\n", true
		d.after(d.scaled(time.Second), func() { d.write(ctx, reply, to, true, func(err error) { d.untaken(ctx, err) }) })
		return
	}
	if a.replies >= len(a.answers) {
		return
	}
	reply.text = a.answers[a.replies]
	a.replies++
	if reply.text == "" {
		return
	}
	d.after(d.scaled(4*time.Second), func() {
		id := d.write(ctx, reply, to, false, func(err error) { d.untaken(ctx, err) })
		if t == d.loop.talk && d.loop.reply == "" {
			d.loop.reply = id
		}
	})
}
