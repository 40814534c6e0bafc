package store

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// partRow is an outbound part with what a receipt needs to know of its
// message.
type partRow struct {
	id, message, job, conversation normalize.ID
	status                         normalize.Status
	err                            string
	account                        int64
	erased                         bool
}

const partColumns = `p.id, p.message_id, p.job_id, m.conversation_id, p.status, p.error, m.account_id, m.flags & $2`

// partsWhere returns parts; {LOCK} keeps two nodes from advancing one at once.
func partsWhere(t tx, where string, arg any) (list []*partRow, err error) {
	err = t.query(`SELECT `+partColumns+` FROM parts p JOIN messages m ON m.id = p.message_id WHERE `+where+` ORDER BY p.id {LOCK}`,
		args(arg, flagErased), func(r row) error {
			var p partRow
			list = append(list, &p)
			return r.scan(&p.id, &p.message, &p.job, &p.conversation, &p.status, &p.err, &p.account, &p.erased)
		})
	return list, err
}

// receipts applies what one input reported.
func (b *batch) receipts(in *ingest, e *entry, list normalize.Receipts) (timeline.Result, error) {
	r := disregarded("unknown_message")
	for i, rc := range list {
		m, erased, err := b.db.applyReceipt(b.t, in.account, rc, in.Now)
		if err != nil {
			return r, err
		}
		name := b.db.nameKey(nsExternal, in.Account, clean(rc.ExternalID))
		if m == 0 && rc.PartID == 0 && rc.ExternalID != "" {
			k, err := b.key(name)
			if err == nil && k != nil { // another node may have given the name since we looked
				m, erased, err = b.db.applyReceipt(b.t, in.account, rc, in.Now)
			}
			if err != nil {
				return r, err
			}
		}
		if m != 0 {
			r = timeline.Result{Outcome: normalize.Accepted, Message: m}
			if erased { // which apply has to know
				if _, err := b.message(m); err != nil {
					return r, err
				}
			}
			continue
		}
		if rc.ExternalID == "" || rc.PartID != 0 {
			continue // our own id is known from the start
		}
		kept, err := b.wait(in, e, name, earlyItem{Receipt: &list[i]})
		if err != nil {
			return r, err
		}
		if r.Outcome != normalize.Accepted {
			r = kept
		}
	}
	return r, nil
}

// applyReceipt records word from a vendor on parts of a message of ours, and
// moves them along the lattice. It returns the message; 0 where the receipt is
// of none that we know. Of one that was erased it records nothing.
func (db *DB) applyReceipt(t tx, account Account, r normalize.Receipt, now time.Time) (message normalize.ID, erased bool, err error) {
	parts, err := db.partsOfReceipt(t, account, r)
	if err != nil {
		return 0, false, err
	}
	if len(parts) > 0 && parts[0].erased {
		return parts[0].message, true, nil // it names whom it went to, and must not be kept
	}
	if r, err = aimed(t, parts, r); err != nil {
		return 0, false, err
	}
	if r.PartID != 0 && r.ExternalID != "" && len(parts) == 1 {
		if err := db.nameByReceipt(t, account, parts[0], clean(r.ExternalID), now); err != nil {
			return 0, false, err
		}
	}
	if err := advanceParts(t, parts, r, now); err != nil {
		return 0, false, err
	}
	if r.Unreachable {
		if err := unreachableBy(t, parts, r, now); err != nil {
			return 0, false, err
		}
	}
	if len(parts) == 0 {
		return 0, false, nil
	}
	return parts[0].message, false, nil
}

// aimed returns a report on a mail that was sent on as one on whom we wrote to.
// Gateways in between write an original recipient of their own into a mail (RFC
// 3461 section 4.2), and then the final one is who we know.
func aimed(t tx, parts []*partRow, r normalize.Receipt) (normalize.Receipt, error) {
	if r.Final.IsZero() {
		return r, nil
	}
	if len(parts) > 0 {
		for _, who := range []normalize.Address{r.Recipient, r.Final} {
			ours, err := writtenTo(t, parts[0].message, who)
			if err != nil {
				return r, err
			}
			if ours && who.Is(r.Final) {
				r.Recipient, r.Final = r.Final, normalize.Address{}
			}
			if ours {
				break
			}
		}
	}
	if !r.Final.IsZero() {
		r.Detail = strings.TrimSuffix("sent on to "+r.Final.Value+": "+r.Detail, ": ")
	}
	return r, nil
}

