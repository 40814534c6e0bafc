package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// Settle ends a claim; see outbox.Store.
func (db *DB) Settle(ctx context.Context, s outbox.Settlement) error {
	_, lane := untoken(s.Fence)
	return db.work(ctx, lane, func(t tx) error { return db.settle(t, s) })
}

func (db *DB) settle(t tx, s outbox.Settlement) error {
	j, err := lockClaimed(t, s.Job, s.Fence)
	if err != nil {
		return err
	}
	if j.erased {
		s = withoutTraces(j, s)
	}
	if s.State == outbox.Uncertain && j.task == outbox.TaskSend {
		if s.State, err = reportedBefore(t, j); err != nil {
			return err
		}
	}
	problem, outcome := "", string(normalize.StatusAccepted)
	switch {
	case s.Err:
		problem, outcome = joinCode(s.Code, s.Detail), s.Class.String()
	case s.State == outbox.Queued:
		outcome = "released"
	}
	counted := 0
	if s.Counted {
		counted = 1
	}
	// An attempt may be open without our caller knowing: the commit of its
	// Begin was not answered.
	if s.Attempt || j.state == outbox.Sending {
		t.exec(`UPDATE attempts SET ended_at = $2, outcome = $3, code = $4, detail = $5, external_id = $6 WHERE job_id = $1 AND ended_at = 0`,
			j.id, s.Now, outcome, s.Code, s.Detail, j.kept(s.ExternalID))
	} else if s.Err && (s.Counted || s.State != outbox.Queued) {
		// A try that failed before Begin was refused while it was made, such as
		// by the answer to RCPT: it is an attempt all the same.
		t.exec(`UPDATE jobs SET attempts = $2 WHERE id = $1`, j.id, j.attempts+1)
		t.exec(`INSERT INTO attempts (job_id, n, started_at, ended_at, outcome, code, detail) VALUES ($1, $2, $3, $3, $4, $5, $6)`,
			j.id, j.attempts+1, s.Now, outcome, s.Code, s.Detail)
	}
	due := s.DueAt
	if due.IsZero() {
		due = s.Now
	}
	t.exec(`UPDATE jobs SET state = $2, due_at = $3, tries = tries + $4, error = $5 WHERE id = $1`, j.id, s.State, due, counted, problem)
	if err := db.settleParts(t, j, s); err != nil {
		return err
	}
	countRequest(t, j, s.State)
	closeWindow(t, j, s.Closed)
	for _, a := range s.Unreachable {
		if err := markUnreachable(t, a, cmp.Or(problem, "the channel said so"), j.conversation, s.Now); err != nil {
			return err
		}
	}
	nextTurn(t, j.queue, s.Now, true)
	t.wake()
	return nil
}

// reportedBefore is what becomes of a send of unknown fate: the vendor's reports
// may have overtaken its answer, and no further one may come.
func reportedBefore(t tx, j *jobRow) (outbox.State, error) {
	parts, _, err := partsOf(t, j)
	if err != nil || len(parts) == 0 {
		return outbox.Uncertain, err
	}
	to, err := recipientsOf(t, j.message)
	if err != nil {
		return outbox.Uncertain, err
	}
	for _, a := range to {
		if len(to) > 1 && !slices.ContainsFunc(j.settled, func(x outbox.SettledRecipient) bool { return x.Address.Is(a) }) {
			return outbox.Uncertain, nil
		}
	}
	state := outbox.Failed
	for _, p := range parts {
		switch normalize.Advance(p.status, normalize.StatusUncertain) {
		case normalize.StatusUncertain:
			return outbox.Uncertain, nil
		case normalize.StatusFailed:
		default:
			state = outbox.Done
		}
	}
	return state, nil
}

// withoutTraces is a settlement of what was under way when its customer was
// erased: it tells how it ended and nothing of whom it went to, and it ends.
func withoutTraces(j *jobRow, s outbox.Settlement) outbox.Settlement {
	s.Detail, s.Settled, s.Unreachable, s.Follow = "", nil, nil, nil
	if j.task != outbox.TaskForward && (s.State == outbox.Queued || s.State == outbox.Uncertain) {
		if s.State == outbox.Queued {
			s.Status = normalize.StatusFailed
		}
		s.State, s.DueAt = outbox.Cancelled, time.Time{}
	}
	return s
}

// kept is what may be written down of a vendor's name for the message.
func (j *jobRow) kept(external string) string {
	if j.erased {
		return ""
	}
	return external
}

// settleParts does what a settlement says of the message.
func (db *DB) settleParts(t tx, j *jobRow, s outbox.Settlement) error {
	switch j.task {
	case outbox.TaskForward, outbox.TaskRead, outbox.TaskFinish:
		return nil
	case outbox.TaskResolve:
		return db.settleOf(t, j, s)
	case outbox.TaskProfile:
		return db.settleProfile(t, j, s)
	case outbox.TaskFetch:
		return db.settleFetch(t, j, s)
	}
	if s.State == outbox.Queued {
		t.exec(`UPDATE parts SET status = $3, status_at = $4 WHERE message_id = $1 AND job_id = $2 AND status = $5`,
			j.message, j.id, normalize.StatusQueued, s.Now, normalize.StatusSending)
	}
	return db.settleSend(t, j, j.settled, s)
}

// settleSend moves the parts of a send job and queues what follows.
func (db *DB) settleSend(t tx, j *jobRow, before []outbox.SettledRecipient, s outbox.Settlement) error {
	parts, err := db.moveParts(t, j, s)
	if err != nil {
		return err
	}
	all := before
	if len(s.Settled) > 0 {
		if all, err = addSettled(t, j, before, s.Settled, parts, s.Now); err != nil {
			return err
		}
	}
	nameMissed(t, all, parts)
	if s.State == outbox.Uncertain {
		if err := tellUnknown(t, j, all, parts, s); err != nil {
			return err
		}
	}
	for _, f := range s.Follow {
		follow(t, j, f, s.Now)
	}
	return nil
}

// settleOf lets a resolve job decide its send job, unless that was decided
// meanwhile.
func (db *DB) settleOf(t tx, j *jobRow, s outbox.Settlement) error {
	if s.OfState == "" {
		for _, f := range s.Follow {
			follow(t, j, f, s.Now)
		}
		return nil
	}
	var state outbox.State
	var before string
	found, err := one(t, `SELECT state, settled FROM jobs WHERE id = $1 {LOCK}`, args(j.of), &state, &before)
	if err != nil || !found || state != outbox.Uncertain {
		return err
	}
	settled, err := parseSettled(before)
	if err != nil {
		return err
	}
	t.exec(`UPDATE jobs SET state = $2, error = $3 WHERE id = $1`, j.of, s.OfState, "")
	return db.settleSend(t, j, settled, s)
}

// follow queues a job that follows a send, in a queue of its own.
func follow(t tx, j *jobRow, f outbox.Follow, now time.Time) {
	id := normalize.NewID(now)
	queue := normalize.NewID(now)
	t.exec(`INSERT INTO queues (id, account_id, conversation_id, next_at) VALUES ($1, $2, $3, $4)`, queue, j.account, -id, f.DueAt)
	t.exec(`INSERT INTO jobs (id, queue_id, task, of_id, message_id, state, due_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		id, queue, f.Task, j.send(), j.message, outbox.Queued, f.DueAt, f.ExpiresAt)
}

func joinCode(code, detail string) string {
	if code == "" {
		return detail
	}
	return code + ": " + detail
}
