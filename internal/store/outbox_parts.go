package store

import (
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// partsOf returns the parts that a send job carries, locked.
func partsOf(t tx, j *jobRow) ([]*partRow, error) {
	list, err := partsWhere(t, `p.message_id = $1`, j.message)
	return slices.DeleteFunc(list, func(p *partRow) bool { return p.job != j.send() }), err
}

// moveParts brings the parts of a send job to a status and tells of each that
// moved. What comes late changes nothing: see normalize.Advance.
func moveParts(t tx, j *jobRow, s normalize.Status, code, detail string, now time.Time) ([]normalize.ID, error) {
	parts, err := partsOf(t, j)
	if err != nil {
		return nil, err
	}
	ids := make([]normalize.ID, len(parts))
	for i, p := range parts {
		ids[i] = p.id
		if normalize.Advance(p.status, s) == p.status {
			continue
		}
		if err := setPart(t, p, s, normalize.Receipt{Status: s, Code: code, Detail: detail}, now, now); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// restartParts lets failed and uncertain parts start over, as a person asked.
func restartParts(t tx, j *jobRow, now time.Time) error {
	parts, err := partsOf(t, j)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if !normalize.Restart(p.status) {
			continue
		}
		if err := setPart(t, p, normalize.StatusQueued, normalize.Receipt{Detail: "tried again by hand"}, now, now); err != nil {
			return err
		}
	}
	return nil
}

// endParts ends the parts of a job that is not sent to anybody further: they
// were accepted if some recipient has them, and have failed otherwise.
func endParts(t tx, j *jobRow, why string, now time.Time) error {
	if j.task != outbox.TaskSend {
		return nil
	}
	status := normalize.StatusFailed
	if j.anyAccepted() {
		status, why = normalize.StatusAccepted, ""
	}
	_, err := moveParts(t, j, status, "", why, now)
	return err
}

// addSettled writes down the recipients that an attempt decided: with the send
// job, so that they are not asked again, and as receipts on the message. A
// refusal is told, since the parts as a whole may well be accepted.
func addSettled(t tx, j *jobRow, before, fresh []outbox.SettledRecipient, parts []normalize.ID, now time.Time) error {
	all := before
	for _, s := range fresh {
		s.Address, s.Code, s.Detail = cleanAddress(s.Address), clean(s.Code), clean(s.Detail)
		all = append(all, s)
		t.exec(`INSERT INTO receipts (id, message_id, part_id, recipient, status, code, detail, at) VALUES ($1, $2, 0, $3, $4, $5, $6, $7)`,
			normalize.NewID(now), j.message, s.Address.Value, s.Status, s.Code, s.Detail, now)
		if s.Status != normalize.StatusFailed {
			continue
		}
		for _, p := range parts {
			t.emit(event{typ: normalize.MessageStatus, conversation: j.conversation, ref: j.message, at: now,
				detail: normalize.StatusChange{PartID: p, Status: s.Status, Recipient: &s.Address, Code: s.Code, Detail: s.Detail, At: now}})
		}
	}
	text, err := formatSettled(all)
	if err != nil {
		return err
	}
	t.exec(`UPDATE jobs SET settled = $2 WHERE id = $1`, j.send(), text)
	return nil
}
