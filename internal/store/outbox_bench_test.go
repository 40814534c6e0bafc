package store

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// BenchmarkClaim claims and settles one job at a time with much work pending,
// a fifth of it in one conversation. The claim must not grow with the work.
func BenchmarkClaim(b *testing.B) {
	for _, e := range []struct {
		name string
		url  func(testing.TB) string
	}{
		{"sqlite", func(t testing.TB) string { return "sqlite://" + filepath.Join(t.TempDir(), "x.db") }},
		{"postgres", testenv.Postgres},
	} {
		for _, size := range []struct {
			name string
			n    int64
		}{{"20k", 20_000}, {"200k", 200_000}} {
			b.Run(e.name+"/pending="+size.name, func(b *testing.B) {
				db, err := Open(b.Context(), e.url(b), Options{})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { db.Close(context.Background()) })
				now := time.Now()
				fillQueues(b, db, size.n, now)
				var took []time.Duration
				for b.Loop() {
					start := time.Now()
					jobs, err := db.Claim(b.Context(), outbox.Deliver, "sms", now, time.Minute, 1)
					if err != nil || len(jobs) != 1 {
						b.Fatal(len(jobs), err)
					}
					took = append(took, time.Since(start))
					s := outbox.DeliverPolicy.Settle(jobs[0], false, outbox.Result{}, now)
					if err := db.Settle(b.Context(), s); err != nil {
						b.Fatal(err)
					}
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "claim-p50-µs")
			})
		}
	}
}

// fillQueues queues n jobs: a fifth in one conversation, the rest ten to each.
func fillQueues(b *testing.B, db *DB, n int64, now time.Time) {
	b.Helper()
	if err := db.RegisterAccounts(b.Context(), []AccountRow{{Name: "sms", Role: RoleChannel, Type: "test"}}); err != nil {
		b.Fatal(err)
	}
	err := db.write(b.Context(), func(t tx) error {
		const upTo = `WITH RECURSIVE n(i) AS (SELECT CAST(1 AS {INT}) UNION ALL SELECT i + 1 FROM n WHERE i < $1) `
		queues := n/10 - 1 // no multiple of five, so that each has a job
		due := normalize.FirstID(now).Time().Add(-time.Hour)
		t.exec(`INSERT INTO queues (id, account_id, conversation_id, next_at) `+upTo+`SELECT i, (SELECT id FROM accounts), i, $2 + i FROM n`, queues, due)
		t.exec(`INSERT INTO jobs (id, queue_id, task, state, due_at, expires_at) `+upTo+
			`SELECT i, CASE WHEN i % 5 = 0 THEN 1 ELSE 1 + i % $2 END, 'send', 'queued', $3, 0 FROM n`, n, queues, due)
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
