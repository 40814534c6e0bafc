package store

import (
	"context"
	"time"
)

// Acquire takes a lease, such as "account/support", for ttl. It gives ok=false
// while another owner holds it. The fence grows with each change of owner;
// what is committed under an older one is refused.
func (db *DB) Acquire(ctx context.Context, name, owner string, now time.Time, ttl time.Duration) (fence int64, ok bool, err error) {
	fence, err = commit(ctx, db, func(t tx) (fence int64, err error) {
		_, err = one(t, `INSERT INTO leases (name, owner, until, fence) VALUES ($1, $2, $3, 1)
			ON CONFLICT (name) DO UPDATE SET until = excluded.until, owner = excluded.owner,
				fence = leases.fence + CASE WHEN leases.owner = excluded.owner AND leases.until > $4 THEN 0 ELSE 1 END
			WHERE leases.owner = excluded.owner OR leases.until <= $4
			RETURNING fence`, args(name, owner, now.Add(ttl), now), &fence)
		return fence, err
	})
	return fence, fence != 0, err
}

// Renew prolongs a lease that is still ours; ok=false means it was lost.
func (db *DB) Renew(ctx context.Context, name, owner string, fence int64, now time.Time, ttl time.Duration) (ok bool, err error) {
	return commit(ctx, db, func(t tx) (bool, error) {
		var f int64
		return one(t, `UPDATE leases SET until = $1 WHERE name = $2 AND owner = $3 AND fence = $4 RETURNING fence`,
			args(now.Add(ttl), name, owner, fence), &f)
	})
}

// Release gives a lease up, so that another owner need not wait for its end.
func (db *DB) Release(ctx context.Context, name, owner string, fence int64) error {
	return db.write(ctx, func(t tx) error {
		t.exec(`UPDATE leases SET until = 0 WHERE name = $1 AND owner = $2 AND fence = $3`, name, owner, fence)
		return nil
	})
}

// Vacate frees the leases whose owner is gone, as gone says of each. On SQLite,
// where nobody else has any, the dead one's claims on jobs are freed as well.
func (db *DB) Vacate(ctx context.Context, gone func(owner string) bool) error {
	return db.write(ctx, func(t tx) error {
		var dead []string
		alive := false
		err := t.query(`SELECT DISTINCT owner FROM leases WHERE until > 0`, nil, func(r row) error {
			var owner string
			if err := r.scan(&owner); err != nil {
				return err
			}
			if gone(owner) {
				dead = append(dead, owner)
			} else {
				alive = true
			}
			return nil
		})
		for _, owner := range dead {
			t.exec(`UPDATE leases SET until = 0 WHERE owner = $1`, owner)
		}
		if len(dead) > 0 && !alive && db.eng.dialect().eventLock == "" {
			t.exec(`UPDATE queues SET locked_until = 0 WHERE next_at IS NOT NULL AND locked_until > 0`)
			t.wake()
		}
		return err
	})
}
