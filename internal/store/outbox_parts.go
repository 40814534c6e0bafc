package store

import (
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// sentPart is an outbound part with what a settlement needs to know.
type sentPart struct {
	id, job  normalize.ID
	status   normalize.Status
	external string // the message's
	moved    bool
}

// partsOf returns the parts that a send job carries, locked, and how many the
// message has in all.
func partsOf(t tx, j *jobRow) (list []sentPart, all int, err error) {
	err = t.query(`SELECT p.id, p.job_id, p.status, m.external_id FROM parts p JOIN messages m ON m.id = p.message_id
		WHERE p.message_id = $1 ORDER BY p.id {LOCK}`, args(j.message), func(r row) error {
		var p sentPart
		err := r.scan(&p.id, &p.job, &p.status, &p.external)
		if all++; p.job == j.send() {
			list = append(list, p)
		}
		return err
	})
	return list, all, err
}

// moveParts brings the parts of a send job to a status and tells of each that
// moved. What comes late changes nothing: see normalize.Advance.
func (db *DB) moveParts(t tx, j *jobRow, s outbox.Settlement) ([]sentPart, error) {
	parts, all, err := partsOf(t, j)
	if err != nil {
		return nil, err
	}
	for i, p := range parts {
		next := normalize.Advance(p.status, s.Status)
		switch {
		case next != p.status:
			t.exec(`UPDATE parts SET status = $2, status_at = $3, error = $4, external_id = CASE WHEN $5 = '' THEN external_id ELSE $5 END WHERE id = $1`,
				p.id, next, s.Now, problemOf(next, s.Code, s.Detail), j.kept(s.ExternalID))
			tellPart(t, j, p.id, normalize.StatusChange{Status: next, Previous: p.status, Code: s.Code, Detail: s.Detail}, s.Now)
		case j.kept(s.ExternalID) != "":
			t.exec(`UPDATE parts SET external_id = $2 WHERE id = $1`, p.id, s.ExternalID)
		}
		parts[i].status, parts[i].moved = next, next != p.status
	}
	if s.ExternalID != "" && len(parts) > 0 && parts[0].external != s.ExternalID {
		a, err := db.accounts.numbered(t, j.account)
		if err != nil {
			return nil, err
		}
		var part normalize.ID
		if all > 1 && len(parts) == 1 {
			part = parts[0].id
		}
		return parts, db.nameSent(t, a, j.message, part, s.ExternalID, s.Now)
	}
	return parts, nil
}

// nameSent lets receipts, answers and echoes find what the vendor has named
// just now: the message, and the part where that is one of several (else 0). A
// message that was named before it was sent (e-mail) is found already.
func (db *DB) nameSent(t tx, a Account, message, part normalize.ID, external string, now time.Time) error {
	name := db.nameKey(nsExternal, a.Name, external)
	var before keyRow
	known, err := one(t, `SELECT ref, mark FROM keys WHERE key = $1 {LOCK}`, args(name[:]), &before.ref, &before.mark)
	if err != nil {
		return err
	}
	if known {
		setKey(t, name, keyRow{ref: message})
	} else {
		addKey(t, name, keyRow{ref: message}) // fails where another node gives the name in this moment
	}
	if part != 0 {
		setKey(t, db.nameKey(nsPart, a.Name, external), keyRow{ref: part})
	}
	t.exec(`UPDATE messages SET external_id = $2 WHERE id = $1 AND external_id = '' AND flags & $3 = 0`, message, external, flagErased)
	if !known {
		return nil
	}
	if !before.waits() {
		if err := recogniseEcho(t, before.ref, a.ID, message, now); err != nil {
			return err
		}
	}
	b := newBatch(db, t)
	return b.catchUp(&ingest{Ingest: timeline.Ingest{Account: a.Name, Now: now}, account: a}, name)
}

// recogniseEcho takes a message off the timeline that turns out to be our own,
// which the vendor showed us before its answer was recorded.
func recogniseEcho(t tx, id normalize.ID, account int64, ours normalize.ID, now time.Time) error {
	var m *messageRow
	err := t.query(`SELECT `+messageColumns+` FROM messages WHERE id = $1`, args(id), func(r row) (err error) {
		m, err = scanMessageRow(r)
		return err
	})
	if err != nil || m == nil || m.id == ours || m.account != account || !m.is(flagOutbound) || m.is(flagOurs) {
		return err
	}
	if err := lockConversation(t, m.conversation); err != nil {
		return err
	}
	p, _, err := readPayload(t, m.id)
	if err != nil {
		return err
	}
	lost := p.files()
	p.DeletedAt = now.UTC()
	p.withdraw()
	if err := writePayload(t, m.id, p); err != nil {
		return err
	}
	dropMedia(t, lost, now)
	t.exec(`UPDATE messages SET flags = $1 WHERE id = $2`, m.flags|flagEcho, m.id)
	t.exec(`UPDATE ledger SET outcome = $1, message_id = $2 WHERE id = $3`, normalize.Echo, ours, m.ledger)
	t.emit(event{typ: normalize.MessageDeleted, conversation: m.conversation, ref: m.id, at: now})
	return nil
}

// problemOf is what a part shows beside its status.
func problemOf(s normalize.Status, code, detail string) string {
	if s == normalize.StatusFailed || s == normalize.StatusUncertain {
		return joinCode(code, detail)
	}
	return ""
}

// tellPart emits a step of a part.
func tellPart(t tx, j *jobRow, part normalize.ID, c normalize.StatusChange, now time.Time) {
	c.PartID, c.At = part, now
	t.emit(event{typ: normalize.MessageStatus, conversation: j.conversation, ref: j.message, at: now, detail: c})
}

// restartParts lets failed and uncertain parts start over, as a person asked,
// or the failed recipients of parts that others have.
func restartParts(t tx, j *jobRow, now time.Time) error {
	const byHand = "tried again by hand"
	parts, _, err := partsOf(t, j)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if normalize.Restart(p.status) {
			t.exec(`UPDATE parts SET status = $2, status_at = $3, error = '' WHERE id = $1`, p.id, normalize.StatusQueued, now)
			tellPart(t, j, p.id, normalize.StatusChange{Status: normalize.StatusQueued, Previous: p.status, Detail: byHand}, now)
			continue
		}
		t.exec(`UPDATE parts SET error = '' WHERE id = $1`, p.id)
		for _, s := range j.settled {
			if s.Status == normalize.StatusFailed {
				tellPart(t, j, p.id, normalize.StatusChange{Status: normalize.StatusQueued, Recipient: &s.Address, Detail: byHand}, now)
			}
		}
	}
	return nil
}

