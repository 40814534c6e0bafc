package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

const (
	// maxClaim bounds one claim. The number stands in the statement as it is:
	// with a parameter, PostgreSQL plans for a part of all rows.
	maxClaim = 256
	// maxExpire bounds how many jobs of one queue a claim moves to expired.
	maxExpire = 32
	// dueLook is how many queues NextDue looks at: more than are claimed at
	// once, as these stand in front.
	dueLook = 256
)

// Claim leases the heads of due queues; see outbox.Store.
func (db *DB) Claim(ctx context.Context, lane outbox.Lane, account string, now time.Time, lease time.Duration, limit int) ([]*outbox.Job, error) {
	var out []*outbox.Job
	err := db.work(ctx, lane, func(t tx) (err error) {
		out, err = db.claim(t, lane, account, now, lease, min(limit, maxClaim))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (db *DB) claim(t tx, lane outbox.Lane, account string, now time.Time, lease time.Duration, limit int) ([]*outbox.Job, error) {
	var id, paused int64
	found, err := one(t, `SELECT id, paused_at + (SELECT COUNT(*) FROM settings WHERE name = 'paused') FROM accounts WHERE name = $1`,
		args(account), &id, &paused)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, refuse(errNoAccount(account))
	}
	if paused > 0 || limit <= 0 {
		return nil, nil
	}
	// The rows are locked first and their heads looked up by a statement of
	// their own, which sees what was committed until the lock was had.
	var queues []normalize.ID
	err = t.query(fmt.Sprintf(`SELECT id FROM queues WHERE account_id = $1 AND lane = $2 AND next_at <= $3 AND locked_until <= $3
		ORDER BY next_at LIMIT %d {SKIP}`, limit), args(id, lane, now), func(r row) error {
		var q normalize.ID
		err := r.scan(&q)
		queues = append(queues, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []*outbox.Job
	for round := 0; len(queues) > 0; round++ {
		heads, err := headsOf(t, queues)
		if err != nil {
			return nil, err
		}
		var again []normalize.ID
		for i, h := range heads {
			queue := queues[i]
			switch {
			case h.job == nil, h.job.State == outbox.Queued && h.job.DueAt.After(now) && !expired(h.job, now):
				nextTurn(t, queue, now, false)
			case expired(h.job, now) && round == maxExpire:
				// The queue stays due; the next claim goes on here.
			case expired(h.job, now):
				if err := db.expire(t, h.job.ID, now); err != nil {
					return nil, err
				}
				again = append(again, queue)
			default:
				h.job.Interrupted = h.job.State == outbox.Sending
				h.job.Fence = token(h.fence+1, lane)
				t.exec(`UPDATE queues SET fence = fence + 1, locked_until = $2 WHERE id = $1`, queue, now.Add(lease))
				out = append(out, h.job)
			}
		}
		queues = again
	}
	return out, fillParts(t, out)
}

type head struct {
	job   *outbox.Job
	fence int64
}

// headsOf looks up the first pending job of each queue.
func headsOf(t tx, queues []normalize.ID) ([]head, error) {
	heads := make([]head, len(queues))
	err := t.each(selectJob+` WHERE j.id = (SELECT h.id FROM jobs h WHERE h.queue_id = $1 AND h.`+pending+` ORDER BY h.id LIMIT 1)`,
		eachID(queues), func(i int, r row) (err error) {
			heads[i].job, heads[i].fence, err = scanJob(r)
			return err
		})
	return heads, err
}

// expired reports whether the time of a job is over. One that had begun is
// not: it is uncertain.
func expired(j *outbox.Job, now time.Time) bool {
	return j.State == outbox.Queued && !j.ExpiresAt.IsZero() && !j.ExpiresAt.After(now)
}

// expire ends a job whose time is over.
func (db *DB) expire(t tx, id normalize.ID, now time.Time) error {
	j, err := lockJob(t, id)
	if err != nil {
		return err
	}
	why := "not sent in time"
	if j.err != "" {
		why += "; the last error was: " + j.err
	}
	t.exec(`UPDATE jobs SET state = $2, error = $3 WHERE id = $1`, id, outbox.Expired, why)
	countRequest(t, j, outbox.Expired)
	return db.endParts(t, j, why, now)
}

// Begin records an attempt; see outbox.Store.
func (db *DB) Begin(ctx context.Context, job normalize.ID, fence int64, now time.Time) (int, error) {
	n := 0
	_, lane := untoken(fence)
	err := db.work(ctx, lane, func(t tx) error {
		j, err := lockClaimed(t, job, fence)
		if err != nil {
			return err
		}
		n = j.attempts + 1
		if j.state == outbox.Sending {
			t.exec(`UPDATE attempts SET ended_at = $2, outcome = 'ambiguous', detail = 'interrupted' WHERE job_id = $1 AND ended_at = 0`, job, now)
		}
		t.exec(`UPDATE jobs SET state = $2, attempts = $3 WHERE id = $1`, job, outbox.Sending, n)
		t.exec(`INSERT INTO attempts (job_id, n, started_at) VALUES ($1, $2, $3)`, job, n, now)
		if j.task == outbox.TaskSend {
			t.exec(`UPDATE parts SET status = $3, status_at = $4 WHERE message_id = $1 AND job_id = $2 AND status = $5`,
				j.message, job, normalize.StatusSending, now, normalize.StatusQueued)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// lockClaimed is lockJob for the holder of a claim, who has lost it where an
// erasure took the job away.
func lockClaimed(t tx, job normalize.ID, tok int64) (*jobRow, error) {
	fence, _ := untoken(tok)
	j, err := lockJob(t, job)
	if errors.Is(err, timeline.ErrNotFound) {
		return nil, refuse(outbox.ErrLost)
	}
	if err != nil {
		return nil, err
	}
	if j.fence != fence || j.state != outbox.Queued && j.state != outbox.Sending {
		return nil, refuse(outbox.ErrLost)
	}
	return j, nil
}

// Extend renews a lease; see outbox.Store.
func (db *DB) Extend(ctx context.Context, job normalize.ID, fence int64, until time.Time) error {
	_, lane := untoken(fence)
	return db.work(ctx, lane, func(t tx) error {
		j, err := lockClaimed(t, job, fence)
		if err != nil {
			return err
		}
		t.exec(`UPDATE queues SET locked_until = $2 WHERE id = $1`, j.queue, until)
		return nil
	})
}

// NextDue returns when the next queue comes due; see outbox.Store.
func (db *DB) NextDue(ctx context.Context, lane outbox.Lane, account string) (due time.Time, err error) {
	err = db.read(ctx, func(s session) error {
		a, err := db.accounts.named(s, account)
		if err != nil {
			return err
		}
		return s.query(fmt.Sprintf(`SELECT {MOST}(next_at, locked_until) FROM queues
			WHERE account_id = $1 AND lane = $2 AND next_at IS NOT NULL ORDER BY next_at LIMIT %d`, dueLook), args(a.ID, lane), func(r row) error {
			var at time.Time
			if err := r.scan(&at); err != nil {
				return err
			}
			if due.IsZero() || at.Before(due) {
				due = at
			}
			return nil
		})
	})
	return due, err
}
