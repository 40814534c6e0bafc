package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

func cancelByHand(t *testing.T, b *Box) {
	first, second, third := b.Send("ann"), b.Send("ann"), b.Send("ann")
	claimed := b.Take("mail")
	if err := b.Cancel(t.Context(), first.ID, b.Now); !errors.Is(err, outbox.ErrState) {
		t.Errorf("cancelled under a worker's hands: %v", err)
	}
	b.must(b.Cancel(t.Context(), second.ID, b.Now))
	if s, p := b.Outcome(second.ID); s != outbox.Cancelled || p != normalize.StatusFailed {
		t.Errorf("%s %s", s, p)
	}
	b.End(b.Started(claimed), failure(connectors.Throttled))
	b.must(b.Cancel(t.Context(), first.ID, b.Now)) // a head that waits
	if j := b.Take("mail"); j.ID != third.ID {
		t.Errorf("then came %s, want the third", j.ID)
	}
	if err := b.Cancel(t.Context(), second.ID, b.Now); !errors.Is(err, outbox.ErrState) {
		t.Errorf("cancelled twice: %v", err)
	}
	b.must(b.Retry(t.Context(), second.ID, b.Now.Add(time.Hour), b.Now))

	// A person who found out what became of an uncertain send closes it.
	doubtful := b.Send("bob")
	b.End(b.Started(b.Take("mail")), failure(connectors.Ambiguous))
	b.must(b.Cancel(t.Context(), doubtful.ID, b.Now))
	if s, p := b.Outcome(doubtful.ID); s != outbox.Cancelled || p != normalize.StatusFailed {
		t.Errorf("an uncertain send that was closed is %s %s", s, p)
	}
}
