package storetest

import (
	"encoding/hex"
	"slices"
	"testing"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// carvedRaws: the files that a raw input refers to stay for it, and go with the
// last one.
func carvedRaws(t *testing.T, h *harness) {
	one, two := sha("one"), sha("two")
	carved := func(key string, item normalize.Item, files ...[32]byte) timeline.Entry {
		e := h.entry(key, item)
		e.Input.Encoding, e.Input.Files = timeline.RawCarved, files
		return e
	}
	m := h.msg("ann@example.com", "with files")
	first := h.take(normalize.Accepted, carved("first", m, one, two))[0]
	second := h.take(normalize.Accepted, carved("second", h.msg("bob@example.com", "one of them again"), two))[0]
	for _, r := range []timeline.Result{first, second} {
		if _, raw, err := h.db.LedgerRaw(h.ctx(), r.Ledger); err != nil || raw.Encoding != timeline.RawCarved || len(raw.Data) == 0 {
			t.Errorf("kept as %+v, %v", raw, err)
		}
	}
	gone := func(want ...[32]byte) {
		t.Helper()
		var names []string
		for _, d := range want {
			names = append(names, hex.EncodeToString(d[:]))
		}
		got, err := h.db.Sweep(h.ctx(), store.Retention{})
		h.must(err)
		slices.Sort(names)
		if slices.Sort(got); !slices.Equal(got, names) {
			t.Errorf("files to remove: %v, want %v", got, names)
		}
	}
	gone()
	h.take(normalize.Accepted, h.entry("taken back", &normalize.Delete{Target: m.ExternalID, At: h.now}))
	_, _, err := h.db.LedgerRaw(h.ctx(), first.Ledger)
	h.wantErr(err, timeline.ErrGone)
	gone(one)
	bob := h.message(second.Message).Customer.ID
	digests, err := h.db.Erase(h.ctx(), bob, h.now)
	h.must(err)
	if len(digests) != 1 || digests[0] != hex.EncodeToString(two[:]) {
		t.Errorf("the erasure removes %v", digests)
	}
	gone(two)

	held := h.poison("nobody can read this", "eve@example.com")
	h.take(normalize.Quarantined, held)
	size := held.Input.Size
	for account, want := range map[string]bool{"support": true, "sms": false} {
		got, err := h.db.Quarantined(h.ctx(), account, []int64{size - 1, size, size + 1})
		h.must(err)
		if got[size] != want || got[size-1] || got[size+1] {
			t.Errorf("in the quarantine of %s: %v", account, got)
		}
	}
}
