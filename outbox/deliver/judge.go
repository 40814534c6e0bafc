package deliver

import (
	"fmt"
	"slices"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// judge puts together what is known of each recipient: those who are decided
// are recorded, and as long as some are not, the job goes on for them alone.
// When all are decided the parts were accepted if anybody has them.
func judge(r *request, early []channel.RecipientResult, sent channel.Sent, err *connectors.Error) outbox.Result {
	res := outbox.Result{ExternalID: sent.ExternalID, Detail: sent.Detail, Status: normalize.StatusAccepted}
	if sent.Delivered {
		res.Status = normalize.StatusDelivered
	}
	v := verdicts{several: len(r.all) > 1}
	for _, done := range r.send.Settled {
		v.accepted = v.accepted || done.Status != normalize.StatusFailed
	}
	for _, e := range early {
		v.add(e.Address, e.Err, false)
	}
	for _, a := range r.Recipients {
		e := err
		if i := slices.IndexFunc(sent.Recipients, func(x channel.RecipientResult) bool { return x.Address.Is(a) }); i >= 0 {
			e = sent.Recipients[i].Err
		}
		v.add(a, e, len(r.all) == 1 || e != err)
	}
	res.Settled, res.Unreachable = v.settled, v.unreachable
	if (v.closed || sent.Closed) && r.Message.ReplyWindow != nil {
		res.Closed = r.Message.ReplyWindow.Until
	}
	switch {
	case v.open != nil:
		res.Err = v.open
	case v.accepted:
	default:
		res.Err = v.refusal
	}
	if v.several && v.open == nil && v.accepted && v.failed > 0 {
		res.Detail = fmt.Sprintf("%d of %d recipients refused; the receipts tell who", v.failed, len(r.all))
	}
	return res
}

// verdicts collects what became of the recipients.
type verdicts struct {
	several     bool // than one recipient: each is recorded
	accepted    bool
	failed      int
	settled     []outbox.SettledRecipient
	unreachable []normalize.Address
	closed      bool              // the reply window
	open        *connectors.Error // the gravest of those who are not decided
	refusal     *connectors.Error // the gravest of those who are
}

// gravity orders what keeps a recipient open: what must not be repeated first,
// then what concerns the whole account.
var gravity = []connectors.Class{connectors.Transient, connectors.Throttled, connectors.AccountDown, connectors.Ambiguous}

// add takes note of a recipient. own tells that the vendor said it of this
// recipient and not of the request as a whole.
func (v *verdicts) add(a normalize.Address, e *connectors.Error, own bool) {
	s := outbox.SettledRecipient{Address: a, Status: normalize.StatusAccepted}
	switch {
	case e == nil:
		v.accepted = true
	case slices.Contains(gravity, e.Class):
		if v.open == nil || slices.Index(gravity, e.Class) > slices.Index(gravity, v.open.Class) {
			v.open = e
		}
		return
	default:
		v.failed++
		s.Status, s.Code, s.Detail = normalize.StatusFailed, e.Code, e.Detail
		if v.refusal == nil {
			v.refusal = e
		}
		switch {
		case e.Closed:
			v.closed = true
		case e.Class == connectors.Unreachable && own:
			v.unreachable = append(v.unreachable, a)
		}
	}
	if v.several {
		v.settled = append(v.settled, s)
	}
}
