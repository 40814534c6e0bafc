package store

import (
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// # Reply windows
//
// A vendor lets an account write to an address for so long, and so often,
// after the customer wrote. That counts over all conversations, so there is
// one row for account and address: remaining are the requests that the vendor
// still takes, pending those of ours that wait or are under way. What agents
// may still use is the difference.

// windowColumns are those of table windows, in the order of window.
const windowColumns = `COALESCE(w.until, 0), COALESCE(w.remaining, 0), COALESCE(w.pending, 0)`

type window struct {
	until              time.Time
	remaining, pending int
}

// left is what agents may still use; nil where there is no window.
func (w window) left() *normalize.ReplyWindow {
	if w.until.IsZero() {
		return nil
	}
	out := &normalize.ReplyWindow{Until: w.until, Remaining: w.remaining}
	if w.remaining > 0 {
		out.Remaining = max(0, w.remaining-w.pending)
	}
	return out
}

// openWindow notes the window that an inbound message opens. A shorter one
// takes its place only where nothing is left of the one before: messages come
// late, and what a customer does may be worth less than what they wrote.
func openWindow(t tx, m *messageRow, w *normalize.ReplyWindow, now time.Time) {
	t.exec(`INSERT INTO windows (account_id, address_id, until, remaining) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account_id, address_id) DO UPDATE SET until = excluded.until, remaining = excluded.remaining
		WHERE excluded.until >= windows.until OR windows.until <= $5 OR windows.remaining = 0`,
		m.account, m.address, w.Until, max(-1, w.Remaining), now)
}
