package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

var _ outbox.Store = (*DB)(nil)

// # Queues
//
// The queue of an account and a conversation holds its send or forward jobs in
// the order of their ids. Finish, resolve and fetch jobs have no order and must
// not hold up others, so each has a queue of its own, whose conversation_id is
// minus the job's id.
//
// A queue's next_at is when its head should be looked at: when it is due, or
// expires. A claim locks the queue (locked_until) and raises its fence.
// Whoever ends a claim locks the row before looking for the next head, and
// whoever queues a job touches the row in the same transaction: so one of the
// two sees the other.

// pending is the condition of the index jobs_pending, word for word, and odd
// that of jobs_odd.
const (
	pending = `state IN ('queued', 'sending')`
	odd     = `state IN ('failed', 'uncertain', 'expired', 'cancelled')`
)

// laneOf is the lane that a task belongs to.
func laneOf(t outbox.Task) outbox.Lane {
	switch t {
	case outbox.TaskForward, outbox.TaskRead:
		return outbox.Forward
	case outbox.TaskFetch, outbox.TaskProfile:
		return outbox.Fetch
	}
	return outbox.Deliver
}

// token is a claim's fence as the outbox sees it. Its lowest bit marks the
// forward lane, so that it is known before a transaction which rows it will
// lock.
func token(fence int64, l outbox.Lane) int64 {
	t := fence << 1
	if l == outbox.Forward {
		t |= 1
	}
	return t
}

func untoken(t int64) (fence int64, l outbox.Lane) {
	if t&1 != 0 {
		return t >> 1, outbox.Forward
	}
	return t >> 1, outbox.Deliver
}

// work is write for an operation that locks queues of lane l. Events are
// numbered under a lock, and then touch queues of the forward lane; so one
// that holds such a queue must not wait for that lock. Where several nodes
// write, it has a transaction of its own.
func (db *DB) work(ctx context.Context, l outbox.Lane, f func(t tx) error) error {
	if l != outbox.Forward || db.eng.dialect().eventLock == "" {
		return db.write(ctx, f)
	}
	select {
	case <-db.stopping:
		return ErrClosed
	default:
	}
	o := &op{ctx: ctx, apply: f}
	done := make(chan error, 1)
	go func() { // it is committed or not, whether or not the caller goes on waiting
		err := db.transactAlone(o)
		if err == nil {
			err = o.err
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// jobRow is a job with its queue, both locked.
type jobRow struct {
	id, queue, message, of, about, conversation normalize.ID
	account                                     int64
	fence                                       int64
	lockedUntil                                 time.Time
	task                                        outbox.Task
	state                                       outbox.State
	attempts                                    int
	err                                         string
	settled                                     []outbox.SettledRecipient
	// erased: the customer of its message was, so nothing more is kept of them.
	erased bool
}

// lockJob reads a job and locks it with its queue.
func lockJob(t tx, id normalize.ID) (*jobRow, error) {
	j := &jobRow{id: id}
	var settled string
	found, err := one(t, `SELECT j.queue_id, j.message_id, j.of_id, j.about_id, q.account_id, q.fence, q.locked_until, j.task, j.state, j.attempts,
			j.error, j.settled, COALESCE((SELECT m.conversation_id FROM messages m WHERE m.id = j.message_id), 0),
			COALESCE((SELECT m.flags & $2 FROM messages m WHERE m.id = j.message_id), 0)
		FROM jobs j JOIN queues q ON q.id = j.queue_id WHERE j.id = $1 {LOCK}`, args(id, flagErased),
		&j.queue, &j.message, &j.of, &j.about, &j.account, &j.fence, &j.lockedUntil, &j.task, &j.state, &j.attempts, &j.err, &settled, &j.conversation, &j.erased)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, refuse(fmt.Errorf("job %s: %w", id, timeline.ErrNotFound))
	}
	j.settled, err = parseSettled(settled)
	return j, err
}

// send is the job that carries the parts which j is about.
func (j *jobRow) send() normalize.ID {
	if j.of != 0 {
		return j.of
	}
	return j.id
}

// anyAccepted reports whether some recipient has it already.
func (j *jobRow) anyAccepted() bool {
	return farthest(j.settled) != ""
}

func parseSettled(s string) (list []outbox.SettledRecipient, err error) {
	if s == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(s), &list); err != nil {
		return nil, fmt.Errorf("recipients of a job: %w", err)
	}
	return list, nil
}

func formatSettled(list []outbox.SettledRecipient) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	b, err := json.Marshal(list)
	return string(b), err
}

// nextTurn sets when a queue's head is to be looked at; release also ends the
// claim on it for good, so that a settlement whose commit was not answered is
// not applied once more. It is a statement of its own after the row was locked, and so
// sees every job that was committed before the lock.
func nextTurn(t tx, queue normalize.ID, now time.Time, release bool) {
	set := ""
	if release {
		set = "locked_until = 0, fence = fence + 1, "
	}
	t.exec(`UPDATE queues SET `+set+`next_at = (
			SELECT {MOST}(CAST($2 AS {INT}), {LEAST}(j.due_at, CASE WHEN j.expires_at > 0 AND j.state = 'queued' THEN j.expires_at ELSE j.due_at END))
			FROM jobs j WHERE j.queue_id = $1 AND j.`+pending+` ORDER BY j.id LIMIT 1)
		WHERE id = $1`, queue, now)
}

// selectJob reads jobs as the outbox sees them; scanJob takes its rows.
const selectJob = `SELECT j.id, j.task, a.name, {MOST}(0, COALESCE(m.conversation_id, q.conversation_id)), j.message_id, j.event_id, j.of_id, j.about_id,
		j.state, j.attempts, j.tries, j.due_at, j.expires_at, j.error, j.settled, q.fence
	FROM jobs j JOIN queues q ON q.id = j.queue_id JOIN accounts a ON a.id = q.account_id LEFT JOIN messages m ON m.id = j.message_id`

func scanJob(r row) (j *outbox.Job, fence int64, err error) {
	j = &outbox.Job{}
	var settled string
	err = r.scan(&j.ID, &j.Task, &j.Account, &j.Conversation, &j.Message, &j.Event, &j.Of, &j.About, &j.State, &j.Attempts, &j.Tries,
		&j.DueAt, &j.ExpiresAt, &j.LastError, &settled, &fence)
	if err != nil {
		return nil, 0, err
	}
	j.Lane, j.CreatedAt = laneOf(j.Task), j.ID.Time()
	j.Settled, err = parseSettled(settled)
	return j, fence, err
}

// fillParts reads which parts jobs are about.
func fillParts(s session, jobs []*outbox.Job) error {
	var of []*outbox.Job
	var sets [][]any
	for _, j := range jobs {
		if j.Task == outbox.TaskFetch {
			j.Parts = []normalize.ID{j.About}
		}
		if j.Lane == outbox.Deliver {
			send := j.ID
			if j.Of != 0 {
				send = j.Of
			}
			of, sets = append(of, j), append(sets, args(j.Message, send))
		}
	}
	return s.each(`SELECT id FROM parts WHERE message_id = $1 AND job_id = $2 ORDER BY id`, sets, func(i int, r row) error {
		var id normalize.ID
		err := r.scan(&id)
		of[i].Parts = append(of[i].Parts, id)
		return err
	})
}
