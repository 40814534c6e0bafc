package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// Retention tells until when things are deleted: what is older goes. Early are
// the inputs whose message has not come.
type Retention struct{ Raw, Jobs, Events, Early time.Time }

const (
	// sweepBatch is how many rows one commit deletes, so that nobody waits
	// long behind it.
	sweepBatch = 500
	// uploadTime is how long an uploaded file waits for its message.
	uploadTime = 7 * 24 * time.Hour
	// orphanTime is how long a file without references is reported again, for
	// those that were too young to be deleted.
	orphanTime = 3 * time.Hour
)

// Sweep deletes raw inputs, finished jobs and events that are past their
// retention, and returns the digests of files that nothing refers to. Work
// that is not finished stays, and so do the events that it carries.
func (db *DB) Sweep(ctx context.Context, keep Retention) ([]string, error) {
	now := time.Now()
	oldest, err := db.oldestWanted(ctx, keep.Events)
	if err != nil {
		return nil, err
	}
	steps := []struct {
		name  string
		until time.Time
		step  func(t tx, until normalize.ID) (int, error)
	}{
		{"raw inputs", keep.Raw, func(t tx, until normalize.ID) (int, error) { return sweepRaws(t, until, now) }},
		{"jobs", keep.Jobs, sweepJobs},
		{"idempotency keys", keep.Jobs, sweepIdempotency},
		{"events", oldest, sweepEvents},
		{"early inputs", keep.Early, func(t tx, until normalize.ID) (int, error) { return sweepEarly(t, until, now) }},
		{"uploads", now.Add(-uploadTime), func(t tx, until normalize.ID) (int, error) { return sweepUploads(t, until, now) }},
	}
	for _, s := range steps {
		if s.until.IsZero() {
			continue
		}
		for n := sweepBatch; n == sweepBatch; {
			if n, err = commit(ctx, db, func(t tx) (int, error) { return s.step(t, normalize.FirstID(s.until)) }); err != nil {
				return nil, fmt.Errorf("sweep %s: %w", s.name, err)
			}
		}
	}
	return db.sweepOrphans(ctx, now)
}

// oldestWanted moves the cutoff of events back to the oldest one that a job
// still carries.
func (db *DB) oldestWanted(ctx context.Context, cutoff time.Time) (time.Time, error) {
	if cutoff.IsZero() {
		return cutoff, nil
	}
	err := db.read(ctx, func(s session) error {
		for _, states := range []string{`'queued', 'sending'`, `'failed', 'uncertain', 'expired', 'cancelled'`} {
			var first normalize.ID
			if _, err := one(s, `SELECT coalesce(min(event_id), 0) FROM jobs WHERE event_id <> 0 AND state IN (`+states+`)`, nil, &first); err != nil {
				return err
			}
			if first != 0 && first.Time().Before(cutoff) {
				cutoff = first.Time()
			}
		}
		return nil
	})
	return cutoff, err
}

// sweepRaws leaves what is in quarantine: only its raw bytes tell what it says.
func sweepRaws(t tx, until normalize.ID, now time.Time) (int, error) {
	var ids []normalize.ID
	err := t.query(fmt.Sprintf(`SELECT ledger_id FROM raws WHERE ledger_id < $1
		AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.id = raws.ledger_id AND l.outcome = 'quarantined') ORDER BY ledger_id LIMIT %d`, sweepBatch),
		args(until), func(r row) error { return scanID(r, &ids) })
	if err == nil {
		_, err = forgetRaws(t, ids, now)
	}
	return len(ids), err
}

// sweepJobs takes the queues along that were of one job alone.
// The id of a job that a replay made is as old as what it tells of: so the time
// at which it was due counts too.
func sweepJobs(t tx, until normalize.ID) (int, error) {
	type job struct {
		id, queue normalize.ID
		alone     bool
	}
	var list []job
	err := t.query(fmt.Sprintf(`SELECT j.id, j.queue_id, CASE WHEN q.conversation_id < 0 THEN 1 ELSE 0 END FROM jobs j JOIN queues q ON q.id = j.queue_id
		WHERE j.id < $1 AND j.due_at < $1 / %d AND j.state IN ('done', 'failed', 'expired', 'cancelled') ORDER BY j.id LIMIT %d`,
		nodeBits+1, sweepBatch), args(until), func(r row) error {
		var j job
		err := r.scan(&j.id, &j.queue, &j.alone)
		list = append(list, j)
		return err
	})
	for _, j := range list {
		t.exec(`DELETE FROM jobs WHERE id = $1`, j.id)
		t.exec(`DELETE FROM attempts WHERE job_id = $1`, j.id)
		if j.alone {
			t.exec(`DELETE FROM queues WHERE id = $1`, j.queue)
		}
	}
	return len(list), err
}

