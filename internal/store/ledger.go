package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const ledgerSelect = `SELECT l.id, a.name, l.name, l.received_at, l.outcome, l.reason, l.message_id, l.size,
	CASE WHEN r.ledger_id IS NULL THEN 0 ELSE 1 END, coalesce(r.content_type, ''), coalesce(r.meta, '')
	FROM ledger l JOIN accounts a ON a.id = l.account_id LEFT JOIN raws r ON r.ledger_id = l.id`

func readLedger(s session, tail string, list []any) (out []*timeline.LedgerEntry, err error) {
	err = s.query(ledgerSelect+tail, list, func(r row) error {
		e := &timeline.LedgerEntry{}
		var meta string
		if err := r.scan(&e.ID, &e.Account, &e.Key, &e.ReceivedAt, &e.Outcome, &e.Reason, &e.Message, &e.Size,
			&e.RawKept, &e.ContentType, &meta); err != nil {
			return err
		}
		e.RecordedAt = e.ID.Time()
		out = append(out, e)
		return decodeMeta(meta, &e.Meta)
	})
	return out, err
}

func decodeMeta(s string, into *map[string]string) error {
	if s == "" {
		return nil
	}
	return json.Unmarshal([]byte(s), into)
}

// Ledger implements timeline.Reader.
func (db *DB) Ledger(ctx context.Context, f timeline.LedgerFilter) (list []*timeline.LedgerEntry, err error) {
	var w where
	if f.After != 0 {
		w.and("l.id < ?", f.After)
	}
	if !f.Since.IsZero() {
		w.and("l.id >= ?", normalize.FirstID(f.Since))
	}
	if f.Account != "" {
		w.and("a.name = ?", f.Account)
	}
	if f.Outcome != "" {
		w.and("l.outcome = ?", f.Outcome)
		if f.Outcome != normalize.Accepted {
			w.and("l.outcome <> 'accepted'") // lets the index of the others be used
		}
	}
	err = db.read(ctx, func(s session) error {
		list, err = readLedger(s, fmt.Sprintf("%s ORDER BY l.id DESC LIMIT %d", &w, bounded(f.Limit)), w.args)
		return err
	})
	return list, err
}

// LedgerEntry implements timeline.Reader.
func (db *DB) LedgerEntry(ctx context.Context, id normalize.ID) (*timeline.LedgerEntry, error) {
	return db.oneLedger(ctx, ` WHERE l.id = $1`, id)
}

// LedgerOf implements timeline.Reader.
func (db *DB) LedgerOf(ctx context.Context, message normalize.ID) (*timeline.LedgerEntry, error) {
	return db.oneLedger(ctx, ` WHERE l.id = (SELECT ledger_id FROM messages WHERE id = $1)`, message)
}

func (db *DB) oneLedger(ctx context.Context, tail string, id normalize.ID) (e *timeline.LedgerEntry, err error) {
	err = db.read(ctx, func(s session) error {
		list, err := readLedger(s, tail, args(id))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return timeline.ErrNotFound
		}
		e = list[0]
		return nil
	})
	return e, err
}

// LedgerRaw implements timeline.Reader.
func (db *DB) LedgerRaw(ctx context.Context, id normalize.ID) (account string, raw timeline.Raw, err error) {
	err = db.read(ctx, func(s session) error {
		found, err := one(s, `SELECT a.name, l.name, l.received_at, l.size FROM ledger l JOIN accounts a ON a.id = l.account_id WHERE l.id = $1`,
			args(id), &account, &raw.Key, &raw.ReceivedAt, &raw.Size)
		if err != nil {
			return err
		}
		if !found {
			return timeline.ErrNotFound
		}
		var meta string
		var digest []byte
		found, err = one(s, `SELECT content_type, meta, encoding, digest, data FROM raws WHERE ledger_id = $1`, args(id),
			&raw.ContentType, &meta, &raw.Encoding, &digest, &raw.Data)
		if err != nil {
			return err
		}
		if !found {
			return timeline.ErrGone
		}
		copy(raw.Digest[:], digest)
		return decodeMeta(meta, &raw.Meta)
	})
	return account, raw, err
}

const quarantinedQuery = `SELECT l.id FROM ledger l JOIN accounts a ON a.id = l.account_id
	WHERE l.outcome = 'quarantined' AND l.size = $1 AND a.name = $2 LIMIT 1`

// Quarantined implements timeline.Store.
func (db *DB) Quarantined(ctx context.Context, account string, sizes []int64) (found map[int64]bool, err error) {
	asked := make([][]any, len(sizes))
	for i, n := range sizes {
		asked[i] = args(n, account)
	}
	found = map[int64]bool{}
	err = db.read(ctx, func(s session) error {
		return s.each(quarantinedQuery, asked, func(i int, _ row) error { found[sizes[i]] = true; return nil })
	})
	return found, err
}

// PutMedia implements timeline.Store. The file belongs to no message yet; a
// reply that uses it gets a row of its own, and the sweep removes this one.
func (db *DB) PutMedia(ctx context.Context, m normalize.Media, now time.Time) (normalize.Media, error) {
	return commit(ctx, db, func(t tx) (normalize.Media, error) {
		out := m
		out.Name, out.ContentType, out.Data = clean(m.Name), clean(m.ContentType), nil
		out.ID = normalize.NewID(now)
		t.exec(`INSERT INTO media (id, digest, name, content_type, size) VALUES ($1, $2, $3, $4, $5)`,
			out.ID, out.SHA256, out.Name, out.ContentType, out.Size)
		return out, nil
	})
}

// Media implements timeline.Reader.
func (db *DB) Media(ctx context.Context, id normalize.ID) (m *normalize.Media, err error) {
	err = db.read(ctx, func(s session) error {
		f := normalize.Media{ID: id}
		problem := ""
		found, err := one(s, `SELECT digest, name, content_type, size, problem FROM media WHERE id = $1`, args(id),
			&f.SHA256, &f.Name, &f.ContentType, &f.Size, &problem)
		switch {
		case err != nil:
		case !found:
			err = timeline.ErrNotFound
		case problem != "":
			err = fmt.Errorf("%w: %s", timeline.ErrNoMedia, problem)
		case f.SHA256 == "":
			err = timeline.ErrPending
		}
		m = &f
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}
