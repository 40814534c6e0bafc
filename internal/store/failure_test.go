package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// put is a small write.
func put(ctx context.Context, db *DB, name string) error {
	return db.write(ctx, func(t tx) error {
		t.exec(`INSERT INTO settings (name, value) VALUES ($1, $2)`, name, make([]byte, 2000))
		return nil
	})
}

func TestAnAcknowledgedCommitIsOnDisk(t *testing.T) {
	engines(t, func(t *testing.T, db *DB) {
		setting, want := "SHOW synchronous_commit", "on"
		if db.eng.dialect() == sqliteDialect {
			setting, want = "PRAGMA synchronous", "2" // FULL
		}
		if err := db.write(t.Context(), func(t tx) error {
			var got string
			if _, err := one(t, setting, nil, &got); err != nil {
				return err
			}
			if got != want {
				return fmt.Errorf("%s says %s, want %s", setting, got, want)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
}

func TestSchemaThatDoesNotFitIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, change string
		want         error
	}{
		{"newer", `INSERT INTO schema_versions (version, name, applied_at) VALUES (9999, 'future', 0)`, ErrNewerSchema},
		{"foreign", `DROP TABLE schema_versions`, ErrForeign},
	} {
		for engine, url := range map[string]string{"sqlite": "sqlite://" + filepath.Join(t.TempDir(), "x.db"), "postgres": ""} {
			t.Run(c.name+"/"+engine, func(t *testing.T) {
				if engine == "postgres" {
					url = testenv.Postgres(t)
				}
				db, err := Open(t.Context(), url, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if err := db.write(t.Context(), func(t tx) error { return run(t, c.change) }); err != nil {
					t.Fatal(err)
				}
				if err := db.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := Open(t.Context(), url, Options{Migrate: true}); !errors.Is(err, c.want) {
					t.Errorf("open: %v", err)
				}
				if err := Migrate(t.Context(), url); !errors.Is(err, c.want) {
					t.Errorf("migrate: %v", err)
				}
			})
		}
	}
}

func TestFullDiskIsAnErrorUntilThereIsRoom(t *testing.T) {
	db := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	limit := func(pages string) {
		t.Helper()
		if err := db.write(t.Context(), func(t tx) error { return run(t, "PRAGMA max_page_count = "+pages) }); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // no less than what it has by now
	var full error
	stored := 0
	for i := 0; full == nil && i < 1000; i++ {
		if full = put(t.Context(), db, fmt.Sprint("n", i)); full == nil {
			stored++
		}
	}
	if !isTrouble(full) {
		t.Fatalf("on a full disk: %v", full)
	}
	limit("100000")
	if err := put(t.Context(), db, "later"); err != nil {
		t.Errorf("after room was made: %v", err)
	}
	wantRows(t, db, stored+1)
}

func wantRows(t *testing.T, db *DB, want int) {
	t.Helper()
	var n int
	if err := db.read(t.Context(), func(s session) error {
		_, err := one(s, `SELECT count(*) FROM settings WHERE name NOT IN ('key', 'ready')`, nil, &n)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if n != want {
		t.Errorf("%d rows, want %d", n, want)
	}
}

func openAt(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), "sqlite://"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return db
}

// TestDatabaseThatIsGone: a commit into a file without a name would be lost.
func TestDatabaseThatIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	db := openAt(t, filepath.Join(dir, "x.db"))
	if err := put(t.Context(), db, "before"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), db, "lost"); err == nil {
		t.Fatal("a commit into a file that is gone was acknowledged")
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), db, "after"); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, 2)
}

func TestServerThatDropsConnections(t *testing.T) {
	db, err := Open(t.Context(), testenv.Postgres(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	acknowledged := 0
	for i := range 20 {
		if i%5 == 2 {
			if err := db.read(t.Context(), func(s session) error {
				return s.query(`SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity
					WHERE datname = current_database() AND pid <> pg_backend_pid()`, nil, func(row) error { return nil })
			}); err != nil {
				t.Fatal(err)
			}
		}
		testenv.WaitFor(t, testenv.Patience, "the connection to come back", func() bool {
			return put(t.Context(), db, fmt.Sprint("n", i, "-", time.Now().UnixNano())) == nil
		})
		acknowledged++
	}
	wantRows(t, db, acknowledged)
}

// TestCloseDoesNotWaitForAWedgedDatabase: another process holds the lock.
func TestCloseDoesNotWaitForAWedgedDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db := openAt(t, path)
	other, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := sqlitex.ExecuteTransient(other, "BEGIN IMMEDIATE", nil); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var stuck error
	wg.Go(func() { stuck = put(context.Background(), db, "stuck") })
	testenv.WaitFor(t, testenv.Patience, "the writer to be busy", func() bool { return len(db.ops) == 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_ = db.Close(ctx)
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("close took %v", took)
	}
	wg.Wait()
	if stuck == nil {
		t.Error("a write that cannot have been committed was acknowledged")
	}
}

// A transaction that does not end, as on a disk that hangs, keeps its connection:
// closing that under it would bring the process down.
func TestCloseLeavesAWriterThatIsStuck(t *testing.T) {
	db := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	begun, hold, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- db.write(context.Background(), func(t tx) error {
			close(begun)
			<-hold
			t.exec(`INSERT INTO settings (name, value) VALUES ('late', $1)`, []byte{1})
			return nil
		})
	}()
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := db.Close(ctx); err == nil {
		t.Error("closed, with a transaction under way")
	}
	if db.eng.(*sqliteEngine).write == nil {
		t.Error("its connection was closed under it")
	}
	close(hold)
	if err := <-ended; err == nil {
		t.Error("acknowledged after the store was closed")
	}
}

// TestAnotherProcessWrites: the commands of the terminal write while the
// daemon runs.
func TestAnotherProcessWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	a, b := openAt(t, path), openAt(t, path)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if err := put(t.Context(), []*DB{a, b}[i%2], fmt.Sprint("n", i)); err != nil {
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	wantRows(t, a, 200)
}

// TestLogStaysBounded: the writer empties the write-ahead log, also while
// somebody reads.
func TestLogStaysBounded(t *testing.T) {
	db := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	eng := db.eng.(*sqliteEngine)
	if err := db.write(t.Context(), func(tx) error {
		eng.log.limit, eng.log.next = 512<<10, 512<<10
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				_ = db.read(ctx, func(s session) error {
					return s.query(`SELECT name FROM settings LIMIT 1000`, nil, func(row) error { return nil })
				})
			}
		})
	}
	highest := int64(0)
	for i := range 500 {
		if err := put(t.Context(), db, fmt.Sprint("n", i)); err != nil {
			t.Fatal(err)
		}
		highest = max(highest, eng.walSize())
	}
	cancel()
	wg.Wait()
	wantRows(t, db, 500)
	if highest < 512<<10 || highest > 2<<20 {
		t.Errorf("the log grew to %d KiB", highest>>10)
	}
}

// A disk that turns read-only, or fails, costs the calls of that moment and
// not the daemon: the next ones get a fresh connection.
func TestABrokenConnectionIsReplaced(t *testing.T) {
	db := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	err := db.write(t.Context(), func(t tx) error {
		t.exec(`INSERT INTO settings (name, value) VALUES ('before', $1)`, []byte{1})
		if err := run(t, "PRAGMA query_only = ON"); err != nil {
			return err
		}
		t.exec(`INSERT INTO settings (name, value) VALUES ('refused', $1)`, []byte{1})
		return nil
	})
	if !isTrouble(err) {
		t.Fatalf("a write that the database refuses: %v", err)
	}
	if err := put(t.Context(), db, "later"); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, 1)
}