func sweepIdempotency(t tx, until normalize.ID) (int, error) {
	var keys [][]byte
	err := t.query(fmt.Sprintf(`SELECT key FROM idempotency WHERE at < $1 ORDER BY at LIMIT %d`, sweepBatch), args(until.Time()), func(r row) error {
		var k []byte
		err := r.scan(&k)
		keys = append(keys, k)
		return err
	})
	for _, k := range keys {
		t.exec(`DELETE FROM idempotency WHERE key = $1`, k)
	}
	return len(keys), err
}

// oldEvents goes by ids, which have the index; the numbers of events are in
// nearly the same order.
var oldEvents = fmt.Sprintf(`SELECT seq FROM events WHERE id < $1 AND seq < (SELECT max(seq) FROM events) ORDER BY id LIMIT %d`, sweepBatch)

// sweepEvents never deletes the newest event: its number must not be given
// again.
func sweepEvents(t tx, until normalize.ID) (int, error) {
	var list []int64
	err := t.query(oldEvents, args(until), func(r row) error {
		var seq int64
		err := r.scan(&seq)
		list = append(list, seq)
		return err
	})
	if err != nil || len(list) == 0 {
		return 0, err
	}
	newest, err := sweptEvents(t)
	if err != nil {
		return 0, err
	}
	for _, seq := range list {
		t.exec(`DELETE FROM events WHERE seq = $1`, seq)
		newest = max(newest, seq)
	}
	t.exec(`INSERT INTO settings (name, value) VALUES ('`+sweptSetting+`', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
		strconv.AppendInt(nil, newest, 10))
	return len(list), nil
}

const sweptSetting = "events_swept"

func sweptEvents(s session) (seq int64, err error) {
	var b []byte
	found, err := one(s, `SELECT value FROM settings WHERE name = '`+sweptSetting+`'`, nil, &b)
	if err != nil || !found {
		return 0, err
	}
	return strconv.ParseInt(string(b), 10, 64)
}

// SweptEvents returns the number of the newest event that is no longer kept; 0
// where all are.
func (db *DB) SweptEvents(ctx context.Context) (seq int64, err error) {
	err = db.read(ctx, func(s session) error {
		seq, err = sweptEvents(s)
		return err
	})
	return seq, err
}

func sweepUploads(t tx, until normalize.ID, now time.Time) (int, error) {
	var files []storedMedia
	err := t.query(fmt.Sprintf(`SELECT id, digest FROM media WHERE message_id = 0 AND id < $1 ORDER BY id LIMIT %d`, sweepBatch), args(until),
		func(r row) error {
			var f storedMedia
			err := r.scan(&f.id, &f.digest)
			files = append(files, f)
			return err
		})
	dropMedia(t, files, now)
	return len(files), err
}

// sweepOrphans returns the files without references, and forgets those that
// have some and those that were reported for long enough.
func (db *DB) sweepOrphans(ctx context.Context, now time.Time) ([]string, error) {
	return commit(ctx, db, func(t tx) ([]string, error) {
		var all []string
		old := map[string]bool{}
		err := t.query(fmt.Sprintf(`SELECT digest, at FROM orphans ORDER BY digest LIMIT %d`, listLimit), nil, func(r row) error {
			var digest string
			var at time.Time
			err := r.scan(&digest, &at)
			all, old[digest] = append(all, digest), now.Sub(at) > orphanTime
			return err
		})
		if err != nil {
			return nil, err
		}
		lost, err := unreferenced(t, all)
		if err != nil {
			return nil, err
		}
		gone := map[string]bool{}
		for _, d := range lost {
			gone[d] = true
		}
		for _, d := range all {
			if !gone[d] || old[d] {
				t.exec(`DELETE FROM orphans WHERE digest = $1`, d)
			}
		}
		return lost, nil
	})
}

const rawFileQuery = `SELECT ledger_id FROM raw_files WHERE digest = $1 LIMIT 1`

// unreferenced returns those of some files that no row refers to.
func unreferenced(s session, digests []string) (lost []string, err error) {
	used := map[string]bool{}
	names := make([][]any, len(digests))
	sums := make([][]any, len(digests))
	for i, d := range digests {
		names[i], sums[i] = args(d), args(digestBytes(d))
	}
	mark := func(i int, _ row) error { used[digests[i]] = true; return nil }
	if err := s.each(`SELECT id FROM media WHERE digest = $1 LIMIT 1`, names, mark); err != nil {
		return nil, err
	}
	if err := s.each(`SELECT ledger_id FROM raws WHERE digest = $1 AND encoding = 'file' LIMIT 1`, sums, mark); err != nil {
		return nil, err
	}
	if err := s.each(rawFileQuery, sums, mark); err != nil {
		return nil, err
	}
	for _, d := range digests {
		if !used[d] {
			lost = append(lost, d)
		}
	}
	return lost, nil
}
