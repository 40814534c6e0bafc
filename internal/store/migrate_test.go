package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// A store of the first schema, with work in its queues, goes on after the
// migration, each job in its lane.
func TestMigrationFromTheFirstSchema(t *testing.T) {
	for name, url := range map[string]string{
		"sqlite": "sqlite://" + filepath.Join(t.TempDir(), "x.db"), "postgres": testenv.Postgres(t),
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			ofVersion(t, url, 1, func(s session) {
				for i, role := range []string{RoleChannel, RoleHelpdesk} {
					task := []outbox.Task{outbox.TaskSend, outbox.TaskForward}[i]
					s.exec(`INSERT INTO accounts (id, name, role, type) VALUES ($1, $2, $2, 'x')`, i+1, role)
					s.exec(`INSERT INTO queues (id, account_id, conversation_id, next_at) VALUES ($1, $1, 7, $2)`, i+1, now)
					s.exec(`INSERT INTO jobs (id, queue_id, task, state, due_at, expires_at) VALUES ($1, $1, $2, 'queued', $3, 0)`, i+1, task, now)
				}
			})
			if err := Migrate(t.Context(), url); err != nil {
				t.Fatal(err)
			}
			db, err := Open(t.Context(), url, Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close(context.Background()) })
			for i, role := range []string{RoleChannel, RoleHelpdesk} {
				lane := []outbox.Lane{outbox.Deliver, outbox.Forward}[i]
				jobs, err := db.Claim(t.Context(), lane, role, now, time.Minute, 10)
				if err != nil || len(jobs) != 1 || jobs[0].ID != normalize.ID(i+1) || jobs[0].Lane != lane {
					t.Errorf("lane %s: %+v, %v", lane, jobs, err)
				}
			}
		})
	}
}

// ofVersion makes a store as that version of the schema had it.
func ofVersion(t *testing.T, url string, version int, fill func(s session)) {
	t.Helper()
	eng, err := openEngine(t.Context(), url, true)
	if err != nil {
		t.Fatal(err)
	}
	err = eng.update(t.Context(), func(s session) error {
		if err := run(s, `CREATE TABLE schema_versions (version {INT} PRIMARY KEY, name TEXT NOT NULL, applied_at {INT} NOT NULL)`); err != nil {
			return err
		}
		for i, m := range migrations()[:version] {
			for _, st := range statements(m.sql) {
				if err := run(s, st); err != nil {
					return err
				}
			}
			s.exec(`INSERT INTO schema_versions (version, name, applied_at) VALUES ($1, $2, 0)`, i+1, m.name)
		}
		fill(s)
		return nil
	})
	if err := errors.Join(err, eng.close(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// Reply windows of the time before threads had their own go on counting.
func TestMigrationKeepsReplyWindows(t *testing.T) {
	for name, url := range map[string]string{
		"sqlite": "sqlite://" + filepath.Join(t.TempDir(), "x.db"), "postgres": testenv.Postgres(t),
	} {
		t.Run(name, func(t *testing.T) {
			until := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
			ofVersion(t, url, 7, func(s session) {
				s.exec(`INSERT INTO accounts (id, name, role, type) VALUES (1, 'kf', $1, 'x')`, RoleChannel)
				s.exec(`INSERT INTO addresses (id, kind, value, name, customer_id, evidence, author, linked_at) VALUES (2, 'wecom_kf', 'corp:ann', '', 3, '', '', 0)`)
				s.exec(`INSERT INTO windows (account_id, address_id, until, remaining, pending) VALUES (1, 2, $1, 4, 1)`, until.UnixMicro())
			})
			if err := Migrate(t.Context(), url); err != nil {
				t.Fatal(err)
			}
			db, err := Open(t.Context(), url, Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close(context.Background()) })
			w, err := db.ReplyWindow(t.Context(), "kf", normalize.Address{Kind: "wecom_kf", Value: "corp:ann"}, 0)
			if err != nil || w == nil || !w.Until.Equal(until) || w.Remaining != 4 || w.Pending != 1 {
				t.Errorf("got %+v, %v", w, err)
			}
		})
	}
}

// What was fetched leaves nothing behind but what it brought.
func TestJobsOfTheirOwnQueueAreSweptWithIt(t *testing.T) {
	engines(t, func(t *testing.T, db *DB) {
		if err := db.RegisterAccounts(t.Context(), []AccountRow{{Name: "chat", Role: RoleChannel, Type: "x"}}); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		count := func(state outbox.State) (n int) {
			t.Helper()
			err := db.write(t.Context(), func(t tx) error {
				t.exec(`UPDATE jobs SET state = $1`, state)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Sweep(t.Context(), Retention{Jobs: normalize.NewID(now).Time().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
			if err := db.read(t.Context(), func(s session) error {
				_, err := one(s, `SELECT (SELECT count(*) FROM queues) + (SELECT count(*) FROM jobs)`, nil, &n)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return n
		}
		err := db.write(t.Context(), func(t tx) error {
			acc, err := db.accounts.named(t, "chat")
			for range 3 {
				queueWork(t, acc.ID, outbox.TaskFetch, 1, 0, now)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := count(outbox.Queued); n != 6 {
			t.Errorf("%d rows of work that is not done, want 6", n)
		}
		if n := count(outbox.Done); n != 0 {
			t.Errorf("%d rows are left of work that is done", n)
		}
	})
}
