package store

import (
	"context"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// # Reply windows
//
// A vendor lets an account write to an address for so long, and so often,
// after the customer wrote. That counts over all conversations, or within each
// of the vendor's threads, so there is one row for account, address and thread,
// which is empty in the first case: remaining are the requests that the vendor
// still takes, pending those of ours that wait or are under way. What agents
// may still use is the difference.
//
// A conversation keeps the thread of its window, for what its own account
// writes; another account that answers in it knows no such thread.

// windowColumns are those of table windows, in the order of window.
const windowColumns = `COALESCE(w.until, 0), COALESCE(w.remaining, 0), COALESCE(w.pending, 0)`

// messageWindow is the thread of the window that counts for message m of
// conversation c.
const messageWindow = `CASE WHEN c.account_id = m.account_id THEN c.window_thread ELSE '' END`

// windowFor is the thread of the window that counts for what an account writes
// in a conversation. Nil is one that is yet to begin.
func (c *conversationRow) windowFor(account int64) string {
	if c == nil || c.account != account {
		return ""
	}
	return c.windowThread
}

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
// late, and what a customer does may be worth less than what they wrote. One
// that takes no answer ends it.
func openWindow(t tx, c *conversationRow, row *messageRow, m *normalize.Message, now time.Time) {
	w := m.ReplyWindow
	if c.account == row.account {
		c.windowThread = ""
		if w.PerThread {
			c.windowThread = clean(m.Thread.ID)
		}
	}
	t.exec(`INSERT INTO windows (account_id, address_id, thread, until, remaining) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account_id, address_id, thread) DO UPDATE SET until = excluded.until, remaining = excluded.remaining
		WHERE excluded.until >= windows.until OR windows.until <= $6 OR windows.remaining = 0 OR excluded.remaining = 0`,
		row.account, row.address, c.windowFor(row.account), w.Until, max(-1, w.Remaining), now)
}

// ReplyWindow implements timeline.Reader.
func (db *DB) ReplyWindow(ctx context.Context, account string, a normalize.Address, conversation normalize.ID) (w *timeline.Window, err error) {
	a = cleanAddress(a)
	err = db.read(ctx, func(s session) error {
		acc, err := db.accounts.named(s, account)
		if err != nil {
			return err
		}
		w, err = readWindow(s, ` WHERE w.account_id = $1 AND w.address_id = (SELECT id FROM addresses WHERE kind = $2 AND value = $3)
			AND w.thread = coalesce((SELECT window_thread FROM conversations WHERE id = $4 AND account_id = $1), '')`,
			acc.ID, a.Kind, a.Value, conversation)
		return err
	})
	return w, err
}

// readWindow returns one window; nil for none.
func readWindow(s session, tail string, list ...any) (*timeline.Window, error) {
	var w window
	found, err := one(s, `SELECT `+windowColumns+` FROM windows w`+tail, list, &w.until, &w.remaining, &w.pending)
	if err != nil || !found {
		return nil, err
	}
	return &timeline.Window{ReplyWindow: normalize.ReplyWindow{Until: w.until, Remaining: w.remaining}, Pending: w.pending}, nil
}

// reserve takes the requests of an answer out of what may still be used, or
// refuses it.
func reserve(t tx, account int64, address normalize.ID, thread string, r timeline.Reply) error {
	if len(r.Jobs) == 0 {
		return nil
	}
	w, err := readWindow(t, ` WHERE w.account_id = $1 AND w.address_id = $2 AND w.thread = $3 {LOCK}`, account, address, thread)
	if err != nil || w == nil {
		return err
	}
	if why := w.Takes(len(r.Jobs), r.Now); why != nil && !r.Anytime {
		return refuse(why)
	}
	t.exec(`UPDATE windows SET pending = pending + $4 WHERE account_id = $1 AND address_id = $2 AND thread = $3`, account, address, thread, len(r.Jobs))
	return nil
}

// countRequest keeps count of a send that goes from one state to another. One
// of unknown fate counts: the vendor may have taken it.
func countRequest(t tx, j *jobRow, to outbox.State) {
	pending, used := inWork(to)-inWork(j.state), max(0, counted(to)-counted(j.state))
	if j.task != outbox.TaskSend || pending == 0 && used == 0 {
		return
	}
	t.exec(`UPDATE windows SET pending = {MOST}(0, pending + $3), remaining = CASE WHEN remaining > 0 THEN {MOST}(0, remaining - $4) ELSE remaining END`+windowOfJob,
		j.account, j.message, pending, used)
}

// closeWindow notes that the vendor takes no answer in a window, whatever we
// counted: others may have used it. The end tells whether it still is the same.
func closeWindow(t tx, j *jobRow, until time.Time) {
	if !until.IsZero() {
		t.exec(`UPDATE windows SET remaining = 0`+windowOfJob+` AND until = $3`, j.account, j.message, until)
	}
}

// windowOfJob is the window that counts for what account $1 sends of message $2.
const windowOfJob = ` WHERE account_id = $1 AND address_id = (SELECT address_id FROM messages WHERE id = $2)
	AND thread = (SELECT ` + messageWindow + ` FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.id = $2)`

func inWork(s outbox.State) int {
	if s == outbox.Queued || s == outbox.Sending {
		return 1
	}
	return 0
}

func counted(s outbox.State) int {
	if s == outbox.Done || s == outbox.Uncertain {
		return 1
	}
	return 0
}
