package timeline_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const secretWords = "my card number is 4111"

// noise does not compress, so that an input of it goes into a file.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b) // never fails
	return b
}

// One input that cannot be read costs none of the others anything: it is kept,
// shown in its place, and taken in when the decoder has been mended.
func TestPoisonInputsHarmNobodyElse(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		inputs := names(20, func(int) wire { return wire{From: "ann@example.test", Text: "hello"} })
		inputs[3] = wire{Do: "panic", ID: "small", From: "bob@example.test", Text: secretWords}
		inputs[8] = wire{Do: "panic", ID: "large", From: "bob@example.test", Text: secretWords, Pad: noise(100 << 10)}
		inputs[11] = wire{Do: "error", ID: "odd", From: "bob@example.test", Text: secretWords}
		b := batch(inputs...)
		b.Inputs[15].Refused = "too_large: 30 MB, at most 25 are taken"
		b.Cursors = []normalize.Cursor{{Key: "INBOX", Value: "20"}}
		rows := r.take(b)

		poison := map[int]string{
			3: "panic: the decoder failed on this input", 8: "panic: the decoder failed on this input",
			11: errOdd.Error(), 15: "too_large: 30 MB, at most 25 are taken",
		}
		for i, row := range rows {
			why, bad := poison[i]
			if !bad {
				if row.Outcome != normalize.Accepted || row.Message == 0 {
					t.Errorf("input %d: %+v", i, row)
				}
				continue
			}
			if row.Outcome != normalize.Quarantined || row.Reason != why || row.Key != b.Inputs[i].Key {
				t.Errorf("input %d: %+v", i, row)
			}
			kept, encoding := r.raw(row.ID)
			if !bytes.Equal(kept, b.Inputs[i].Raw) {
				t.Errorf("input %d: %d bytes are kept of %d, or others", i, len(kept), len(b.Inputs[i].Raw))
			}
			if (encoding == timeline.RawFile) != (i == 8) {
				t.Errorf("input %d of %d bytes is kept as %q", i, len(kept), encoding)
			}
			stub := r.message(row.Message)
			if stub.Unreadable != why || stub.Text != "" || len(stub.Parts) != 0 || !stub.RawAvailable {
				t.Errorf("input %d: stub %+v", i, stub)
			}
			if want := inputs[i].From; stub.Address.Value != want || stub.Subject != "from "+want {
				t.Errorf("input %d: the stub is from %s, about %q", i, stub.Address, stub.Subject)
			}
		}
		if r.outcomes[normalize.Accepted] != 16 || r.outcomes[normalize.Quarantined] != 4 {
			t.Errorf("the metrics saw %v", r.outcomes)
		}
		if got := r.cursor("INBOX"); got != "20" {
			t.Errorf("the cursor is at %q", got)
		}
		bob, err := r.db.CustomerOf(t.Context(), normalize.Email("bob@example.test", ""))
		r.must(err)
		if n := len(r.timeline(bob.ID)); n != 3 {
			t.Errorf("%d stubs on the sender's timeline", n)
		}
		if r.log.holds("4111") {
			t.Error("the log holds what a customer wrote")
		}
		if !r.log.holds("decoder panicked") || !r.log.holds("small") {
			t.Error("the log does not tell of the panic, and of which input")
		}

		r.replayMended(rows[3], "small")
		r.replayMended(rows[8], "large")
		r.replayMended(rows[11], "odd")
		if n := len(r.timeline(bob.ID)); n != 3 {
			t.Errorf("%d messages on the sender's timeline after the replay", n)
		}
	})
}

// replayMended replays a row, twice, by a decoder that can read it.
func (r *rig) replayMended(row *timeline.LedgerEntry, externalID string) {
	r.t.Helper()
	if res, err := r.Replay(r.t.Context(), source(decoder{}), row.ID); err != nil || res.Outcome != normalize.Quarantined || res.Message != row.Message {
		r.t.Errorf("replay without a mend: %+v, %v", res, err)
	}
	edited := r.events(normalize.MessageEdited)
	for range 2 {
		res, err := r.Replay(r.t.Context(), source(decoder{mended: true}), row.ID)
		r.must(err)
		if res.Outcome != normalize.Accepted || res.Message != row.Message || res.Ledger != row.ID {
			r.t.Errorf("replay of %+v: %+v", row, res)
		}
	}
	m := r.message(row.Message)
	if m.Text != secretWords || m.Unreadable != "" || m.ExternalID != externalID || len(m.Parts) != 1 {
		r.t.Errorf("after the replay: %+v", m)
	}
	if n := r.events(normalize.MessageEdited) - edited; n != 1 {
		r.t.Errorf("%d events for one change", n)
	}
	e, err := r.db.LedgerEntry(r.t.Context(), row.ID)
	r.must(err)
	if e.Outcome != normalize.Accepted || e.Reason != "" || e.Message != row.Message {
		r.t.Errorf("the ledger says %+v", e)
	}
	if rows := r.take(batch(wire{ID: externalID, From: "bob@example.test", Text: secretWords})); rows[0].Outcome != normalize.Duplicate {
		r.t.Errorf("the message came again as %s", rows[0].Outcome)
	}
}

func TestReplayThatCannotBe(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		rows := r.take(batch(wire{Do: "error", ID: "x", From: "bob@example.test"},
			wire{Do: "error", ID: "y", From: "bob@example.test", Pad: noise(100 << 10)}))
		other := source(decoder{mended: true})
		other.Account.Name = "sms"
		if _, err := r.Replay(t.Context(), other, rows[0].ID); err == nil || !strings.Contains(err.Error(), `belongs to account "chat"`) {
			t.Errorf("by another account: %v", err)
		}
		if _, err := r.Replay(t.Context(), other, 99); !errors.Is(err, timeline.ErrNotFound) {
			t.Errorf("of nothing: %v", err)
		}
		late := time.Now().Add(time.Minute)
		_, err := r.db.Sweep(t.Context(), store.Retention{Raw: late})
		r.must(err)
		for _, row := range rows { // what is in quarantine is kept whatever the retention
			if _, err := r.Replay(t.Context(), source(decoder{mended: true}), row.ID); err != nil {
				t.Errorf("of what is in quarantine: %v", err)
			}
		}
		_, err = r.db.Sweep(t.Context(), store.Retention{Raw: late})
		r.must(err)
		for _, row := range rows {
			if _, err := r.Replay(t.Context(), source(decoder{mended: true}), row.ID); !errors.Is(err, timeline.ErrGone) || !strings.Contains(err.Error(), "no longer kept") {
				t.Errorf("after the retention: %v", err)
			}
			if m := r.message(row.Message); m.RawAvailable {
				t.Error("the message points to bytes that are gone")
			}
		}
	})
}

// What a decoder returns is as little to be trusted as the decoder itself.
func TestOddItemsAreQuarantined(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		for name, item := range map[string]normalize.Item{
			"nil message":  (*normalize.Message)(nil),
			"nil edit":     (*normalize.Edit)(nil),
			"nil delete":   (*normalize.Delete)(nil),
			"nil reaction": (*normalize.Reaction)(nil),
			"nil ignored":  (*normalize.Ignored)(nil),
			"no target":    &normalize.Edit{Target: "\x00"},
			"no sender":    &normalize.Message{Address: normalize.Address{Kind: "email", Value: "\x00\u202e"}},
		} {
			rows := r.takeBy(decoder{item: item}, batch(wire{ID: name}))
			for _, row := range rows {
				if row.Outcome != normalize.Quarantined || row.Reason == "" || row.Message != 0 {
					t.Errorf("%s: %+v", name, row)
				}
			}
		}
	})
}
