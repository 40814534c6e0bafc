package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// Retry queues a job again; see outbox.Store. Recipients whom it failed to
// reach are asked again, those who have it are not.
func (db *DB) Retry(ctx context.Context, job normalize.ID, expires, now time.Time) error {
	return db.byHand(ctx, job, func(t tx, j *jobRow) error {
		switch j.state {
		case outbox.Failed, outbox.Uncertain, outbox.Expired, outbox.Cancelled:
		case outbox.Done:
			if !slices.ContainsFunc(j.settled, didNotGet) {
				return refuse(fmt.Errorf("job %s is done: %w", job, outbox.ErrState))
			}
		default:
			return refuse(fmt.Errorf("job %s is %s: %w", job, j.state, outbox.ErrState))
		}
		reached := slices.DeleteFunc(slices.Clone(j.settled), didNotGet)
		settled, err := formatSettled(reached)
		if err != nil {
			return err
		}
		t.exec(`UPDATE jobs SET state = $2, due_at = $3, expires_at = $4, tries = 0, settled = $5 WHERE id = $1`,
			job, outbox.Queued, now, expires, settled)
		countRequest(t, j, outbox.Queued)
		switch j.task {
		case outbox.TaskSend:
			err = restartParts(t, j, now)
		case outbox.TaskFetch:
			err = restartFetch(t, j, now)
		}
		if err != nil {
			return err
		}
		nextTurn(t, j.queue, now, false)
		t.wake()
		return nil
	})
}

func didNotGet(s outbox.SettledRecipient) bool { return s.Status == normalize.StatusFailed }

// Cancel ends a queued job, or closes an uncertain one; see outbox.Store.
func (db *DB) Cancel(ctx context.Context, job normalize.ID, now time.Time) error {
	return db.byHand(ctx, job, func(t tx, j *jobRow) error {
		why := "cancelled before it was sent"
		if j.task == outbox.TaskFetch {
			why = "cancelled before it was fetched"
		}
		switch j.state {
		case outbox.Queued:
		case outbox.Uncertain:
			why = "closed by hand: it is not known whether it was sent"
		default:
			return refuse(fmt.Errorf("job %s is %s: %w", job, j.state, outbox.ErrState))
		}
		var first normalize.ID
		if _, err := one(t, `SELECT id FROM jobs WHERE queue_id = $1 AND `+pending+` ORDER BY id LIMIT 1`, args(j.queue), &first); err != nil {
			return err
		}
		if first == job && j.lockedUntil.After(now) {
			return refuse(fmt.Errorf("job %s is being worked on: %w", job, outbox.ErrState))
		}
		t.exec(`UPDATE jobs SET state = $2 WHERE id = $1`, job, outbox.Cancelled)
		countRequest(t, j, outbox.Cancelled)
		if err := db.endParts(t, j, why, now); err != nil {
			return err
		}
		nextTurn(t, j.queue, now, false)
		t.wake()
		return nil
	})
}

// byHand runs what a person asked for on a job.
func (db *DB) byHand(ctx context.Context, job normalize.ID, f func(t tx, j *jobRow) error) error {
	j, err := db.Job(ctx, job)
	if err != nil {
		return err
	}
	return db.work(ctx, j.Lane, func(t tx) error {
		j, err := lockJob(t, job)
		if err != nil {
			return err
		}
		return f(t, j)
	})
}

// PauseInfo tells who stopped work, when and why.
type PauseInfo struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Pause stops claiming; see outbox.Store. Jobs under way go on.
func (db *DB) Pause(ctx context.Context, account, by, reason string, now time.Time) error {
	by, reason = clean(by), clean(reason)
	return db.write(ctx, func(t tx) error {
		if account == "" {
			b, err := json.Marshal(PauseInfo{by, reason, now})
			if err != nil {
				return err
			}
			t.exec(`INSERT INTO settings (name, value) VALUES ('paused', $1) ON CONFLICT (name) DO NOTHING`, b)
			return nil
		}
		return switchAccount(t, account, func(id int64, a normalize.Account, paused bool, _, _ string) {
			if paused {
				return
			}
			t.exec(`UPDATE accounts SET paused_by = $2, paused_why = $3, paused_at = $4 WHERE id = $1`, id, by, reason, now)
			t.emit(event{typ: normalize.AccountState, at: now, detail: normalize.AccountEvent{Account: a, State: "paused", Reason: reason}})
		})
	})
}

// Resume starts claiming again; see outbox.Store. All and one account are
// paused and resumed independently of each other.
func (db *DB) Resume(ctx context.Context, account string, now time.Time) error {
	return db.write(ctx, func(t tx) error {
		t.wake()
		if account == "" {
			t.exec(`DELETE FROM settings WHERE name = 'paused'`)
			return nil
		}
		return switchAccount(t, account, func(id int64, a normalize.Account, paused bool, state, reason string) {
			if !paused {
				return
			}
			t.exec(`UPDATE accounts SET paused_by = '', paused_why = '', paused_at = 0 WHERE id = $1`, id)
			if state == "" {
				state = "connected"
			}
			t.emit(event{typ: normalize.AccountState, at: now, detail: normalize.AccountEvent{Account: a, State: state, Reason: reason}})
		})
	})
}

func switchAccount(t tx, name string, f func(id int64, a normalize.Account, paused bool, state, reason string)) error {
	a := normalize.Account{Name: name}
	var id int64
	var paused bool
	var state, reason string
	found, err := one(t, `SELECT id, type, paused_at, state, reason FROM accounts WHERE name = $1 {LOCK}`, args(name),
		&id, &a.Type, &paused, &state, &reason)
	if err != nil {
		return err
	}
	if !found {
		return refuse(errNoAccount(name))
	}
	f(id, a, paused, state, reason)
	return nil
}

// Paused returns who paused all accounts at once; nil where nobody did.
func (db *DB) Paused(ctx context.Context) (*PauseInfo, error) {
	var b []byte
	err := db.read(ctx, func(s session) error {
		_, err := one(s, `SELECT value FROM settings WHERE name = 'paused'`, nil, &b)
		return err
	})
	if err != nil || b == nil {
		return nil, err
	}
	p := &PauseInfo{}
	return p, json.Unmarshal(b, p)
}