// A reader that keeps the log from being emptied after an erasure puts that off,
// and does not cancel it.
func TestAReaderOnlyPutsOffTheScrubbing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db := openAt(t, path)
	const words = "words-that-are-erased"
	readable := func() bool {
		log, err := os.ReadFile(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(log, []byte(words))
	}
	write := func(sql string) {
		t.Helper()
		if err := db.write(t.Context(), func(t tx) error {
			t.exec(sql, []byte(words))
			db.eng.scrub()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	reads, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = db.read(t.Context(), func(s session) error {
			_, err := one(s, `SELECT count(*) FROM settings`, nil, new(int))
			close(reads)
			<-release
			return err
		})
	})
	<-reads
	write(`INSERT INTO settings (name, value) VALUES ('x', $1)`)
	write(`DELETE FROM settings WHERE value = $1`)
	if !readable() {
		t.Error("the words are not in the log; this test looks in the wrong place")
	}
	if err := put(t.Context(), db, "waits for the writer's try to empty it"); err != nil {
		t.Fatal(err)
	}
	close(release)
	wg.Wait()
	testenv.WaitFor(t, testenv.Patience, "the log to be emptied", func() bool {
		if err := put(t.Context(), db, fmt.Sprint(time.Now().UnixNano())); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // as rarely as an idle daemon
		return !readable()
	})
}

// A backup is not restored beside the log of a store that was killed and moved
// away without it: SQLite would write that log's pages into the copy.
func TestABackupIsNotRestoredBesideAnOldLog(t *testing.T) {
	path, file := filepath.Join(t.TempDir(), "x.db"), filepath.Join(t.TempDir(), "backup")
	db := openAt(t, path)
	if err := put(t.Context(), db, "before"); err != nil {
		t.Fatal(err)
	}
	if err := db.Backup(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if err := put(t.Context(), db, fmt.Sprint("after", i)); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil || len(log) == 0 {
		t.Fatal(err)
	}
	if err := db.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path+"-wal", log, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), "sqlite://"+path, file); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), "x.db-wal") {
		t.Errorf("beside a log of something else: %v", err)
	}
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), "sqlite://"+path, file); err != nil {
		t.Fatal(err)
	}
	wantRows(t, openAt(t, path), 1)
}
