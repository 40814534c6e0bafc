package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// replied is the outcome of Reply.
type replied struct {
	id       normalize.ID
	repeated bool
}

// Reply implements timeline.Store.
func (db *DB) Reply(ctx context.Context, r timeline.Reply) (*normalize.Message, bool, error) {
	e, err := db.prepare(r.Message.Channel.Name, timeline.Entry{Outcome: normalize.Accepted, Item: outgoing(r)})
	if err != nil {
		return nil, false, err
	}
	if e.message == nil {
		return nil, false, fmt.Errorf("%w: a message needs an address", timeline.ErrConflict)
	}
	out, err := commit(ctx, db, func(t tx) (replied, error) { return db.reply(t, r, e) })
	if err != nil {
		return nil, false, err
	}
	m, err := db.Message(ctx, out.id)
	return m, out.repeated, err
}

// outgoing is the message as it is stored.
func outgoing(r timeline.Reply) *normalize.Message {
	m := *r.Message
	m.Direction = normalize.Outbound
	m.Parts = append([]normalize.Part(nil), m.Parts...)
	for i := range m.Parts {
		if m.Parts[i].ID == 0 {
			m.Parts[i].ID = normalize.NewID(r.Now)
		}
		if f := m.Parts[i].Media; f != nil { // an upload may go into several messages
			media := *f
			media.ID = normalize.NewID(r.Now)
			m.Parts[i].Media = &media
		}
	}
	if m.ReceivedAt.IsZero() {
		m.ReceivedAt = r.Now
	}
	return &m
}

func (db *DB) reply(t tx, r timeline.Reply, e *entry) (replied, error) {
	once := db.nameKey(nsIdempotency, "", clean(r.IdempotencyKey))
	if r.IdempotencyKey != "" {
		if first, err := findOnce(t, once, r.RequestHash); err != nil || first != 0 {
			return replied{first, true}, err
		}
	}
	account, err := db.accounts.named(t, r.Message.Channel.Name)
	if err != nil {
		return replied{}, err
	}
	b := newBatch(db, t)
	in := &ingest{Ingest: timeline.Ingest{Account: account.Name, Now: r.Now}, account: account}
	m, err := b.send(in, e, r)
	if err != nil {
		return replied{}, err
	}
	if err := b.joinEvident(r.Now); err != nil {
		return replied{}, err
	}
	queueSends(t, m, e.message.Parts, r)
	b.saveConversations()
	if r.IdempotencyKey != "" {
		t.exec(`INSERT INTO idempotency (key, request, message_id, at) VALUES ($1, $2, $3, $4)`, once[:], r.RequestHash[:], m.id, r.Now)
	}
	t.emit(event{typ: normalize.MessageSent, conversation: m.conversation, ref: m.id, at: r.Now})
	return replied{id: m.id}, nil
}

// findOnce returns the message that an idempotency key has made before.
func findOnce(s session, key nameKey, hash [32]byte) (normalize.ID, error) {
	var request []byte
	var id normalize.ID
	found, err := one(s, `SELECT request, message_id FROM idempotency WHERE key = $1`, args(key[:]), &request, &id)
	if err != nil || !found {
		return 0, err
	}
	if !bytes.Equal(request, hash[:]) {
		return 0, refuse(fmt.Errorf("%w: this Idempotency-Key was used for another request", timeline.ErrConflict))
	}
	return id, nil
}

// Answered implements timeline.Store.
func (db *DB) Answered(ctx context.Context, idempotencyKey string, requestHash [32]byte) (*normalize.Message, error) {
	var id normalize.ID
	err := db.read(ctx, func(s session) (err error) {
		id, err = findOnce(s, db.nameKey(nsIdempotency, "", clean(idempotencyKey)), requestHash)
		return err
	})
	if err != nil || id == 0 {
		return nil, err
	}
	return db.Message(ctx, id)
}

