package store

import (
	"context"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// maxCanned bounds how many canned answers are kept.
const maxCanned = 500

// Canned returns the canned answers by their names.
func (db *DB) Canned(ctx context.Context) (list []timeline.Canned, err error) {
	err = db.read(ctx, func(s session) error {
		return s.query(fmt.Sprintf(`SELECT name, text, changed_by FROM canned ORDER BY name LIMIT %d`, maxCanned), nil, func(r row) error {
			var c timeline.Canned
			err := r.scan(&c.Name, &c.Text, &c.ChangedBy)
			list = append(list, c)
			return err
		})
	})
	return list, err
}

// PutCanned keeps a canned answer, in place of the one of its name.
func (db *DB) PutCanned(ctx context.Context, c timeline.Canned, now time.Time) error {
	return db.write(ctx, func(t tx) error {
		var others int
		if _, err := one(t, `SELECT count(*) FROM canned WHERE name <> $1`, args(c.Name), &others); err != nil {
			return err
		}
		if others >= maxCanned {
			return refuse(timeline.Refuse("canned", "there are %d canned answers: remove one first", others))
		}
		t.exec(`INSERT INTO canned (name, text, changed_by, changed_at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE
			SET text = excluded.text, changed_by = excluded.changed_by, changed_at = excluded.changed_at`, clean(c.Name), clean(c.Text), clean(c.ChangedBy), now)
		return nil
	})
}

// DropCanned removes a canned answer; one that is not there is no error.
func (db *DB) DropCanned(ctx context.Context, name string) error {
	return db.write(ctx, func(t tx) error {
		t.exec(`DELETE FROM canned WHERE name = $1`, name)
		return nil
	})
}