// nameByReceipt learns the vendor's id of a part from a report that names ours
// beside it, so that a send of unknown fate is known from then on.
func (db *DB) nameByReceipt(t tx, account Account, p *partRow, external string, now time.Time) error {
	named, all := 0, 0
	if _, err := one(t, `SELECT COALESCE(SUM(CASE WHEN id = $2 AND external_id <> '' THEN 1 ELSE 0 END), 0), COUNT(*) FROM parts WHERE message_id = $1`,
		args(p.message, p.id), &named, &all); err != nil || named > 0 {
		return err
	}
	t.exec(`UPDATE parts SET external_id = $1 WHERE id = $2`, external, p.id)
	var part normalize.ID
	if all > 1 {
		part = p.id
	}
	return db.nameSent(t, account, p.message, part, external, now)
}

// partsOfReceipt finds the part by our id, by the vendor's id of the part, or
// all parts by the vendor's id of the message.
func (db *DB) partsOfReceipt(t tx, account Account, r normalize.Receipt) ([]*partRow, error) {
	if r.PartID != 0 {
		parts, err := partsWhere(t, `p.id = $1`, r.PartID)
		return slices.DeleteFunc(parts, func(p *partRow) bool { return p.account != account.ID }), err
	}
	if r.ExternalID == "" {
		return nil, nil
	}
	k, err := findKey(t, db.nameKey(nsPart, account.Name, r.ExternalID))
	if err != nil {
		return nil, err
	}
	if k != nil {
		return partsWhere(t, `p.id = $1`, k.ref)
	}
	if k, err = findKey(t, db.nameKey(nsExternal, account.Name, r.ExternalID)); err != nil || k == nil {
		return nil, err
	}
	return partsWhere(t, `p.message_id = $1`, k.ref)
}