// endParts ends the parts of a job that is not worked further: they have
// failed, or only with those recipients of whom nothing is known yet.
func (db *DB) endParts(t tx, j *jobRow, why string, now time.Time) error {
	if j.task == outbox.TaskFetch {
		return endFetch(t, j, why, "", now)
	}
	if j.task != outbox.TaskSend {
		return nil
	}
	s := outbox.Settlement{Status: normalize.StatusFailed, Detail: why, Now: now}
	if j.anyAccepted() {
		s.Status, s.Detail = normalize.StatusAccepted, ""
		to, err := recipientsOf(t, j.message)
		if err != nil {
			return err
		}
		for _, a := range to {
			if !slices.ContainsFunc(j.settled, func(x outbox.SettledRecipient) bool { return x.Address.Is(a) }) {
				s.Settled = append(s.Settled, outbox.SettledRecipient{Address: a, Status: normalize.StatusFailed, Detail: why})
			}
		}
	}
	return db.settleSend(t, j, j.settled, s)
}

// addSettled writes down the recipients that an attempt decided: with the send
// job, so that they are not asked again, and as receipts on the message. A
// refusal is told, since the parts as a whole may well be accepted, and so is
// an acceptance that moves no part.
func addSettled(t tx, j *jobRow, before, fresh []outbox.SettledRecipient, parts []sentPart, now time.Time) ([]outbox.SettledRecipient, error) {
	all := before
	for _, s := range fresh {
		s.Address, s.Code, s.Detail = cleanAddress(s.Address), clean(s.Code), clean(s.Detail)
		all, _ = putFate(all, s)
		t.exec(`INSERT INTO receipts (id, message_id, part_id, recipient, status, code, detail, at) VALUES ($1, $2, 0, $3, $4, $5, $6, $7)`,
			normalize.NewID(now), j.message, s.Address.Value, s.Status, s.Code, s.Detail, now)
		for _, p := range parts {
			if s.Status == normalize.StatusFailed || !p.moved && normalize.Advance(p.status, s.Status) == p.status {
				tellPart(t, j, p.id, normalize.StatusChange{Status: s.Status, Recipient: &s.Address, Code: s.Code, Detail: s.Detail}, now)
			}
		}
	}
	text, err := formatSettled(all)
	if err != nil {
		return nil, err
	}
	t.exec(`UPDATE jobs SET settled = $2 WHERE id = $1`, j.send(), text)
	return all, nil
}

// nameMissed shows on the parts who did not get them.
func nameMissed(t tx, all []outbox.SettledRecipient, parts []sentPart) {
	why := missed(all)
	for _, p := range parts {
		if why != "" && p.status != normalize.StatusUncertain {
			t.exec(`UPDATE parts SET error = $2 WHERE id = $1`, p.id, why)
		}
	}
}

// tellUnknown tells of recipients of whom nothing is known for now, where the
// parts do not show it since others have them.
func tellUnknown(t tx, j *jobRow, all []outbox.SettledRecipient, parts []sentPart, s outbox.Settlement) error {
	if farthest(all) == "" {
		return nil
	}
	to, err := recipientsOf(t, j.message)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.status == normalize.StatusUncertain {
			continue
		}
		for _, a := range to {
			if !slices.ContainsFunc(all, func(x outbox.SettledRecipient) bool { return x.Address.Is(a) }) {
				tellPart(t, j, p.id, normalize.StatusChange{Status: normalize.StatusUncertain, Recipient: &a, Code: s.Code, Detail: s.Detail}, s.Now)
			}
		}
	}
	return nil
}
