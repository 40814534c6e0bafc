package deliver

import (
	"context"
	"slices"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

var errNoEvidence = &connectors.Error{Class: connectors.Transient, Detail: "no evidence yet of whether the vendor has it"}

// resolve asks the channel what became of an uncertain send. It sends nothing.
// Receipts and answers that come meanwhile decide the send without us.
func (w *Worker) resolve(ctx context.Context, job *outbox.Job) outbox.Result {
	send, err := w.Store.Job(ctx, job.Of)
	if err != nil {
		return outbox.Result{Err: unsent(err)}
	}
	switch send.State {
	case outbox.Uncertain:
	case outbox.Done:
		_, finish := w.Channel.(channel.Finisher)
		return outbox.Result{Detail: "decided meanwhile", Finish: finish}
	default:
		return outbox.Result{Detail: "decided meanwhile"}
	}
	asker, ok := w.Channel.(channel.Resolver)
	if !ok {
		return outbox.Result{Detail: "this channel cannot be asked; a receipt or a person decides"}
	}
	attempts, err := w.Store.Attempts(ctx, send.ID)
	switch {
	case err != nil:
		return outbox.Result{Err: unsent(err)}
	case sentBefore(send, attempts):
		return outbox.Result{Detail: "what an earlier try has sent cannot be told from this one; a receipt or a person decides"}
	}
	r, fault := w.load(ctx, send)
	if fault != nil {
		return outbox.Result{Err: fault}
	}
	if n := len(attempts); n > 0 {
		r.Begun = attempts[n-1].StartedAt
	}
	r.Known = func(ctx context.Context, externalID string) (bool, error) {
		message, part, err := w.Store.SentAs(ctx, r.Message.Channel.Name, externalID)
		return message != 0 && (message != send.Message || part != 0 && !slices.Contains(send.Parts, part)), err
	}
	sent, found, err := asker.Resolve(ctx, r.Outbound)
	switch {
	case err != nil:
		return outbox.Result{Err: unsent(err)}
	case !found:
		return outbox.Result{Err: errNoEvidence}
	}
	return w.found(r, sent)
}

// sentBefore reports whether an earlier try of a send went out, to some at
// least: then finding the message proves nothing of the last one.
func sentBefore(send *outbox.Job, attempts []outbox.Attempt) bool {
	return slices.ContainsFunc(send.Settled, func(s outbox.SettledRecipient) bool { return s.Status != normalize.StatusFailed }) ||
		slices.ContainsFunc(attempts, func(a outbox.Attempt) bool { return a.Outcome == string(normalize.StatusAccepted) })
}

// found settles the send by what the vendor said of it.
func (w *Worker) found(r *request, sent channel.Sent) outbox.Result {
	res := judge(r, nil, sent, nil)
	switch {
	case res.Err == nil:
		res.OfState = outbox.Done
		_, res.Finish = w.Channel.(channel.Finisher)
	default:
		// The vendor knows the request and refused it after all. The search
		// has ended well; the send has failed.
		res.Detail, res.Err = res.Err.Error(), nil
		res.Status, res.OfState = normalize.StatusFailed, outbox.Failed
	}
	return res
}
