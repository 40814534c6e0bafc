// Package forward is the lane to the helpdesks: it hands each event to the
// backends that want it, in the order of its conversation.
package forward

import (
	"context"
	"errors"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// Events is what forwarding needs of the database.
type Events interface {
	// Event returns an event as it reads now; timeline.ErrNotFound where what
	// it tells of was erased.
	Event(ctx context.Context, id normalize.ID) (*normalize.Event, error)
}

// Worker forwards events to one helpdesk.
type Worker struct {
	Helpdesk helpdesk.Subscriber
	Events   Events
	// Limit is how fast the helpdesk may be called.
	Limit outbox.Pace
}

// Pace returns the configured limit.
func (w *Worker) Pace(context.Context) outbox.Pace { return w.Limit }

// Work forwards the event of a job. An interrupted one is simply made again:
// the helpdesk recognises a repeat by the event's id.
func (w *Worker) Work(ctx context.Context, job *outbox.Job, begin outbox.Begin) outbox.Result {
	res := outbox.Result{Repeatable: true}
	e, err := w.Events.Event(ctx, job.Event)
	switch {
	case errors.Is(err, timeline.ErrNotFound):
		res.Detail = "nothing to tell any more: erased"
		return res
	case err != nil:
		res.Err = transient(err)
		return res
	}
	if err := begin(ctx); err != nil {
		res.Err = transient(err)
		return res
	}
	if err := w.Helpdesk.Forward(ctx, e); err != nil {
		res.Err = transient(err)
	}
	return res
}

// transient returns the class that err names, or else Transient: a repeat is
// harmless here.
func transient(err error) *connectors.Error {
	if e, ok := errors.AsType[*connectors.Error](err); ok {
		return e
	}
	return &connectors.Error{Class: connectors.Transient, Err: err}
}
