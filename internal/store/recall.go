package store

import (
	"context"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// SentParts implements timeline.Reader.
func (db *DB) SentParts(ctx context.Context, message normalize.ID) (list []timeline.SentPart, err error) {
	err = db.read(ctx, func(s session) error {
		// A part that was named before it was sent has the message's name.
		return s.query(`SELECT p.id, p.job_id, p.status, CASE WHEN p.external_id = '' THEN m.external_id ELSE p.external_id END
			FROM parts p JOIN messages m ON m.id = p.message_id WHERE p.message_id = $1 ORDER BY p.id`, args(message), func(r row) error {
			var p timeline.SentPart
			err := r.scan(&p.Part, &p.Job, &p.Status, &p.ExternalID)
			list = append(list, p)
			return err
		})
	})
	return list, err
}

// MarkDeleted implements timeline.Store.
func (db *DB) MarkDeleted(ctx context.Context, message normalize.ID, now time.Time) (*normalize.Message, error) {
	err := db.write(ctx, func(t tx) error {
		var conversation normalize.ID
		found, err := one(t, `SELECT conversation_id FROM messages WHERE id = $1`, args(message), &conversation)
		if err != nil {
			return err
		}
		if !found {
			return refuse(timeline.ErrNotFound)
		}
		if err := lockConversation(t, conversation); err != nil {
			return err
		}
		p, _, err := readPayload(t, message)
		if err != nil || !p.DeletedAt.IsZero() {
			return err
		}
		p.DeletedAt = now.UTC()
		if err := writePayload(t, message, p); err != nil {
			return err
		}
		t.emit(event{typ: normalize.MessageDeleted, conversation: conversation, ref: message, at: now})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return db.Message(ctx, message)
}
