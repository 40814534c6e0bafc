package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// What is erased cannot be read in SQLite's files either.
func TestErasedTextLeavesTheFiles(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(dir, "x.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(t.Context()) }()
	if err := db.RegisterAccounts(t.Context(), []store.AccountRow{{Name: "support", Role: store.RoleChannel, Type: "email"}}); err != nil {
		t.Fatal(err)
	}
	const name, words, raw = "Zhang-the-erased", "words-that-are-erased", "raw-bytes-that-are-erased"
	now := time.Now().UTC().Truncate(time.Microsecond)
	m := &normalize.Message{
		ID: normalize.NewID(now), ExternalID: "x1", Direction: normalize.Inbound, Address: normalize.Email("zhang@example.cn", name),
		Text: words, FullText: words, ReceivedAt: now, SentAt: now, Parts: []normalize.Part{{ID: normalize.NewID(now), Kind: normalize.PartText, Text: words}},
	}
	_, err = timeline.Commit(t.Context(), db, timeline.Ingest{Account: "support", Now: now, Entries: []timeline.Entry{{
		Outcome: normalize.Accepted, Item: m, Input: timeline.Raw{Key: "k", ReceivedAt: now, Data: []byte(raw)},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	readable := func(mark string) bool {
		for _, f := range []string{"x.db", "x.db-wal"} {
			b, err := os.ReadFile(filepath.Join(dir, f))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if bytes.Contains(b, []byte(mark)) {
				return true
			}
		}
		return false
	}
	for _, mark := range []string{name, words, raw} {
		if !readable(mark) {
			t.Errorf("%q is not in the files before; this test looks in the wrong place", mark)
		}
	}
	c, err := db.CustomerOf(t.Context(), m.Address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Erase(t.Context(), c.ID, now); err != nil {
		t.Fatal(err)
	}
	// The writer empties its log after it has answered, as soon as nobody reads.
	for _, mark := range []string{name, words, raw, "zhang@example.cn"} {
		testenv.WaitFor(t, testenv.Patience, fmt.Sprintf("%q to be gone", mark), func() bool {
			if err := db.SetAccountState(t.Context(), "support", "connected", time.Now().String(), now); err != nil {
				t.Fatal(err)
			}
			return !readable(mark)
		})
	}
}
