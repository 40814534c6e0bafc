package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

// engines runs a test on both engines, each with a fresh store.
func engines(t *testing.T, f func(t *testing.T, db *DB)) {
	t.Helper()
	for _, e := range []struct {
		name string
		url  func(t *testing.T) string
	}{
		{"sqlite", func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "x.db") }},
		{"postgres", func(t *testing.T) string { return testenv.Postgres(t) }},
	} {
		t.Run(e.name, func(t *testing.T) {
			db, err := Open(t.Context(), e.url(t), Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close(context.Background()) })
			f(t, db)
		})
	}
}

func TestAPoisonOperationFailsAlone(t *testing.T) {
	engines(t, func(t *testing.T, db *DB) {
		poison := errors.New("poison")
		var wg sync.WaitGroup
		hold := make(chan struct{})
		// Hold the writer, so that the rest becomes one group.
		wg.Go(func() { db.write(t.Context(), func(tx) error { <-hold; return nil }) })
		errs := make([]error, 50)
		for i := range errs {
			wg.Go(func() {
				errs[i] = db.write(t.Context(), func(t tx) error {
					t.exec(`INSERT INTO settings (name, value) VALUES ($1, $2)`, fmt.Sprint("n", i), []byte{1})
					switch i {
					case 7:
						return poison
					case 8:
						t.exec(`INSERT INTO settings (name, value) VALUES ($1, $2)`, "nul\x00", []byte{1})
					case 9:
						panic("provoked")
					case 10:
						t.exec(`INSERT INTO settings (name, value) VALUES ('key', $1)`, []byte{1}) // exists
					}
					return nil
				})
			})
		}
		time.Sleep(20 * time.Millisecond)
		close(hold)
		wg.Wait()
		var n int
		if err := db.read(t.Context(), func(s session) error {
			_, err := one(s, `SELECT count(*) FROM settings WHERE name LIKE 'n%'`, nil, &n)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		failed := 0
		for i, err := range errs {
			if (err != nil) != (i >= 7 && i <= 10) {
				t.Errorf("operation %d: %v", i, err)
			}
			if err != nil {
				failed++
			}
		}
		if n != len(errs)-failed {
			t.Errorf("%d rows for %d operations of which %d failed", n, len(errs), failed)
		}
		if !errors.Is(errs[7], poison) || !errors.Is(errs[8], errBadText) {
			t.Errorf("errors %v, %v", errs[7], errs[8])
		}
	})
}

func TestEventsMakeForwardJobsForThoseWhoWantThem(t *testing.T) {
	engines(t, func(t *testing.T, db *DB) {
		if err := db.RegisterAccounts(t.Context(), []AccountRow{
			{Name: "support", Role: RoleChannel, Type: "email"},
			{Name: "desk", Role: RoleHelpdesk, Type: "webhook", Wants: []normalize.EventType{normalize.AccountState}},
			{Name: "other", Role: RoleHelpdesk, Type: "webhook", Wants: []normalize.EventType{normalize.MessageReceived}},
		}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second is no change
			if err := db.SetAccountState(t.Context(), "support", "down", "no network", time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		var events, jobs int
		if err := db.read(t.Context(), func(s session) error {
			if _, err := one(s, `SELECT count(*) FROM events`, nil, &events); err != nil {
				return err
			}
			_, err := one(s, `SELECT count(*) FROM jobs j JOIN queues q ON q.id = j.queue_id JOIN accounts a ON a.id = q.account_id
				WHERE a.name = 'desk' AND q.next_at IS NOT NULL`, nil, &jobs)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if events != 1 || jobs != 1 {
			t.Errorf("%d events, %d jobs", events, jobs)
		}
	})
}
