package deliver

import (
	"context"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// send makes the request of a job.
func (w *Worker) send(ctx context.Context, job *outbox.Job, begin outbox.Begin) outbox.Result {
	r, fault := w.load(ctx, job)
	if fault != nil {
		return outbox.Result{Err: fault}
	}
	limits, err := w.Channel.Limits(ctx, r.Message.Thread)
	if err != nil {
		return outbox.Result{Err: unsent(fmt.Errorf("cannot find out what may be sent: %w", err))}
	}
	if job.Interrupted && !limits.Idempotent {
		return refused(connectors.Ambiguous, "the daemon stopped while the vendor was being asked")
	}
	if why, err := w.closed(ctx, r, limits); err != nil {
		return outbox.Result{Err: unsent(err), Repeatable: limits.Idempotent}
	} else if why != nil {
		return outbox.Result{Err: connectors.Errorf(connectors.Rejected, why.Reason, "%s", why.Detail)}
	}
	early, err := w.drop(ctx, r)
	if err != nil {
		return outbox.Result{Err: unsent(err), Repeatable: limits.Idempotent}
	}
	if len(r.Recipients) == 0 {
		res := judge(r, early, channel.Sent{}, nil)
		res.Unreachable = nil // they are flagged already
		return res
	}

	day := outbox.Budget{Requests: limits.Daily, Recipients: limits.DailyRecipients}
	if err := w.spend(ctx, job.Account, outbox.Budget{}, day); err != nil {
		return outbox.Result{Err: unsent(err), Repeatable: limits.Idempotent}
	}
	begun := false
	r.Begin = func(ctx context.Context) error {
		if err := w.spend(ctx, job.Account, outbox.Budget{Requests: 1, Recipients: len(r.Recipients)}, day); err != nil {
			return err
		}
		err := begin(ctx)
		begun = begun || err == nil
		return err
	}
	sent, err := w.Channel.Send(ctx, r.Outbound)
	if err == nil && !begun {
		// It has gone out, whatever was promised. Record the attempt.
		w.Log.Error("the connector sent without calling Begin", "job", job.ID.String())
		if err := begin(context.WithoutCancel(ctx)); err != nil {
			w.Log.Error("cannot record the attempt of a send without Begin", "job", job.ID.String(), "error", err)
		}
	}
	var e *connectors.Error
	switch {
	case err == nil:
	case begun:
		e = connectors.Classify(err)
	default:
		e = unsent(err)
	}
	res := judge(r, early, sent, e)
	res.Repeatable = limits.Idempotent
	_, res.Finish = w.Channel.(channel.Finisher)
	return res
}

// spend counts a request against the account's limit for a day. Its error says
// how long there is no room for it.
func (w *Worker) spend(ctx context.Context, account string, spend, day outbox.Budget) error {
	if day == (outbox.Budget{}) {
		return nil
	}
	wait, err := w.Store.Spend(ctx, account, spend, day, w.Clock.Now())
	switch {
	case err != nil:
		return fmt.Errorf("cannot count what the account has sent today: %w", err)
	case wait <= 0:
		return nil
	}
	e := connectors.Errorf(connectors.Throttled, "daily_limit",
		"the account has sent what it may within 24 hours; there is room again in %s", wait.Round(time.Minute))
	e.RetryAfter = wait
	return e
}

// closed tells the channel how long and how often it may answer now, and
// returns why the vendor would not take this request, or nil.
func (w *Worker) closed(ctx context.Context, r *request, l channel.Limits) (*timeline.Refused, error) {
	window, err := w.Store.ReplyWindow(ctx, r.Message.Channel.Name, r.Message.Address, r.Message.ConversationID)
	if err != nil {
		return nil, fmt.Errorf("cannot look the reply window up: %w", err)
	}
	r.Message.ReplyWindow = nil
	if window == nil {
		return nil, nil
	}
	r.Message.ReplyWindow = &window.ReplyWindow
	if l.Template && onlyText(r.Parts) {
		return nil, nil
	}
	window.Pending = 0 // this one is among them, and the others come after it
	return window.Takes(1, w.Clock.Now()), nil
}

// drop takes the recipients who must not be written to out of the request and
// returns them.
func (w *Worker) drop(ctx context.Context, r *request) ([]channel.RecipientResult, error) {
	var early []channel.RecipientResult
	var rest []normalize.Address
	for _, a := range r.Recipients {
		why, err := w.Store.Unreachable(ctx, a)
		if err != nil {
			return nil, fmt.Errorf("cannot look the address up: %w", err)
		}
		if why == nil {
			rest = append(rest, a)
			continue
		}
		early = append(early, channel.RecipientResult{
			Address: a,
			Err:     &connectors.Error{Class: connectors.Unreachable, Code: why.Reason, Detail: "not sent, since " + why.Detail},
		})
	}
	r.Recipients = rest
	return early, nil
}

// finish does what follows an accepted send. It may be repeated.
func (w *Worker) finish(ctx context.Context, job *outbox.Job, begin outbox.Begin) outbox.Result {
	f, ok := w.Channel.(channel.Finisher)
	if !ok {
		return outbox.Result{Detail: "the channel asks for nothing more"}
	}
	r, fault := w.loadOf(ctx, job)
	if fault != nil {
		return outbox.Result{Err: fault}
	}
	r.Recipients = r.all
	if err := begin(ctx); err != nil {
		return outbox.Result{Err: unsent(err)}
	}
	if err := f.Finish(ctx, r.Outbound); err != nil {
		return outbox.Result{Err: connectors.Classify(err), Repeatable: true}
	}
	return outbox.Result{}
}

// loadOf builds the request of the send job that a job belongs to.
func (w *Worker) loadOf(ctx context.Context, job *outbox.Job) (*request, *connectors.Error) {
	send, err := w.Store.Job(ctx, job.Of)
	if err != nil {
		return nil, unsent(fmt.Errorf("cannot load the send: %w", err))
	}
	return w.load(ctx, send)
}
