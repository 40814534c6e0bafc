package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// maxJobs bounds a list of jobs; it is also the length of one without a limit.
const maxJobs = 1000

// Job returns a job; timeline.ErrNotFound where there is none.
func (db *DB) Job(ctx context.Context, id normalize.ID) (*outbox.Job, error) {
	list, err := db.selectJobs(ctx, ` WHERE j.id = $1`, id)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("job %s: %w", id, timeline.ErrNotFound)
	}
	return list[0], nil
}

// Jobs lists jobs, newest first; see outbox.Filter.
func (db *DB) Jobs(ctx context.Context, f outbox.Filter) ([]*outbox.Job, error) {
	var w where
	if f.Lane != "" {
		w.and(`q.lane = ?`, f.Lane)
	}
	if f.Account != "" {
		w.and(`a.name = ?`, f.Account)
	}
	// The conditions of the partial indexes stand as they are written there.
	switch f.State {
	case "":
	case outbox.Queued, outbox.Sending:
		w.and(`j.`+pending+` AND j.state = ?`, f.State)
	case outbox.Done:
		w.and(`j.state = ?`, f.State)
	default:
		w.and(`j.`+odd+` AND j.state = ?`, f.State)
	}
	if f.Stuck {
		w.and(`j.id IN (SELECT id FROM jobs WHERE ` + odd + ` AND state <> 'cancelled' UNION ALL SELECT id FROM jobs WHERE ` + pending + ` AND tries >= 3)`)
	}
	if f.After != 0 {
		w.and(`j.id < ?`, f.After)
	}
	limit := f.Limit
	if limit <= 0 || limit > maxJobs {
		limit = maxJobs
	}
	return db.selectJobs(ctx, w.String()+fmt.Sprintf(` ORDER BY j.id DESC LIMIT %d`, limit), w.args...)
}

// JobsOf returns the jobs of a message in all lanes, oldest first.
func (db *DB) JobsOf(ctx context.Context, message normalize.ID) ([]*outbox.Job, error) {
	return db.selectJobs(ctx, ` WHERE j.message_id = $1 AND j.message_id <> 0 ORDER BY j.id`, message)
}

func (db *DB) selectJobs(ctx context.Context, tail string, list ...any) (out []*outbox.Job, err error) {
	err = db.read(ctx, func(s session) error {
		err := s.query(selectJob+tail, list, func(r row) error {
			j, _, err := scanJob(r)
			out = append(out, j)
			return err
		})
		if err != nil {
			return err
		}
		return fillParts(s, out)
	})
	return out, err
}

// Attempts returns the attempts of a job, oldest first.
func (db *DB) Attempts(ctx context.Context, job normalize.ID) (out []outbox.Attempt, err error) {
	err = db.read(ctx, func(s session) error {
		return s.query(`SELECT n, started_at, ended_at, outcome, code, detail, external_id FROM attempts WHERE job_id = $1 ORDER BY n`,
			args(job), func(r row) error {
				var a outbox.Attempt
				err := r.scan(&a.N, &a.StartedAt, &a.EndedAt, &a.Outcome, &a.Code, &a.Detail, &a.ExternalID)
				out = append(out, a)
				return err
			})
	})
	return out, err
}

// ReceiptsOf returns what vendors reported of a message, oldest first.
func (db *DB) ReceiptsOf(ctx context.Context, message normalize.ID) (out []normalize.Receipt, err error) {
	err = db.read(ctx, func(s session) error {
		return s.query(`SELECT r.id, r.part_id, r.recipient, a.kind, r.status, r.code, r.detail, r.at
			FROM receipts r JOIN messages m ON m.id = r.message_id JOIN addresses a ON a.id = m.address_id
			WHERE r.message_id = $1 ORDER BY r.id`, args(message), func(r row) error {
			var id normalize.ID
			var c normalize.Receipt
			var kind string
			if err := r.scan(&id, &c.PartID, &c.Recipient.Value, &kind, &c.Status, &c.Code, &c.Detail, &c.At); err != nil {
				return err
			}
			if c.Recipient.Value != "" {
				c.Recipient.Kind = kind // all who take part in a message are of one kind
			}
			c.ReceivedAt = id.Time()
			out = append(out, c)
			return nil
		})
	})
	return out, err
}

// Counts counts the jobs that are not at their end, by account and state.
func (db *DB) Counts(ctx context.Context) (out []outbox.Count, err error) {
	err = db.read(ctx, func(s session) error {
		count := func(cond string) error {
			// A replay makes jobs with ids of the past, and an expiry: they wait
			// since they were due.
			return s.query(fmt.Sprintf(`SELECT a.name, q.lane, j.state, COUNT(*),
				MIN(CASE WHEN j.task = 'forward' AND j.expires_at > 0 THEN j.due_at * %d ELSE j.id END)
				FROM jobs j JOIN queues q ON q.id = j.queue_id
				JOIN accounts a ON a.id = q.account_id WHERE j.`+cond+` GROUP BY a.name, q.lane, j.state`, nodeBits+1), nil, func(r row) error {
				var c outbox.Count
				var oldest normalize.ID
				if err := r.scan(&c.Account, &c.Lane, &c.State, &c.N, &oldest); err != nil {
					return err
				}
				c.Oldest = oldest.Time()
				out = append(out, c)
				return nil
			})
		}
		if err := count(pending); err != nil {
			return err
		}
		return count(odd + ` AND j.state <> 'cancelled'`)
	})
	slices.SortFunc(out, func(a, b outbox.Count) int {
		return strings.Compare(a.Account+"\x00"+string(a.Lane)+string(a.State), b.Account+"\x00"+string(b.Lane)+string(b.State))
	})
	return out, err
}