// Written implements timeline.Reader. An id is never smaller than its time, so
// the index on a timeline's ids finds where to begin, even when the clock has
// stepped back since; the times decide.
func (db *DB) Written(ctx context.Context, account string, a normalize.Address, since, now time.Time) (n int, err error) {
	a = cleanAddress(a)
	err = db.read(ctx, func(s session) error {
		acc, err := db.accounts.named(s, account)
		if err != nil {
			return err
		}
		_, err = one(s, writtenQuery, args(normalize.FirstID(since), a.Kind, a.Value, acc.ID, since, now, flagOurs|flagNote, flagOurs), &n)
		return err
	})
	return n, err
}

// An address is also written to in conversations that belong to another one of
// its customer.
const writtenQuery = `SELECT count(*) FROM addresses a JOIN addresses o ON o.customer_id = a.customer_id
	JOIN messages m ON m.owner_id = o.id AND m.id >= $1
	WHERE a.kind = $2 AND a.value = $3 AND m.address_id = a.id AND m.account_id = $4
	AND m.sent_at > $5 AND m.sent_at <= $6 AND (m.flags & $7) = $8`

// send writes an agent's message into its conversation.
func (b *batch) send(in *ingest, e *entry, r timeline.Reply) (*messageRow, error) {
	m := r.Message
	if k, err := b.key(e.ext); err != nil || k != nil {
		return nil, errors.Join(err, refuse(fmt.Errorf("%w: a message with this external id exists", timeline.ErrConflict)))
	}
	var c *conversationRow
	var err error
	if m.ConversationID != 0 {
		if c, err = b.conversation(m.ConversationID); err != nil {
			return nil, err
		}
		if c == nil {
			return nil, refuse(fmt.Errorf("conversation %s: %w", m.ConversationID, timeline.ErrNotFound))
		}
		if !c.erasedAt.IsZero() {
			return nil, refuse(timeline.ErrErased)
		}
	}
	a, err := b.address(e.message.Address, in.Now)
	if err != nil {
		return nil, err
	}
	if err := reserve(b.t, in.account.ID, a.id, c.windowFor(in.account.ID), r); err != nil {
		return nil, err
	}
	if c == nil {
		if c, err = b.conversationFor(in, e, a); err != nil {
			return nil, err
		}
	}
	b.reopen(c, in.Now)
	row := &messageRow{
		id: m.ID, conversation: c.id, owner: c.address, address: a.id, account: in.account.ID,
		flags: flagsOf(e.message) | flagOurs,
	}
	if row.id == 0 {
		row.id = normalize.NewID(in.Now)
	}
	insertMessage(b.t, row, e.message.SentAt, e.message.ExternalID, e.encoded)
	insertMedia(b.t, row.id, e.payload)
	b.touch(c, row, e.message, in.Now)
	if e.ext != (nameKey{}) && b.remember(e.ext, keyRow{row.id, e.mark}) {
		return row, b.catchUp(in, e.ext)
	}
	return row, nil
}

// queueSends writes the parts of a message and the jobs that carry them.
func queueSends(t tx, m *messageRow, parts []normalize.Part, r timeline.Reply) {
	status := normalize.StatusAccepted // a note has arrived where it goes
	if len(r.Jobs) > 0 {
		status = normalize.StatusQueued
		touchQueues(t, outbox.Deliver, map[queueOf]time.Time{{m.account, m.conversation}: r.Now})
	}
	jobOf := map[int]normalize.ID{}
	for _, carried := range r.Jobs {
		id := normalize.NewID(r.Now)
		t.exec(`INSERT INTO jobs (id, queue_id, task, message_id, state, due_at, expires_at)
			SELECT $1, id, $2, $3, $4, $5, $6 FROM queues WHERE account_id = $7 AND conversation_id = $8`,
			id, outbox.TaskSend, m.id, outbox.Queued, r.Now, r.ExpiresAt, m.account, m.conversation)
		for _, i := range carried {
			jobOf[i] = id
		}
	}
	for i, part := range parts {
		t.exec(`INSERT INTO parts (id, message_id, job_id, status, status_at) VALUES ($1, $2, $3, $4, $5)`,
			part.ID, m.id, jobOf[i], status, r.Now)
	}
}
