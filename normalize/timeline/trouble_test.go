package timeline_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// brokenFiles is a media folder on a full disk, which shows when a file is
// written, or else when it is flushed.
type brokenFiles struct{ write, commit error }

var errDiskFull = errors.New("no space left on device")

func (f brokenFiles) Batch() timeline.FileBatch                     { return f }
func (f brokenFiles) Write(context.Context, []byte, [32]byte) error { return f.write }
func (f brokenFiles) Commit(context.Context) error                  { return f.commit }
func (f brokenFiles) Discard()                                      {}
func (f brokenFiles) Read(context.Context, string) ([]byte, error)  { return nil, errDiskFull }

// Where our own storage fails, the vendor must not be told that we have the
// input, and nothing of the batch may count as read.
func TestOwnFailuresAreNotAcknowledged(t *testing.T) {
	large := wire{ID: "large", From: "ann@example.test", Text: "large", Pad: noise(100 << 10)}
	b := batch(wire{ID: "one", From: "ann@example.test", Text: "one"}, large)
	b.Cursors = []normalize.Cursor{{Key: "INBOX", Value: "2"}}

	untouched := func(t *testing.T, r *rig) {
		t.Helper()
		if n := len(r.ledger()); n != 0 {
			t.Errorf("%d rows in the ledger", n)
		}
		if c := r.cursor("INBOX"); c != "" {
			t.Errorf("the cursor went to %q", c)
		}
		if len(r.outcomes) != 0 {
			t.Errorf("the metrics saw %v", r.outcomes)
		}
	}
	recovered := func(t *testing.T, r *rig) {
		t.Helper()
		for _, row := range r.take(b) {
			if row.Outcome != normalize.Accepted {
				t.Errorf("the vendor's next try: %+v", row)
			}
		}
		if c := r.cursor("INBOX"); c != "2" {
			t.Errorf("the cursor is at %q", c)
		}
	}

	t.Run("media folder", func(t *testing.T) {
		engines(t, func(t *testing.T, r *rig) {
			for _, f := range []brokenFiles{{write: errDiskFull}, {commit: errDiskFull}} {
				r.Files = f
				if err := r.Take(t.Context(), source(decoder{}), b); !errors.Is(err, errDiskFull) {
					t.Errorf("on a full disk: %v", err)
				}
				untouched(t, r)
			}
			r.Files = r.files
			recovered(t, r)
		})
	})
	t.Run("patience of the vendor", func(t *testing.T) {
		engines(t, func(t *testing.T, r *rig) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := r.Take(ctx, source(decoder{}), b); !errors.Is(err, context.Canceled) {
				t.Errorf("for a vendor who hung up: %v", err)
			}
			untouched(t, r)
			recovered(t, r)
		})
	})
	t.Run("closed store", func(t *testing.T) {
		engines(t, func(t *testing.T, r *rig) {
			r.must(r.db.Close(t.Context()))
			if err := r.Take(t.Context(), source(decoder{}), b); !errors.Is(err, store.ErrClosed) {
				t.Errorf("on a closed store: %v", err)
			}
			r.db = r.open()
			r.Ingestor = r.on(r.db)
			untouched(t, r)
			recovered(t, r)
		})
	})
	t.Run("database away", func(t *testing.T) {
		pg := testenv.PostgresServer(t)
		r := newRig(t, pg.URL)
		pg.Kill()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := r.Take(ctx, source(decoder{}), b); err == nil {
			t.Error("a batch was taken without a database")
		}
		pg.Start()
		testenv.WaitFor(t, testenv.Patience, "the store to find its database again", func() bool { return r.db.Ready(t.Context()) == nil })
		untouched(t, r)
		recovered(t, r)
	})
	t.Run("account unknown", func(t *testing.T) {
		engines(t, func(t *testing.T, r *rig) {
			src := source(decoder{})
			src.Account.Name = "nobody"
			if err := r.Take(t.Context(), src, b); err == nil || !strings.Contains(err.Error(), `"nobody" is not configured`) {
				t.Errorf("for an account that nobody registered: %v", err)
			}
			untouched(t, r)
		})
	})
}
