package deliver

import (
	"context"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

var errNoEvidence = &connectors.Error{Class: connectors.Transient, Detail: "no evidence yet of whether the vendor has it"}

// resolve looks for evidence of what became of an uncertain send: in the
// receipts that came meanwhile, then with the vendor where the channel can
// ask. It sends nothing.
func (w *Worker) resolve(ctx context.Context, job *outbox.Job) outbox.Result {
	send, err := w.Store.Job(ctx, job.Of)
	if err != nil {
		return outbox.Result{Err: unsent(err)}
	}
	if send.State != outbox.Uncertain {
		return outbox.Result{Detail: "decided meanwhile"}
	}
	r, fault := w.load(ctx, send)
	if fault != nil {
		return outbox.Result{Err: fault}
	}
	if res, known := fromReceipts(r.Parts); known {
		_, res.Finish = w.Channel.(channel.Finisher)
		return res
	}
	asker, ok := w.Channel.(channel.Resolver)
	if !ok {
		return outbox.Result{Err: errNoEvidence}
	}
	sent, found, err := asker.Resolve(ctx, r.Outbound)
	switch {
	case err != nil:
		return outbox.Result{Err: connectors.Classify(err)}
	case !found:
		return outbox.Result{Err: errNoEvidence}
	}
	return w.found(r, sent)
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

// fromReceipts returns what receipts have said of all the parts.
func fromReceipts(parts []normalize.Part) (outbox.Result, bool) {
	arrived, failed := 0, 0
	for _, p := range parts {
		switch p.Status {
		case normalize.StatusAccepted, normalize.StatusDelivered, normalize.StatusRead:
			arrived++
		case normalize.StatusFailed:
			failed++
		}
	}
	switch {
	case arrived+failed < len(parts):
		return outbox.Result{}, false
	case arrived == 0:
		return outbox.Result{Detail: "a receipt says that it failed", OfState: outbox.Failed}, true
	}
	return outbox.Result{Detail: "a receipt says that it arrived", OfState: outbox.Done}, true
}
