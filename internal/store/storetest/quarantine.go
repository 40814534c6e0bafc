package storetest

import (
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// poison is an input that was not understood, with a stub where from is known.
func (h *harness) poison(key, from string) timeline.Entry {
	e := h.entry(key, nil)
	e.Outcome, e.Reason = normalize.Quarantined, "deep_mime"
	if from != "" {
		e.Item = h.msg(from, "", func(m *normalize.Message) { m.ExternalID, m.Parts, m.Subject = "stub-"+key, nil, "Help" })
	}
	return e
}

func quarantine(t *testing.T, h *harness) {
	r := h.take(normalize.Quarantined, h.poison("bad", "ann@example.com"))[0]
	stub := h.message(r.Message)
	if stub.Unreadable != "deep_mime" || !stub.RawAvailable || stub.Subject != "Help" {
		t.Fatalf("stub %+v", stub)
	}
	if d := h.take(normalize.Duplicate, h.poison("bad", "ann@example.com"))[0]; d.Message != r.Message {
		t.Errorf("the same bytes again: %+v", d)
	}
	account, raw, err := h.db.LedgerRaw(h.ctx(), r.Ledger)
	h.must(err)
	if account != "support" || string(raw.Data) != "bad" || raw.Meta["mailbox"] != "INBOX" {
		t.Errorf("raw %s %+v", account, raw)
	}
	list, err := h.db.Ledger(h.ctx(), timeline.LedgerFilter{Outcome: normalize.Quarantined})
	h.must(err)
	if len(list) != 1 || list[0].Reason != "deep_mime" || list[0].Message != r.Message || !list[0].RawKept {
		t.Errorf("ledger %+v", list)
	}

	again := func(e timeline.Entry, want normalize.Outcome) timeline.Result {
		t.Helper()
		e.Replay = r.Ledger
		got := h.take(want, e)[0]
		if got.Ledger != r.Ledger {
			t.Errorf("replay of %s made %s", r.Ledger, got.Ledger)
		}
		return got
	}
	again(h.poison("bad", "ann@example.com"), normalize.Quarantined) // still not understood
	fixed := h.entry("bad", h.msg("ann@example.com", "understood", func(m *normalize.Message) { m.ExternalID = "fixed" }))
	for range 2 { // the second one changes nothing
		if got := again(fixed, normalize.Accepted); got.Message != r.Message {
			t.Errorf("the replay made another message: %+v", got)
		}
	}
	m := h.message(r.Message)
	if m.Unreadable != "" || m.Text != "understood" || m.ConversationID != stub.ConversationID || m.ExternalID != "fixed" {
		t.Errorf("after the replay: %+v", m)
	}
	if n := count(h.events(), normalize.MessageEdited); n != 1 {
		t.Errorf("%d events for one change", n)
	}
	h.take(normalize.Duplicate, h.entry("other bytes", h.msg("ann@example.com", "understood", func(m *normalize.Message) { m.ExternalID = "fixed" })))
	e, err := h.db.LedgerOf(h.ctx(), r.Message)
	h.must(err)
	if e.Outcome != normalize.Accepted || e.ID != r.Ledger {
		t.Errorf("ledger %+v", e)
	}
	missing := fixed
	missing.Replay = 99
	_, err = timeline.Commit(h.ctx(), h.db, h.batch(missing))
	h.wantErr(err, timeline.ErrNotFound)
}

// quarantineComesAgain: the same bytes come again when they can be read.
func quarantineComesAgain(t *testing.T, h *harness) {
	for _, from := range []string{"ann@example.com", ""} {
		key := "bytes of " + from
		bad := h.take(normalize.Quarantined, h.poison(key, from))[0]
		good := h.take(normalize.Accepted, h.entry(key, h.msg("ann@example.com", key)))[0]
		if from != "" && good.Message != bad.Message {
			t.Errorf("a stub stayed beside its message")
		}
		if h.message(good.Message).Text != key {
			t.Errorf("message %+v", h.message(good.Message))
		}
		e, err := h.db.LedgerEntry(h.ctx(), bad.Ledger)
		h.must(err)
		if e.Outcome != normalize.Accepted || e.Message != good.Message {
			t.Errorf("the first entry says %+v", e)
		}
	}
}

// replayToOther: what was quarantined turns out to be something else than a
// new message.
func replayToOther(t *testing.T, h *harness) {
	known := h.place(h.msg("ann@example.com", "known", func(m *normalize.Message) { m.ExternalID = "known" }))
	for name, c := range map[string]struct {
		item normalize.Item
		want normalize.Outcome
	}{
		"ignored":   {&normalize.Ignored{Reason: "own_presence"}, normalize.Disregarded},
		"edit":      {&normalize.Edit{Target: "known", Text: "new words", At: h.now.Add(time.Minute)}, normalize.Accepted},
		"duplicate": {h.msg("ann@example.com", "known", func(m *normalize.Message) { m.ExternalID = "known" }), normalize.Duplicate},
	} {
		r := h.take(normalize.Quarantined, h.poison(name, "ann@example.com"))[0]
		e := h.entry(name, c.item)
		e.Replay = r.Ledger
		h.take(c.want, e)
		if m := h.message(r.Message); m.DeletedAt.IsZero() {
			t.Errorf("%s: the stub stayed: %+v", name, m)
		}
	}
	if m := h.message(known.ID); m.Text != "new words" {
		t.Errorf("the edit was not applied: %+v", m)
	}
	// A stub whose author was guessed wrongly moves to where it belongs.
	r := h.take(normalize.Quarantined, h.poison("moved", "list@example.com"))[0]
	e := h.entry("moved", h.msg("ann@example.com", "really from Ann", func(m *normalize.Message) { m.Thread.ReplyTo = "known" }))
	e.Replay = r.Ledger
	h.take(normalize.Accepted, e)
	if m := h.message(r.Message); m.Customer.ID != known.Customer.ID || m.ConversationID != known.ConversationID {
		t.Errorf("the message stayed with the wrong customer: %+v", m)
	}
}

func edits(t *testing.T, h *harness) {
	m := h.place(h.msg("ann@example.com", "first words", func(m *normalize.Message) { m.ExternalID = "m" }))
	at := h.now.Add(time.Minute)
	ann := normalize.Email("ann@example.com", "")
	for i, c := range []struct {
		item   normalize.Item
		want   normalize.Outcome
		reason string
	}{
		{&normalize.Edit{Target: "m", Text: "better words", At: at}, normalize.Accepted, ""},
		{&normalize.Edit{Target: "m", Text: "better words", At: at}, normalize.Duplicate, ""},
		{&normalize.Edit{Target: "m", Text: "late words", At: at.Add(-time.Second)}, normalize.Disregarded, "older_edit"},
		{&normalize.Edit{Target: "nothing", Text: "x", At: at}, normalize.Waiting, "unknown_message"},
		{&normalize.Reaction{Target: "m", From: ann, Emoji: "+1", At: at}, normalize.Accepted, ""},
		{&normalize.Reaction{Target: "m", From: ann, Emoji: "+1", At: at}, normalize.Duplicate, ""},
	} {
		r := h.take(c.want, h.entry(string(rune('a'+i)), c.item))
		if r[0].Reason != c.reason {
			t.Errorf("case %d: reason %q", i, r[0].Reason)
		}
	}
	got := h.message(m.ID)
	if got.Text != "better words" || got.Parts[0].Text != "better words" || !got.EditedAt.Equal(at) || len(got.Reactions) != 1 {
		t.Errorf("edited: %+v", got)
	}
	h.take(normalize.Accepted, h.entry("r", &normalize.Reaction{Target: "m", From: ann, Emoji: "+1", Removed: true, At: at}))
	h.take(normalize.Accepted, h.entry("d", &normalize.Delete{Target: "m", At: at.Add(time.Hour)}))
	h.take(normalize.Duplicate, h.entry("d2", &normalize.Delete{Target: "m", At: at.Add(time.Hour)}))
	got = h.message(m.ID)
	if got.Text != "" || len(got.Parts) != 0 || got.DeletedAt.IsZero() || len(got.Reactions) != 0 || got.RawAvailable {
		t.Errorf("a message that was taken back still says %+v", got)
	}
	if n := count(h.events(), normalize.MessageDeleted); n != 1 {
		t.Errorf("%d deletions", n)
	}
}
