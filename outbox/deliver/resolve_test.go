package deliver

import (
	"context"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// oneSend is a store with one uncertain send.
type oneSend struct {
	send     outbox.Job
	attempts []outbox.Attempt
	spent    outbox.Budget
	sentAs   map[string][2]normalize.ID // message and part
}

func (s *oneSend) Job(context.Context, normalize.ID) (*outbox.Job, error) { return &s.send, nil }

func (s *oneSend) Attempts(context.Context, normalize.ID) ([]outbox.Attempt, error) {
	return s.attempts, nil
}

func (s *oneSend) Message(context.Context, normalize.ID) (*normalize.Message, error) {
	return &normalize.Message{Address: mail("a")[0], Parts: []normalize.Part{{ID: 1}}}, nil
}

func (s *oneSend) SentAs(_ context.Context, _, externalID string) (message, part normalize.ID, err error) {
	of := s.sentAs[externalID]
	return of[0], of[1], nil
}

func (s *oneSend) ReplyWindow(context.Context, string, normalize.Address, normalize.ID) (*timeline.Window, error) {
	return nil, nil
}

func (s *oneSend) Unreachable(context.Context, normalize.Address) (*timeline.Refused, error) {
	return nil, nil
}

func (s *oneSend) Spend(_ context.Context, _ string, spend, limit outbox.Budget, _ time.Time) (time.Duration, error) {
	if s.spent.Requests+max(1, spend.Requests) > limit.Requests || s.spent.Recipients+max(1, spend.Recipients) > limit.Recipients {
		return 5 * time.Hour, nil
	}
	s.spent.Requests += spend.Requests
	s.spent.Recipients += spend.Recipients
	return 0, nil
}

// listed knows what the vendor lists, without the key of each request.
type listed struct {
	channel.Sender
	ids []string
}

func (l listed) Resolve(ctx context.Context, o *channel.Outbound) (channel.Sent, bool, error) {
	for _, id := range l.ids {
		if known, err := o.Known(ctx, id); err != nil || !known {
			return channel.Sent{ExternalID: id}, err == nil, err
		}
	}
	return channel.Sent{}, false, nil
}

// TestAnothersRequestIsNoEvidence: a vendor's id that answered another request,
// of this message or of another one, says nothing of this one.
func TestAnothersRequestIsNoEvidence(t *testing.T) {
	store := &oneSend{sentAs: map[string][2]normalize.ID{"of another message": {7, 0}, "of another part": {5, 2}, "of this part": {5, 1}, "of this message": {5, 0}}}
	store.send.State, store.send.Message, store.send.Parts = outbox.Uncertain, 5, []normalize.ID{1}
	for id, found := range map[string]bool{
		"of another message": false, "of another part": false, "of this part": true, "of this message": true, "of nobody's": true,
	} {
		w := &Worker{Channel: listed{ids: []string{id}}, Store: store}
		res := w.resolve(t.Context(), &outbox.Job{Task: outbox.TaskResolve})
		if (res.OfState == outbox.Done) != found || found && res.ExternalID != id {
			t.Errorf("%s: %+v, want found=%v", id, res, found)
		}
	}
}

// filed finds every message, as a mailbox with the copy of an earlier try does.
type filed struct{ channel.Sender }

func (filed) Resolve(context.Context, *channel.Outbound) (channel.Sent, bool, error) {
	return channel.Sent{}, true, nil
}

// TestOldCopiesProveNothing: a send that went out before is not taken for
// delivered again since its first copy lies there.
func TestOldCopiesProveNothing(t *testing.T) {
	for name, c := range map[string]struct {
		store oneSend
		found bool
	}{
		"the first try":               {oneSend{attempts: []outbox.Attempt{{Outcome: "ambiguous"}}}, true},
		"after one that was accepted": {oneSend{attempts: []outbox.Attempt{{Outcome: "accepted"}, {Outcome: "ambiguous"}}}, false},
		"after one that some have":    {oneSend{send: outbox.Job{Settled: []outbox.SettledRecipient{{Address: mail("b")[0], Status: normalize.StatusDelivered}}}}, false},
		"after one that nobody has":   {oneSend{send: outbox.Job{Settled: []outbox.SettledRecipient{{Address: mail("b")[0], Status: normalize.StatusFailed}}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c.store.send.State, c.store.send.Parts = outbox.Uncertain, []normalize.ID{1}
			w := &Worker{Channel: filed{}, Store: &c.store}
			res := w.resolve(t.Context(), &outbox.Job{Task: outbox.TaskResolve})
			if res.Err != nil || (res.OfState == outbox.Done) != c.found {
				t.Errorf("%+v, want found=%v", res, c.found)
			}
		})
	}
}