// advanceParts records a receipt of parts of a message and moves them, and the
// job that was uncertain of them, where the receipt says so.
func advanceParts(t tx, parts []*partRow, r normalize.Receipt, now time.Time) error {
	if len(parts) > 0 && !r.Recipient.IsZero() {
		to, err := recipientsOf(t, parts[0].message)
		if err != nil {
			return err
		}
		if len(to) > 1 {
			for _, job := range chunkBy(parts, func(p *partRow) normalize.ID { return p.job }) {
				if err := advanceRecipient(t, job, to, r, now); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for _, p := range parts {
		if err := advancePart(t, p, r, now); err != nil {
			return err
		}
	}
	return nil
}

// advancePart is advanceParts for one part of which there is one fate.
func advancePart(t tx, p *partRow, r normalize.Receipt, now time.Time) error {
	at := r.At
	if at.IsZero() {
		at = now
	}
	next := normalize.Advance(p.status, r.Status)
	// Word on why something takes its time is told once, though nothing moves.
	news := next != p.status
	if !news && next == r.Status && r.Code != "" {
		known, err := one(t, `SELECT id FROM receipts WHERE message_id = $1 AND part_id = $2 AND status = $3 AND code = $4 LIMIT 1`,
			args(p.message, p.id, r.Status, clean(r.Code)), new(normalize.ID))
		if err != nil {
			return err
		}
		news = !known
	}
	writeReceipt(t, p, r, at, now)
	if !news {
		return nil
	}
	change := normalize.StatusChange{Status: next, Code: clean(r.Code), Detail: clean(r.Detail)}
	if !r.Recipient.IsZero() {
		who := cleanAddress(r.Recipient)
		change.Recipient = &who
	}
	change.Final = finalOf(r)
	why := p.err
	if next != p.status {
		why = ""
		if next == normalize.StatusFailed || next == normalize.StatusUncertain {
			why = failureText(r)
		}
	}
	putPart(t, p, next, why, change, at, now)
	return nil
}

// finalOf is what an event says of where a recipient's mail was sent on to.
func finalOf(r normalize.Receipt) *normalize.Address {
	if r.Final.IsZero() {
		return nil
	}
	a := cleanAddress(r.Final)
	return &a
}

func writeReceipt(t tx, p *partRow, r normalize.Receipt, at, now time.Time) {
	t.exec(`INSERT INTO receipts (id, message_id, part_id, recipient, status, code, detail, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		normalize.NewID(now), p.message, p.id, clean(r.Recipient.Value), r.Status, clean(r.Code), clean(r.Detail), at)
}

// putPart gives a part a status with all that follows from it. A job whose
// message came back has failed after all, and may be tried again.
func putPart(t tx, p *partRow, next normalize.Status, why string, change normalize.StatusChange, at, now time.Time) {
	if next != p.status || why != p.err {
		t.exec(`UPDATE parts SET status = $1, status_at = $2, error = $3 WHERE id = $4`, next, at, why, p.id)
	}
	if next != p.status {
		change.Previous = p.status
	}
	p.status, p.err = next, why
	switch next {
	case normalize.StatusAccepted, normalize.StatusDelivered, normalize.StatusRead:
		t.exec(`UPDATE jobs SET state = $1 WHERE id = $2 AND state IN ('uncertain', 'failed')`, outbox.Done, p.job)
	case normalize.StatusFailed:
		t.exec(`UPDATE jobs SET state = $1, error = $2 WHERE id = $3 AND state IN ('uncertain', 'done')`, outbox.Failed, why, p.job)
	}
	change.PartID, change.At = p.id, at.UTC()
	t.emit(event{typ: normalize.MessageStatus, conversation: p.conversation, ref: p.message, detail: change, at: now})
}

// chunkBy divides a list by what key returns, in the order of the list.
func chunkBy[T any, K comparable](list []T, key func(T) K) (chunks [][]T) {
	at := map[K]int{}
	for _, x := range list {
		i, seen := at[key(x)]
		if !seen {
			i = len(chunks)
			at[key(x)], chunks = i, append(chunks, nil)
		}
		chunks[i] = append(chunks[i], x)
	}
	return chunks
}

// failureText says in plain words what a failed part shows.
func failureText(r normalize.Receipt) string {
	words := []string{}
	for _, s := range []string{r.Recipient.Value, r.Code, r.Detail} {
		if s != "" {
			words = append(words, clean(s))
		}
	}
	return cmp.Or(strings.Join(words, ": "), "the vendor gave no reason")
}

// unreachableBy flags the address that a receipt calls dead or opted out: its
// recipient, or else whom the message was for.
func unreachableBy(t tx, parts []*partRow, r normalize.Receipt, now time.Time) error {
	var conversation normalize.ID
	who := r.Recipient
	if len(parts) > 0 {
		conversation = parts[0].conversation
		if who.IsZero() {
			if _, err := one(t, `SELECT a.kind, a.value FROM messages m JOIN addresses a ON a.id = m.address_id WHERE m.id = $1`,
				args(parts[0].message), &who.Kind, &who.Value); err != nil {
				return err
			}
		} else if ours, err := writtenTo(t, parts[0].message, who); err != nil || !ours {
			return err
		}
	}
	return markUnreachable(t, who, failureText(r), conversation, now)
}

// writtenTo reports whether a message went to somebody. Who has got one of our
// messages can forge a report on it, but not cut others off with that.
func writtenTo(t tx, message normalize.ID, who normalize.Address) (bool, error) {
	var to normalize.Address
	if _, err := one(t, `SELECT a.kind, a.value FROM messages m JOIN addresses a ON a.id = m.address_id WHERE m.id = $1`, args(message), &to.Kind, &to.Value); err != nil {
		return false, err
	}
	p, _, err := readPayload(t, message)
	if err != nil {
		return false, err
	}
	who = cleanAddress(who)
	return slices.ContainsFunc(slices.Concat([]normalize.Address{to}, p.Thread.To, p.Thread.Cc), who.Is), nil
}

// markUnreachable flags an address that we know; only the first time is an
// event.
func markUnreachable(t tx, who normalize.Address, reason string, conversation normalize.ID, now time.Time) error {
	who = cleanAddress(who)
	var id normalize.ID
	found, err := one(t, `UPDATE addresses SET unreachable = $1 WHERE kind = $2 AND value = $3 AND unreachable = '' RETURNING id, name`,
		args(reason, who.Kind, who.Value), &id, &who.Name)
	if err != nil || !found {
		return err
	}
	t.emit(event{
		typ: normalize.CustomerOptedOut, conversation: conversation, ref: id, at: now,
		detail: normalize.OptOutEvent{Address: who, Reason: reason},
	})
	return nil
}
