// Package deliver is the lane to the channels: it sends agents' answers, finds
// out what became of uncertain ones, and does what follows accepted ones.
package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// Store is what delivering needs of the database.
type Store interface {
	Message(ctx context.Context, id normalize.ID) (*normalize.Message, error)
	Job(ctx context.Context, id normalize.ID) (*outbox.Job, error)
	Attempts(ctx context.Context, job normalize.ID) ([]outbox.Attempt, error)
	// SentAs returns the message, and the part where it is one of several, that
	// a vendor knows under an external id; 0 for none.
	SentAs(ctx context.Context, account, externalID string) (message, part normalize.ID, err error)
	// Unreachable returns why an address must not be written to, or nil.
	Unreachable(ctx context.Context, a normalize.Address) (*timeline.Refused, error)
	// Spend counts what an account is about to send against its limit for any
	// 24 hours, for all nodes and over restarts. Where too little is left it
	// counts nothing and returns how long to wait. Spending nothing asks.
	Spend(ctx context.Context, account string, spend, limit outbox.Budget, now time.Time) (wait time.Duration, err error)
	// ReplyWindow returns how long and how often an account may still write to
	// an address; nil where there is no end.
	ReplyWindow(ctx context.Context, account string, a normalize.Address, conversation normalize.ID) (*timeline.Window, error)
}

// Worker sends by one account of a channel.
type Worker struct {
	Channel channel.Sender
	Store   Store
	Clock   connectors.Clock
	Log     *slog.Logger
	// Open returns the content of a medium.
	Open func(ctx context.Context, m *normalize.Media) (io.ReadCloser, error)
	// Link returns an address at which anybody may fetch a medium; see
	// channel.Outbound.
	Link func(m *normalize.Media) string

	mu    sync.Mutex
	pace  outbox.Pace
	asked time.Time // when the pace was asked for; real time
}

// paceFor is how long the account's pace is remembered.
const paceFor = time.Minute

// Pace returns what the channel's limits say of the account as a whole.
func (w *Worker) Pace(ctx context.Context) outbox.Pace {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.asked.IsZero() && time.Since(w.asked) < paceFor {
		return w.pace
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	w.asked = time.Now()
	l, err := w.Channel.Limits(ctx, normalize.Thread{})
	if err != nil {
		w.Log.Debug("limits of the account unknown; keeping those of before", "error", err)
		return w.pace
	}
	w.pace = outbox.Pace{Rate: l.Rate, Burst: l.Burst, Parallel: l.Parallel}
	return w.pace
}

// Work does a send, finish or resolve job.
func (w *Worker) Work(ctx context.Context, job *outbox.Job, begin outbox.Begin) outbox.Result {
	switch job.Task {
	case outbox.TaskSend:
		return w.send(ctx, job, begin)
	case outbox.TaskFinish:
		return w.finish(ctx, job, begin)
	case outbox.TaskResolve:
		return w.resolve(ctx, job)
	}
	return refused(connectors.Unsupported, "this version cannot do a job of kind "+string(job.Task))
}

// request is what a send job asks of the channel.
type request struct {
	*channel.Outbound
	send *outbox.Job
	// all are the recipients of the message; Outbound has those still to ask.
	all []normalize.Address
}

// load builds the request of a send job.
func (w *Worker) load(ctx context.Context, send *outbox.Job) (*request, *connectors.Error) {
	m, err := w.Store.Message(ctx, send.Message)
	if err != nil {
		return nil, unsent(fmt.Errorf("cannot load the message: %w", err))
	}
	o := &channel.Outbound{
		Key:     key(send.ID),
		Attempt: send.Attempts + 1,
		Message: m,
		Open:    w.Open,
		Link:    w.Link,
		Begin:   func(context.Context) error { return nil },
	}
	for _, p := range m.Parts {
		if slices.Contains(send.Parts, p.ID) {
			o.Parts = append(o.Parts, p)
		}
	}
	if len(o.Parts) == 0 {
		return nil, connectors.Errorf(connectors.Rejected, "", "the message no longer has what was to be sent")
	}
	r := &request{Outbound: o, send: send, all: recipients(m)}
	for _, a := range r.all {
		if !settled(send.Settled, a) {
			o.Recipients = append(o.Recipients, a)
		}
	}
	return r, nil
}

// key names the request of a send job to the vendor.
func key(send normalize.ID) string { return "db-" + send.String() }

// recipients returns whom a message goes to, each once.
func recipients(m *normalize.Message) []normalize.Address {
	var all []normalize.Address
	for _, a := range slices.Concat(m.Thread.To, m.Thread.Cc) {
		if !slices.ContainsFunc(all, a.Is) {
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		all = append(all, m.Address)
	}
	return all
}

func settled(done []outbox.SettledRecipient, a normalize.Address) bool {
	return slices.ContainsFunc(done, func(s outbox.SettledRecipient) bool { return s.Address.Is(a) })
}

// unsent classes an error from before Begin: surely nothing was sent.
func unsent(err error) *connectors.Error {
	if e, ok := errors.AsType[*connectors.Error](err); ok && e.Class != connectors.Ambiguous {
		return e
	}
	return &connectors.Error{Class: connectors.Transient, Err: err}
}

func refused(c connectors.Class, detail string) outbox.Result {
	return outbox.Result{Err: &connectors.Error{Class: c, Detail: detail}}
}
