package store

import (
	"context"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// consent notes what a message says of whether its author wants to be written
// to. Unlike an address that could not be reached, a refusal is not lifted by
// other messages. Of two the later one holds, by the vendor's time.
func (b *batch) consent(a *addressRow, m *normalize.Message, conversation normalize.ID, now time.Time) {
	if m.Consent == "" || m.Direction == normalize.Outbound {
		return
	}
	at := orNow(m.SentAt, now)
	if at.Before(a.consentAt) {
		return
	}
	before := a.optedOut
	a.optedOut, a.consentAt = m.Consent == normalize.OptedOut, at
	b.t.exec(`UPDATE addresses SET opted_out = $1, consent_at = $2 WHERE id = $3`, a.optedOut, a.consentAt, a.id)
	if a.optedOut && !before {
		b.t.emit(event{
			typ: normalize.CustomerOptedOut, conversation: conversation, ref: a.id, at: now,
			detail: normalize.OptOutEvent{Address: cleanAddress(m.Address), Reason: "opted out by the customer"},
		})
	}
}

// Unreachable returns why an address must not be written to, or nil.
func (db *DB) Unreachable(ctx context.Context, a normalize.Address) (why *timeline.Refused, err error) {
	a = cleanAddress(a)
	err = db.read(ctx, func(s session) error {
		var dead string
		var out bool
		var since time.Time
		_, err := one(s, `SELECT unreachable, opted_out, consent_at FROM addresses WHERE kind = $1 AND value = $2`,
			args(a.Kind, a.Value), &dead, &out, &since)
		switch {
		case out:
			why = timeline.Refuse("opted_out", "%s opted out on %s: nothing is sent there until the customer opts in again",
				a.Value, since.Format("2006-01-02 15:04 UTC"))
		case dead != "":
			why = timeline.Refuse("unreachable", "%s cannot be reached: %s", a.Value, dead)
		}
		return err
	})
	return why, err
}
