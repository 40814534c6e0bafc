package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// searchWithin is how many entries one search of the ledger looks at: keys and
// reasons have no index.
const searchWithin = 50_000

// SearchLedger returns entries, the newest first, and where to go on: 0 at the
// end. A page may hold fewer entries than asked for, or none, and yet not be
// the last.
func (db *DB) SearchLedger(ctx context.Context, f timeline.LedgerSearch) (list []*timeline.LedgerEntry, next normalize.ID, err error) {
	var w where
	w.and("l.id < ?", newest(f.After))
	if !f.Since.IsZero() {
		w.and("l.id >= ?", normalize.FirstID(f.Since))
	}
	if !f.Until.IsZero() {
		w.and("l.id < ?", normalize.FirstID(f.Until))
	}
	if f.Outcome != "" {
		w.and("l.outcome = ?", f.Outcome)
		if f.Outcome != normalize.Accepted {
			w.and("l.outcome <> 'accepted'") // lets the index of the others be used
		}
	}
	limit := bounded(f.Limit)
	err = db.read(ctx, func(s session) error {
		var floor normalize.ID
		if _, err := one(s, fmt.Sprintf(`SELECT l.id FROM ledger l%s ORDER BY l.id DESC LIMIT 1 OFFSET %d`, &w, searchWithin-1), w.args, &floor); err != nil {
			return err
		}
		w.and("l.id >= ?", floor)
		if f.Account != "" {
			w.and("a.name = ?", f.Account)
		}
		if f.Key != "" {
			w.and(`{FOLD}(l.name) LIKE ? ESCAPE '\'`, piece(f.Key))
		}
		if f.Reason != "" {
			w.and(`{FOLD}(l.reason) LIKE ? ESCAPE '\'`, piece(f.Reason))
		}
		if list, err = readLedger(s, fmt.Sprintf("%s ORDER BY l.id DESC LIMIT %d", &w, limit), w.args); err != nil {
			return err
		}
		next = floor
		if len(list) == limit {
			next = list[limit-1].ID
		}
		return nil
	})
	return list, next, err
}

// piece is a pattern for what holds a text, whatever its case.
func piece(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(clean(s))) + "%"
}
