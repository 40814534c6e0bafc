// Package ticket keeps a ticket for each conversation at a helpdesk that has
// tickets: it writes on it what happens, and makes answers and notes of what
// agents write there. A backend only translates, see helpdesk.Tickets; what is
// remembered, and what follows from what, is the same for all.
package ticket

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// Wants are the events that belong on a ticket.
var Wants = []normalize.EventType{
	normalize.MessageReceived, normalize.MessageSent, normalize.MessageStatus, normalize.MessageEdited, normalize.MessageDeleted,
	normalize.ConversationOpened, normalize.ConversationClosed,
}

// Files are the media of messages.
type Files interface {
	Open(ctx context.Context, m *normalize.Media) (io.ReadCloser, error)
	// Link is where anybody may fetch a file for some days; "" where no public
	// URL is configured.
	Link(m *normalize.Media) string
	// Upload takes a file in for an answer. What is wrong with it is a
	// *timeline.Refused.
	Upload(ctx context.Context, name, contentType string, r io.Reader) (normalize.Media, error)
}

// Desk takes the agents' answers.
type Desk interface {
	Reply(ctx context.Context, a timeline.Answer) (m *normalize.Message, repeated bool, err error)
}

// Worker keeps the tickets of one helpdesk. The jobs of a conversation come one
// by one, so that what we write is never read while it is being written.
type Worker struct {
	Account  string
	Helpdesk helpdesk.Tickets
	Store    Store
	Desk     Desk
	Files    Files
	Now      func() time.Time
	// Limit is how fast the helpdesk may be called.
	Limit outbox.Pace
	// Observe, where set, is told the outcome of each entry, for the metrics.
	Observe func(Outcome)
}

// Pace returns the configured limit.
func (w *Worker) Pace(context.Context) outbox.Pace { return w.Limit }

// Work does a job. Doing it once more does no harm: what was written already is
// found by its tag, what was read by its id.
func (w *Worker) Work(ctx context.Context, job *outbox.Job, begin outbox.Begin) outbox.Result {
	res := outbox.Result{Repeatable: true}
	s := step{Worker: w, again: job.Attempts > 0 || job.Interrupted}
	var do func(ctx context.Context) error
	if job.Task == outbox.TaskRead {
		do = func(ctx context.Context) error { return s.read(ctx, job.Conversation) }
	} else {
		e, err := w.Store.Event(ctx, job.Event)
		switch {
		case errors.Is(err, timeline.ErrNotFound):
			res.Detail = "nothing to tell any more: erased"
			return res
		case err != nil:
			res.Err = transient(err)
			return res
		}
		do = func(ctx context.Context) error { return s.tell(ctx, e) }
	}
	err := begin(ctx)
	if err == nil {
		err = do(ctx)
	}
	if err != nil {
		res.Err = transient(err)
	}
	res.Detail = s.detail
	return res
}

// step is the work on one job.
type step struct {
	*Worker
	// again: an earlier try may have written already.
	again bool
	// reopened: this job left the ticket open, whatever was read of it before.
	reopened bool
	// finishing: what was left of a merged ticket is being read.
	finishing bool
	detail    string // for people
}

// record writes a ticket down, where it is not nil, with lines.
func (w *Worker) record(ctx context.Context, k *Ticket, lines ...Line) error {
	err := w.Store.KeepTicket(ctx, w.Account, k, lines...)
	if err != nil || w.Observe == nil {
		return err
	}
	for _, l := range lines {
		w.Observe(l.Outcome)
	}
	return nil
}

// transient returns the class that err names, or else Transient: a repeat is
// harmless here.
func transient(err error) *connectors.Error {
	if e, ok := errors.AsType[*connectors.Error](err); ok {
		return e
	}
	return &connectors.Error{Class: connectors.Transient, Err: err}
}
