package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// loads are how many callers wait at once.
var loads = []int{1, 64, 256}

// parallel runs f b.N times from n goroutines.
func parallel(b *testing.B, n int, f func(i int64) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range n {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

func benchDB(b *testing.B, url string) *DB {
	b.Helper()
	db, err := Open(b.Context(), url, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close(context.Background()) })
	if err := db.RegisterAccounts(b.Context(), []AccountRow{
		{Name: "support", Role: RoleChannel, Type: "email"},
		{Name: "desk", Role: RoleHelpdesk, Type: "webhook", Wants: normalize.EventTypes},
	}); err != nil {
		b.Fatal(err)
	}
	return db
}

// benchMessage is an input of about 1 KB from one of 10,000 customers.
func benchMessage(i int64) timeline.Ingest {
	name := fmt.Sprintf("message-%d@example.com", i)
	now := time.Now()
	text := fmt.Sprintf("Message %d. ", i) + strings.Repeat("The printer on the third floor does not print. ", 20)
	raw := []byte("{" + text + "}")
	return timeline.Ingest{Account: "support", Now: now, IdleTimeout: time.Hour, Entries: []timeline.Entry{{
		Outcome: normalize.Accepted,
		Input:   timeline.Raw{Key: name, ContentType: "application/json", ReceivedAt: now, Size: int64(len(raw)), Digest: sha256.Sum256(raw), Data: raw[:300]},
		Item: &normalize.Message{
			Direction: normalize.Inbound, Address: normalize.Email(fmt.Sprintf("c%d@example.com", i*7919%10_000), "C"),
			ExternalID: name, Text: text, FullText: text, SentAt: now, ReceivedAt: now,
			Parts: []normalize.Part{{Kind: normalize.PartText, Text: text}},
		},
	}}}
}

// BenchmarkIngest takes messages in, each with its forward job.
func BenchmarkIngest(b *testing.B) {
	for _, e := range []struct {
		name string
		url  func(b *testing.B) string
	}{
		{"sqlite", func(b *testing.B) string { return "sqlite://" + filepath.Join(b.TempDir(), "x.db") }},
		{"postgres", func(b *testing.B) string { return testenv.Postgres(b) }},
	} {
		for _, n := range loads {
			b.Run(fmt.Sprintf("%s/%d", e.name, n), func(b *testing.B) {
				db := benchDB(b, e.url(b))
				parallel(b, n, func(i int64) error {
					_, err := timeline.Commit(b.Context(), db, benchMessage(i))
					return err
				})
				checkRows(b, db, b.N)
				reportSize(b, db)
			})
		}
	}
}

// reportSize tells what a message takes, with all that belongs to it.
func reportSize(b *testing.B, db *DB) {
	b.Helper()
	b.ReportMetric(float64(sizeOf(b, db))/float64(b.N), "B/msg")
}

// sizeOf returns the size of a database in bytes.
func sizeOf(b *testing.B, db *DB) int64 {
	b.Helper()
	pages := "SELECT pg_database_size(current_database()) / 4096"
	if db.eng.dialect() == sqliteDialect {
		pages = "PRAGMA page_count"
	}
	var n int64
	if err := db.read(b.Context(), func(s session) error {
		_, err := one(s, pages, nil, &n)
		return err
	}); err != nil {
		b.Fatal(err)
	}
	return n * sqlitePage
}

func checkRows(b *testing.B, db *DB, want int) {
	b.Helper()
	if err := db.read(b.Context(), func(s session) error {
		for _, table := range []string{"messages", "ledger", "raws", "keys"} {
			n := 0
			if _, err := one(s, `SELECT count(*) FROM `+table, nil, &n); err != nil {
				return err
			}
			if n < want {
				b.Errorf("%d rows in %s, want %d: a broken run is fast", n, table, want)
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
}

const engineTable = `CREATE TABLE IF NOT EXISTS bench (id INTEGER PRIMARY KEY, key BLOB NOT NULL, body BLOB NOT NULL)`

// engineRows is how many rows an operation writes, about as many as a message.
const engineRows = 8

// BenchmarkEngine compares the native interface of SQLite with database/sql:
// the same rows, settings and groups.
func BenchmarkEngine(b *testing.B) {
	body := []byte(strings.Repeat("x", 1000/engineRows))
	for _, n := range loads {
		b.Run(fmt.Sprintf("native/%d", n), func(b *testing.B) {
			db := benchDB(b, "sqlite://"+filepath.Join(b.TempDir(), "x.db"))
			if err := db.write(b.Context(), func(t tx) error { t.exec(engineTable); return nil }); err != nil {
				b.Fatal(err)
			}
			parallel(b, n, func(i int64) error {
				key := sha256.Sum256(fmt.Append(nil, i))
				return db.write(b.Context(), func(t tx) error {
					for k := range int64(engineRows) {
						t.exec(`INSERT INTO bench (id, key, body) VALUES ($1, $2, $3)`, i*engineRows+k, key[:16], body)
					}
					return nil
				})
			})
		})
		b.Run(fmt.Sprintf("database-sql/%d", n), func(b *testing.B) {
			w := openSQLWriter(b)
			parallel(b, n, func(i int64) error {
				key := sha256.Sum256(fmt.Append(nil, i))
				o := &sqlOp{id: i, key: key[:16], body: body, done: make(chan error, 1)}
				w <- o
				return <-o.done
			})
		})
	}
}

type sqlOp struct {
	id        int64
	key, body []byte
	done      chan error
}

// openSQLWriter is the group commit of writer.go over database/sql.
func openSQLWriter(b *testing.B) chan<- *sqlOp {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "y.db")+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-65536)&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(b.Context(), engineTable); err != nil {
		b.Fatal(err)
	}
	ops := make(chan *sqlOp, groupLimit)
	var wg sync.WaitGroup
	wg.Go(func() {
		for o := range ops {
			group := []*sqlOp{o}
			for len(group) < groupLimit && len(ops) > 0 {
				group = append(group, <-ops)
			}
			err := sqlGroup(db, group)
			for _, o := range group {
				o.done <- err
			}
		}
	})
	b.Cleanup(func() {
		close(ops)
		wg.Wait()
		db.Close()
	})
	return ops
}

func sqlGroup(db *sql.DB, group []*sqlOp) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	st, err := tx.Prepare(`INSERT INTO bench (id, key, body) VALUES (?, ?, ?)`)
	if err != nil {
		return err
	}
	defer st.Close()
	for _, o := range group {
		for k := range int64(engineRows) {
			if _, err := st.Exec(o.id*engineRows+k, o.key, o.body); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}
