package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// # Several recipients
//
// What became of each recipient is kept with the send job, so that a retry
// knows whom to ask. A part has failed when all of its recipients have; else
// it stands where the one stands who has come farthest, and its error names
// those who did not get it. Every step of a recipient is an event of its own.

// maxFates bounds how many recipients a job knows; reports may invent some.
const maxFates = 200

// recipientsOf returns whom a message goes to.
func recipientsOf(t tx, message normalize.ID) ([]normalize.Address, error) {
	p, _, err := readPayload(t, message)
	if err != nil {
		return nil, err
	}
	return slices.Concat(p.Thread.To, p.Thread.Cc), nil
}

// putFate adds what is known of a recipient to a list, and tells whether it is
// news.
func putFate(list []outbox.SettledRecipient, s outbox.SettledRecipient) ([]outbox.SettledRecipient, bool) {
	i := slices.IndexFunc(list, func(x outbox.SettledRecipient) bool { return x.Address.Is(s.Address) })
	if i < 0 {
		if len(list) >= maxFates {
			return list, false
		}
		return append(list, s), true
	}
	was := list[i]
	if normalize.Advance(was.Status, s.Status) != s.Status || was.Status == s.Status && (s.Code == "" || s.Code == was.Code) {
		return list, false
	}
	list = slices.Clone(list)
	list[i] = s
	return list, true
}

// allFailed reports whether every one of the recipients is known not to have
// got it.
func allFailed(list []outbox.SettledRecipient, to []normalize.Address) bool {
	return len(to) > 0 && !slices.ContainsFunc(to, func(a normalize.Address) bool {
		return !slices.ContainsFunc(list, func(s outbox.SettledRecipient) bool {
			return s.Address.Is(a) && s.Status == normalize.StatusFailed
		})
	})
}

// farthest returns how far the message came with any of them.
func farthest(list []outbox.SettledRecipient) (best normalize.Status) {
	for _, s := range list {
		if s.Status != normalize.StatusFailed {
			best = normalize.Advance(best, s.Status)
		}
	}
	return best
}

// missed says in plain words who did not get it, and why; "" where nobody did
// not.
func missed(list []outbox.SettledRecipient) string {
	const most = 5
	var words []string
	for _, s := range list {
		if s.Status == normalize.StatusFailed {
			words = append(words, failureText(normalize.Receipt{Recipient: s.Address, Code: s.Code, Detail: s.Detail}))
		}
	}
	if n := len(words) - most; n > 0 {
		words = append(words[:most], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(words, "; ")
}

// advanceRecipient moves the parts of one send job by a report on one of
// several recipients.
func advanceRecipient(t tx, parts []*partRow, to []normalize.Address, r normalize.Receipt, now time.Time) error {
	p := parts[0]
	var text string
	if _, err := one(t, `SELECT settled FROM jobs WHERE id = $1 {LOCK}`, args(p.job), &text); err != nil {
		return err
	}
	list, err := parseSettled(text)
	if err != nil {
		return err
	}
	fate := outbox.SettledRecipient{Address: cleanAddress(r.Recipient), Status: r.Status, Code: clean(r.Code), Detail: clean(r.Detail)}
	list, news := putFate(list, fate)
	if news {
		if text, err = formatSettled(list); err != nil {
			return err
		}
		t.exec(`UPDATE jobs SET settled = $1 WHERE id = $2`, text, p.job)
	}
	at := r.At
	if at.IsZero() {
		at = now
	}
	for _, p := range parts {
		writeReceipt(t, p, r, at, now)
		if news {
			t.emit(event{typ: normalize.MessageStatus, conversation: p.conversation, ref: p.message, at: now, detail: normalize.StatusChange{
				PartID: p.id, Status: fate.Status, Recipient: &fate.Address, Final: finalOf(r), Code: fate.Code, Detail: fate.Detail, At: at.UTC(),
			}})
		}
		why := missed(list)
		next := byRecipients(p.status, r.Status, list, to)
		if next == normalize.StatusFailed || next == normalize.StatusUncertain {
			why = cmp.Or(why, p.err)
		}
		if next != p.status {
			putPart(t, p, next, why, normalize.StatusChange{Status: next}, at, now)
		} else if why != p.err {
			t.exec(`UPDATE parts SET error = $1 WHERE id = $2`, why, p.id)
		}
	}
	return nil
}

// byRecipients is normalize.Advance for a part with several recipients, one of
// whom was reported on.
func byRecipients(cur, reported normalize.Status, list []outbox.SettledRecipient, to []normalize.Address) normalize.Status {
	switch {
	case allFailed(list, to):
		return normalize.StatusFailed
	case cur == normalize.StatusFailed:
		return cmp.Or(farthest(list), cur)
	case reported != normalize.StatusFailed:
		return normalize.Advance(cur, reported)
	case cur == normalize.StatusUncertain:
		return normalize.StatusAccepted // nobody reports on what was never taken
	}
	return cur
}
