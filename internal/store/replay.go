package store

import (
	"bytes"
	"errors"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// replayed is the ledger entry that is run again.
type replayed struct {
	id      normalize.ID
	account int64
	outcome normalize.Outcome
	reason  string
	message normalize.ID
}

// findReplays loads the entries that are to be run again. What does not exist,
// or belongs to another account, is refused before anything is written.
func (in *ingest) findReplays(t tx) (refused, err error) {
	for _, e := range in.entries {
		if e.Replay == 0 {
			continue
		}
		r := &replayed{id: e.Replay}
		found, err := one(t, `SELECT account_id, outcome, reason, message_id FROM ledger WHERE id = $1 {LOCK}`, args(e.Replay),
			&r.account, &r.outcome, &r.reason, &r.message)
		if err != nil {
			return nil, err
		}
		if !found || r.account != in.account.ID {
			return timeline.ErrNotFound, nil
		}
		e.replay = r
	}
	return nil, nil
}

// replay runs an input of the ledger again and changes its row. A message that
// it had made, or its stub, is replaced in place: same id, same part of the
// timeline.
func (b *batch) replay(in *ingest, e *entry) (timeline.Result, error) {
	e.ledger = e.replay.id
	r, err := b.replayInto(in, e, e.replay)
	if err != nil {
		return r, err
	}
	r.Ledger = e.replay.id
	b.t.exec(`UPDATE ledger SET outcome = $1, reason = $2, message_id = $3 WHERE id = $4`, r.Outcome, r.Reason, r.Message, r.Ledger)
	return r, nil
}

func (b *batch) replayInto(in *ingest, e *entry, old *replayed) (timeline.Result, error) {
	m, err := b.message(old.message)
	if err != nil {
		return timeline.Result{}, err
	}
	if m != nil && m.is(flagErased) {
		return timeline.Result{Outcome: normalize.Disregarded, Reason: "erased", Message: m.id}, nil
	}
	if m != nil && m.ledger != old.id {
		m = nil // what this input repeated, edited or told of; not its own
	}
	if e.message == nil || m == nil {
		return b.replayPlain(in, e, old, m)
	}
	repeat, key, err := b.repeated(e, m.id)
	if err != nil {
		return timeline.Result{}, err
	}
	if repeat != nil && e.Outcome == normalize.Accepted {
		r := repeatOf(repeat)
		return r, b.retire(m, in.Now)
	}
	if err := b.replace(in, e, m, key); err != nil {
		return timeline.Result{}, err
	}
	return timeline.Result{Outcome: e.Outcome, Reason: e.Reason, Message: m.id}, nil
}

// replayPlain is a replay without a message on one side or the other.
func (b *batch) replayPlain(in *ingest, e *entry, old *replayed, stub *messageRow) (timeline.Result, error) {
	if e.Outcome == normalize.Quarantined && (e.message == nil || stub == nil) {
		r := timeline.Result{Outcome: e.Outcome, Reason: e.Reason, Message: old.message}
		if stub != nil && !stub.is(flagUnreadable) {
			// It was understood once; that is worth more than failing now.
			r.Outcome, r.Reason = old.outcome, old.reason
			return r, nil
		}
		if stub == nil && e.message != nil {
			m, err := b.place(in, e, old.id, nameKey{})
			if err != nil {
				return r, err
			}
			r.Message = m.id
		}
		return r, nil
	}
	r, err := b.dispatchAs(in, e, old.id)
	if err == nil && stub != nil {
		err = b.retire(stub, in.Now)
	}
	return r, err
}

// dispatchAs is dispatch for an input whose own ledger entry is no repeat.
func (b *batch) dispatchAs(in *ingest, e *entry, ledger normalize.ID) (timeline.Result, error) {
	if k := b.keys[e.input]; k != nil && k.ref == ledger {
		b.keys[e.input] = nil
		defer func() { b.keys[e.input] = k }()
		if e.ext == (nameKey{}) && e.message != nil {
			b.t.exec(`DELETE FROM keys WHERE key = $1`, e.input[:])
		}
	}
	return b.dispatch(in, e, ledger)
}

// replace gives a message new content. One that the customer has changed or
// taken back since stays as it is.
func (b *batch) replace(in *ingest, e *entry, m *messageRow, key nameKey) (err error) {
	old, encoded, err := readPayload(b.t, m.id)
	if err != nil {
		return err
	}
	if !old.EditedAt.IsZero() || !old.DeletedAt.IsZero() || (e.Outcome == normalize.Quarantined && !m.is(flagUnreadable)) {
		return nil
	}
	p := e.payload
	p.Reactions = old.Reactions
	missing := keepParts(p.Parts, old.Parts)
	fresh, err := p.encode()
	if err != nil {
		return err
	}
	if key != (nameKey{}) && e.message.Unreadable == "" && (b.keys[key] == nil || b.keys[key].waits()) {
		if b.remember(key, keyRow{m.id, e.mark}) {
			defer func() { err = errors.Join(err, b.catchUp(in, key)) }()
		}
	}
	flags := flagsOf(e.message) | m.flags&flagOurs
	if flags == m.flags && bytes.Equal(fresh, encoded) {
		return nil
	}
	if err := b.move(in, e, m); err != nil {
		return err
	}
	m.flags = flags
	b.t.exec(`UPDATE messages SET conversation_id = $1, owner_id = $2, address_id = $3, flags = $4, sent_at = $5, external_id = $6, payload = $7
		WHERE id = $8`, m.conversation, m.owner, m.address, m.flags, e.message.SentAt, e.message.ExternalID, fresh, m.id)
	insertMedia(b.t, m.id, p)
	queueFetches(b.t, m, missing, in.Now)
	dropMedia(b.t, lostFiles(old, p), in.Now)
	b.t.emit(event{typ: normalize.MessageEdited, conversation: m.conversation, ref: m.id, at: in.Now})
	return nil
}

// keepParts lets parts that were read again keep their ids, and the media that
// came, or are on their way, for the same reference. It returns those whose
// media are yet to be fetched.
func keepParts(fresh, old []storedPart) (missing []storedPart) {
	same := samePartKinds(fresh, old)
	for i := range fresh {
		p := &fresh[i]
		if same {
			was := &old[i]
			p.ID = was.ID
			if p.awaited() && p.Ref == was.Ref {
				p.Media, p.SHA256, p.Status, p.StatusAt, p.Error = was.Media, was.SHA256, was.Status, was.StatusAt, was.Error
				continue
			}
			if f := was.Media; f != nil && p.Media != nil && p.SHA256 == was.SHA256 {
				p.Media.ID = f.ID
			}
		}
		if p.awaited() {
			missing = append(missing, *p)
		}
	}
	return missing
}

// move puts a stub where it belongs, now that its author and thread are known.
func (b *batch) move(in *ingest, e *entry, m *messageRow) error {
	if e.message.Address.IsZero() {
		return nil // written by our own people: it stays in the conversation that it answers
	}
	a, err := b.address(e.message.Address, in.Now)
	if err != nil {
		return err
	}
	b.rename(a, e.message)
	c, err := b.answered(in, e, a)
	if err != nil {
		return err
	}
	if c == nil && a.id == m.address {
		return nil
	}
	if c == nil {
		if c, err = b.conversationFor(in, e, a); err != nil {
			return err
		}
	}
	b.touch(c, m, e.message, in.Now)
	m.conversation, m.owner, m.address = c.id, c.address, a.id
	return nil
}

// retire takes a stub off the timeline whose input turned out to be no message
// of its own.
func (b *batch) retire(m *messageRow, now time.Time) error {
	if !m.is(flagUnreadable) {
		return nil
	}
	p, _, err := readPayload(b.t, m.id)
	if err != nil {
		return err
	}
	p.DeletedAt = now
	p.withdraw()
	if err := writePayload(b.t, m.id, p); err != nil {
		return err
	}
	b.t.emit(event{typ: normalize.MessageDeleted, conversation: m.conversation, ref: m.id, at: now})
	return nil
}

// stubOf returns the ledger entry that had quarantined the same bytes, which
// came again and are understood by now.
func (b *batch) stubOf(e *entry) (*replayed, error) {
	k, err := b.key(e.input)
	if err != nil || k == nil {
		return nil, err
	}
	old := &replayed{id: k.ref}
	_, err = one(b.t, `SELECT account_id, outcome, reason, message_id FROM ledger WHERE id = $1`, args(k.ref),
		&old.account, &old.outcome, &old.reason, &old.message)
	if err != nil || old.outcome != normalize.Quarantined {
		return nil, err
	}
	return old, nil
}

// understand takes an input in whose bytes had been quarantined before: both
// entries of the ledger end at the same message.
func (b *batch) understand(in *ingest, e *entry, old *replayed) (timeline.Result, error) {
	r, err := b.replayInto(in, e, old)
	if err != nil {
		return r, err
	}
	b.t.exec(`UPDATE ledger SET outcome = $1, reason = $2, message_id = $3 WHERE id = $4`, r.Outcome, r.Reason, r.Message, old.id)
	return r, nil
}

func samePartKinds(a, b []storedPart) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Kind != b[i].Kind {
			return false
		}
	}
	return true
}

// lostFiles returns the files of old that p no longer refers to.
func lostFiles(old, p *payload) (lost []storedMedia) {
	kept := map[normalize.ID]bool{}
	for _, f := range p.files() {
		kept[f.id] = true
	}
	for _, f := range old.files() {
		if !kept[f.id] {
			lost = append(lost, f)
		}
	}
	return lost
}
