package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/internal/server"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox/ticket"
)

const ticketCursor = "changed"

// ticketEndpoint takes the calls of a helpdesk: what they name is read by a job.
func (a *App) ticketEndpoint(acc *Account, hook helpdesk.Webhook) server.Endpoint {
	return func(ctx context.Context, call *connectors.Request) (func(context.Context) error, connectors.Reply, error) {
		tickets, reply, err := hook.Parse(ctx, call)
		if err != nil || len(tickets) == 0 {
			return nil, reply, err
		}
		return func(ctx context.Context) error {
			return a.db.TouchTickets(ctx, ticket.Touch{Account: acc.Name, Tickets: tickets, Now: a.now()})
		}, reply, nil
	}
}

// watchTickets asks a helpdesk for changed tickets, on the node that holds the
// account's lease.
func (a *App) watchTickets(ctx context.Context, acc *Account, h helpdesk.Tickets, log *slog.Logger) {
	w := &ticketWatch{app: a, name: acc.Name, helpdesk: h, log: log}
	acc.done.Go(func() { holding(ctx, a.db, "account/"+acc.Name, a.owner, a.now, log, w.run) })
}

// ticketWatch is the pull beside the calls of a helpdesk.
type ticketWatch struct {
	app      *App
	name     string
	helpdesk helpdesk.Tickets
	log      *slog.Logger
}

// run asks until ctx ends or another node has the lease.
func (w *ticketWatch) run(ctx context.Context, fence int64) {
	defer w.app.rest(w.name)
	wait := readerBackoff
	for ctx.Err() == nil {
		err := w.look(ctx, fence)
		if ctx.Err() != nil || errors.Is(err, timeline.ErrFenced) {
			return
		}
		if err == nil {
			wait = readerBackoff
			w.app.metrics.polled.WithLabelValues(w.name).Set(float64(w.app.now().Unix()))
			w.app.setReading(ctx, w.name, "connected", "")
			pause(ctx, w.helpdesk.Interval())
			continue
		}
		e, ok := errors.AsType[*connectors.Error](err)
		if !ok {
			e = &connectors.Error{Class: connectors.Transient, Err: err}
		}
		state := "degraded"
		if e.Class == connectors.AccountDown {
			state, wait = "down", max(wait, 30*time.Second)
		}
		w.app.setReading(ctx, w.name, state, e.Error())
		d := max(wait/2+rand.N(wait/2), min(e.RetryAfter, readerBackoffMax))
		w.log.Warn("the helpdesk was not asked for changes, will try again", "state", state, "err", e, "after", d.Round(time.Millisecond))
		pause(ctx, d)
		wait = min(2*wait, readerBackoffMax)
	}
}

// look takes in what changed since the last time.
func (w *ticketWatch) look(ctx context.Context, fence int64) (err error) {
	defer survive(w.log, &err)
	for {
		cursor, err := w.app.db.Cursor(ctx, w.name, ticketCursor)
		if err != nil {
			return err
		}
		c, err := w.helpdesk.Changed(ctx, cursor)
		if err != nil {
			return err
		}
		if len(c.Tickets) > 0 || c.Cursor != cursor {
			err = w.app.db.TouchTickets(ctx, ticket.Touch{
				Account: w.name, Tickets: c.Tickets, Cursor: &normalize.Cursor{Key: ticketCursor, Value: c.Cursor}, Fence: fence, Now: w.app.now(),
			})
		}
		if err != nil || !c.More {
			return err
		}
	}
}

// ticketFiles are the media as tickets see them.
type ticketFiles struct{ *App }

func (f ticketFiles) Open(ctx context.Context, m *normalize.Media) (io.ReadCloser, error) {
	return f.openMedia(ctx, m)
}

func (f ticketFiles) Link(m *normalize.Media) string { return f.linkMedia(m) }

func (f ticketFiles) Upload(ctx context.Context, name, contentType string, r io.Reader) (normalize.Media, error) {
	return f.server.Upload(ctx, name, contentType, r)
}
