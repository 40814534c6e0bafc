package timeline

import (
	"context"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// Window is a reply window as the vendor counts it.
type Window struct {
	normalize.ReplyWindow
	// Pending are requests of ours that the vendor has not counted yet.
	Pending int
}

// Takes returns why a vendor would not take so many requests more, or nil. A
// nil window takes any number.
func (w *Window) Takes(requests int, now time.Time) *Refused {
	const otherwise = "wait until the customer writes again, or use another channel or address of theirs"
	switch {
	case w == nil:
		return nil
	case !now.Before(w.Until):
		return Refuse("window_closed", "the vendor allowed answers until %s: %s", w.Until.UTC().Format("2006-01-02 15:04 UTC"), otherwise)
	case w.Remaining < 0 || requests <= w.Remaining-w.Pending:
		return nil
	case w.Remaining-w.Pending <= 0:
		return Refuse("window_closed", "the vendor allows no further answer: %s", otherwise)
	}
	return Refuse("window_closed", "this answer takes %d messages and the vendor allows %d more: make it shorter or leave attachments out, or %s",
		requests, w.Remaining-w.Pending, otherwise)
}

// open refuses what comes too late, or too often, for the vendor. The store
// looks again when it commits, since others may answer at the same moment.
func (d *Desk) open(ctx context.Context, m *normalize.Message, p Plan, now time.Time) error {
	if p.Anytime {
		return nil
	}
	w, err := d.Store.ReplyWindow(ctx, m.Channel.Name, m.Address, m.ConversationID)
	if err != nil {
		return fmt.Errorf("reply window of %s: %w", m.Address.Value, err)
	}
	if why := w.Takes(len(p.Jobs), now); why != nil {
		return why
	}
	return nil
}
