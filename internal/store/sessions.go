package store

import (
	"context"
	"time"

	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// StartSession records a login of the inbox: by its token's SHA-256, whose it
// is, and a mark of the password that it was begun with. Sessions that are
// over go.
func (db *DB) StartSession(ctx context.Context, hash [32]byte, user, mark string, now, expires time.Time) error {
	return db.write(ctx, func(t tx) error {
		t.exec(`DELETE FROM inbox_sessions WHERE expires_at <= $1`, now)
		t.exec(`INSERT INTO inbox_sessions (hash, email, mark, started_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			hash[:], clean(user), mark, now, expires)
		return nil
	})
}

// Session returns whose session a token is; timeline.ErrNotFound where it has
// ended.
func (db *DB) Session(ctx context.Context, hash [32]byte, now time.Time) (user, mark string, started, expires time.Time, err error) {
	err = db.read(ctx, func(s session) error {
		found, err := one(s, `SELECT email, mark, started_at, expires_at FROM inbox_sessions WHERE hash = $1 AND expires_at > $2`,
			args(hash[:], now), &user, &mark, &started, &expires)
		if err == nil && !found {
			err = timeline.ErrNotFound
		}
		return err
	})
	return user, mark, started, expires, err
}

// ExtendSession makes a session last longer.
func (db *DB) ExtendSession(ctx context.Context, hash [32]byte, expires time.Time) error {
	return db.write(ctx, func(t tx) error {
		t.exec(`UPDATE inbox_sessions SET expires_at = $2 WHERE hash = $1`, hash[:], expires)
		return nil
	})
}

// EndSession ends a session; one that has ended is no error.
func (db *DB) EndSession(ctx context.Context, hash [32]byte) error {
	return db.write(ctx, func(t tx) error {
		t.exec(`DELETE FROM inbox_sessions WHERE hash = $1`, hash[:])
		return nil
	})
}
