package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

func sha(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// backup: a copy that is taken while the store runs holds everything that was
// acknowledged before, and nothing by half.
func backup(t *testing.T, h *harness) {
	before := 0
	for i := range 20 {
		h.place(h.msg(fmt.Sprintf("c%d@example.com", i), "hello"))
		before++
	}
	ctx, stop := context.WithCancel(h.ctx())
	defer stop()
	var batches []timeline.Ingest
	for i := range 2000 {
		batches = append(batches, h.batch(h.entry(fmt.Sprint("during", i), h.msg("busy@example.com", "during"))))
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, in := range batches {
			if _, err := timeline.Commit(ctx, h.db, in); err != nil {
				return // stopped
			}
		}
	})
	file := filepath.Join(t.TempDir(), "backup")
	err := h.db.Backup(h.ctx(), file)
	stop()
	wg.Wait()
	h.must(err)
	if err := h.db.Backup(h.ctx(), file); err == nil {
		t.Error("a backup was overwritten")
	}

	url := h.fresh(t)
	h.must(store.Restore(h.ctx(), url, file))
	h.wantErr(store.Restore(h.ctx(), url, file), store.ErrNotEmpty)
	status, err := store.Status(h.ctx(), url)
	h.must(err)
	if status.Schema != store.SchemaVersion {
		t.Errorf("status %+v", status)
	}
	copied, err := store.Open(h.ctx(), url, store.Options{})
	h.must(err)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		h.must(copied.Close(ctx))
	}()
	entries, err := copied.Ledger(h.ctx(), timeline.LedgerFilter{Limit: 1000})
	h.must(err)
	if len(entries) < before {
		t.Errorf("%d inputs in the backup, want %d at least", len(entries), before)
	}
	for _, e := range entries {
		m, err := copied.Message(h.ctx(), e.Message)
		h.must(err)
		if m.Customer == nil || !m.RawAvailable {
			t.Fatalf("a message came back by half: %+v", m)
		}
	}
	// The copy goes on where the store was.
	h.db = copied
	h.register(copied)
	h.place(h.msg("later@example.com", "after the restore"))
}
