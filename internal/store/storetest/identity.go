package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// texts returns what is on a customer's timeline, newest first.
func (h *harness) texts(customer normalize.ID) (list []string) {
	h.Helper()
	messages, err := h.db.Timeline(h.ctx(), customer, 0, 0)
	h.must(err)
	for _, m := range messages {
		list = append(list, m.Text)
	}
	return list
}

func (h *harness) merge(from, into normalize.ID) *identity.Merge {
	h.Helper()
	h.now = h.now.Add(time.Second)
	m, err := h.db.Merge(h.ctx(), identity.Merge{From: from, Into: into, Reason: "same person", Author: "ann", At: h.now})
	h.must(err)
	return m
}

func (h *harness) wantTexts(customer normalize.ID, want ...string) {
	h.Helper()
	if got := h.texts(customer); !slices.Equal(got, want) {
		h.Errorf("timeline %v, want %v", got, want)
	}
}

func merges(t *testing.T, h *harness) {
	a := h.place(h.msg("ann@example.com", "a1")).Customer.ID
	b := h.place(h.msg("ann@home.example", "b1")).Customer.ID
	m := h.merge(b, a)
	if m.From != b || m.Into != a || len(m.Moved) != 1 || m.Moved[0].Value != "ann@home.example" {
		t.Errorf("merge %+v", m)
	}
	h.wantTexts(a, "b1", "a1")
	h.wantTexts(b, "b1", "a1") // its old id still leads there
	c, err := h.db.Customer(h.ctx(), b)
	h.must(err)
	if c.ID != a || len(c.Addresses) != 2 {
		t.Errorf("customer %+v", c)
	}
	h.place(h.msg("ann@home.example", "b2"))
	h.wantTexts(a, "b2", "b1", "a1")
	_, err = h.db.Merge(h.ctx(), identity.Merge{From: b, Into: a, At: h.now})
	h.wantErr(err, timeline.ErrConflict)
	undone, err := h.db.Undo(h.ctx(), m.ID, "bob", h.now)
	h.must(err)
	if undone.UndoneBy != "bob" {
		t.Errorf("undone %+v", undone)
	}
	h.wantTexts(a, "a1")
	h.wantTexts(b, "b2", "b1") // what came in between goes with its address
	_, err = h.db.Undo(h.ctx(), m.ID, "bob", h.now)
	h.wantErr(err, timeline.ErrConflict)
	list, err := h.db.Merges(h.ctx(), a)
	h.must(err)
	if len(list) != 1 || list[0].UndoneAt.IsZero() {
		t.Errorf("merges %+v", list)
	}
	if e := h.events(); count(e, normalize.CustomerMerged) != 1 || count(e, normalize.CustomerUnmerged) != 1 {
		t.Errorf("events %v", e)
	}
}

// strangers: whatever a mail claims, nobody becomes somebody else by it.
func strangers(t *testing.T, h *harness) {
	forged := &normalize.Authentication{Verdict: normalize.Unauthenticated, By: "dmarc", Domain: "example.com"}
	genuine := &normalize.Authentication{Verdict: normalize.Authenticated, By: "dmarc", Domain: "evil.example"}
	in := h.place(h.msg("ann@example.com", "hi", func(m *normalize.Message) { m.Address.Name = "Ann" }))
	h.reply(h.conversation(in.ConversationID), "out-1", "your balance")
	// Under her name, in her thread, answers asked for at her address.
	mallory := h.place(h.msg("ann@evil.example", "let me in", func(m *normalize.Message) {
		m.Address.Name, m.Authentication = "Ann", genuine
		m.Thread.ReplyTo, m.Thread.To = "out-1", []normalize.Address{in.Address}
	}))
	if got := h.message(mallory.ID).Authentication; got == nil || *got != *genuine {
		t.Errorf("authentication %+v, want %+v", got, genuine)
	}
	again := h.place(h.msg("ann@example.com", "me again", func(m *normalize.Message) { m.Authentication = forged }))
	if got := h.message(again.ID).Authentication; got == nil || *got != *forged {
		t.Errorf("authentication %+v, want %+v", got, forged)
	}
	ann, err := h.db.Customer(h.ctx(), in.Customer.ID)
	h.must(err)
	if len(ann.Addresses) != 1 || ann.Addresses[0].Value != "ann@example.com" {
		t.Errorf("Ann has the addresses %v", ann.Addresses)
	}
	if e := h.events(); count(e, normalize.CustomerMerged) != 0 {
		t.Errorf("somebody was merged: %v", e)
	}
}

// mergeChains: undone in any order, everybody has their own again.
func mergeChains(t *testing.T, h *harness) {
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		name := func(s string) string { return s + string(rune('0'+order[0])) }
		a := h.place(h.msg(name("a")+"@example.com", "a")).Customer.ID
		b := h.place(h.msg(name("b")+"@example.com", "b")).Customer.ID
		c := h.place(h.msg(name("c")+"@example.com", "c")).Customer.ID
		two := []*identity.Merge{h.merge(a, b), h.merge(b, c)}
		h.wantTexts(a, "c", "b", "a")
		_, err := h.db.Undo(h.ctx(), two[order[0]].ID, "x", h.now)
		h.must(err)
		if order[0] == 0 {
			h.wantTexts(c, "c", "b", "a") // the later merge has moved it on
		} else {
			h.wantTexts(b, "b", "a")
		}
		_, err = h.db.Undo(h.ctx(), two[order[1]].ID, "x", h.now)
		h.must(err)
		h.wantTexts(a, "a")
		h.wantTexts(b, "b")
		h.wantTexts(c, "c")
	}
}

// mergedMeanwhile: what comes back to somebody who is part of another customer
// by now comes back to that one.
func mergedMeanwhile(t *testing.T, h *harness) {
	var ids []normalize.ID
	for _, who := range []string{"a", "b", "c", "d", "e"} {
		ids = append(ids, h.place(h.msg(who+"@example.com", who)).Customer.ID)
	}
	a, b, c, d, e := ids[0], ids[1], ids[2], ids[3], ids[4]
	first, second := h.merge(a, b), h.merge(b, c)
	undo := func(m *identity.Merge) {
		t.Helper()
		_, err := h.db.Undo(h.ctx(), m.ID, "x", h.now)
		h.must(err)
	}
	undo(first) // the second one has moved the address on
	third, fourth := h.merge(a, d), h.merge(d, e)
	undo(second)
	h.wantTexts(e, "e", "d", "a")
	h.wantTexts(b, "b")
	h.wantTexts(c, "c")
	undo(fourth)
	h.wantTexts(d, "d", "a")
	undo(third)
	h.wantTexts(a, "a")
	h.wantTexts(d, "d")
}

func erasure(t *testing.T, h *harness) {
	file := strings.Repeat("ab", 32)
	rawFile := sha256.Sum256([]byte("raw"))
	m := h.msg("ann@example.com", "my secret", func(m *normalize.Message) {
		m.Address.Name, m.Subject = "Ann Secret", "secret subject"
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartFile, Media: &normalize.Media{Name: "secret.pdf", SHA256: file, Size: 3}})
	})
	e := h.entry("raw", m)
	e.Input.Encoding, e.Input.Data = timeline.RawFile, nil
	r := h.take(normalize.Accepted, e)[0]
	placed := h.message(r.Message)
	ours := h.reply(h.conversation(placed.ConversationID), "out", "dear secret")
	stays := h.place(h.msg("bob@example.com", "bob's"))
	x, err := h.db.Export(h.ctx(), placed.Customer.ID)
	h.must(err)
	if len(x.Messages) != 2 || len(x.Conversations) != 1 || len(x.Links) != 1 || x.Customer.Name != "Ann Secret" {
		t.Errorf("export %+v", x)
	}

	digests, err := h.db.Erase(h.ctx(), placed.Customer.ID, h.now)
	h.must(err)
	want := []string{file, hex.EncodeToString(rawFile[:])}
	slices.Sort(want)
	if slices.Sort(digests); !slices.Equal(digests, want) {
		t.Errorf("files to remove: %v, want %v", digests, want)
	}
	for _, id := range []normalize.ID{placed.ID, ours.ID} {
		got := h.message(id)
		if got.Text+got.Subject+got.ExternalID+got.Address.Name != "" || len(got.Parts) != 0 || strings.Contains(got.Address.Value, "ann") || got.DeletedAt.IsZero() {
			t.Errorf("after the erasure: %+v", got)
		}
	}
	if n := count(h.events(), normalize.ConversationClosed); n != 1 {
		t.Errorf("the helpdesks hear of %d conversations that ended, want the one", n)
	}
	last, err := h.db.LastEvent(h.ctx())
	h.must(err)
	ended, err := h.db.Events(h.ctx(), last-1, 1)
	h.must(err)
	if told, err := json.Marshal(ended); err != nil || strings.Contains(string(told), "ann@") || strings.Contains(string(told), "secret") {
		t.Errorf("the event says who was erased: %s, %v", told, err)
	}
	if jobs, err := h.db.Claim(h.ctx(), outbox.Deliver, "support", h.now, time.Minute, 10); err != nil || len(jobs) != 0 {
		t.Errorf("an erased answer is still to be sent: %+v, %v", jobs, err)
	}
	_, _, err = h.db.LedgerRaw(h.ctx(), r.Ledger)
	h.wantErr(err, timeline.ErrGone)
	_, err = h.db.Media(h.ctx(), placed.Parts[1].Media.ID)
	h.wantErr(err, timeline.ErrNotFound)
	found, err := h.db.Customers(h.ctx(), "secret", 0, 0)
	h.must(err)
	if len(found) != 0 {
		t.Errorf("still found: %+v", found[0])
	}
	_, err = h.db.Erase(h.ctx(), placed.Customer.ID, h.now)
	h.wantErr(err, timeline.ErrErased)
	if h.message(stays.ID).Text != "bob's" {
		t.Error("somebody else's message was erased")
	}

	// The same input comes again, or is replayed: nothing comes back.
	again := h.msg("ann@example.com", "my secret", func(x *normalize.Message) { x.ExternalID = m.ExternalID })
	repeat := h.take(normalize.Duplicate, h.entry("raw", again))[0]
	_, _, err = h.db.LedgerRaw(h.ctx(), repeat.Ledger)
	h.wantErr(err, timeline.ErrGone)
	again.Parts = append(again.Parts, normalize.Part{Kind: normalize.PartFile, Media: &normalize.Media{Name: "secret.pdf", SHA256: file, Size: 3}})
	h.take(normalize.Duplicate, h.entry("other bytes of the same", again))
	if digests, err = h.db.Sweep(h.ctx(), store.Retention{}); err != nil || !slices.Contains(digests, file) {
		t.Errorf("the file that came along stays: %v, %v", digests, err)
	}
	replay := h.entry("raw", again)
	replay.Replay = r.Ledger
	h.take(normalize.Disregarded, replay)
	all, err := h.db.Customers(h.ctx(), "", 0, 0)
	h.must(err)
	if len(all) != 1 {
		t.Errorf("%d customers, want Bob alone", len(all))
	}
	_, _, err = h.db.Reply(h.ctx(), h.answer(h.conversation(placed.ConversationID), "", "hello?"))
	h.wantErr(err, timeline.ErrErased)
	// Whoever writes anew from there is somebody new, even with an old token.
	fresh := h.place(h.msg("ann@example.com", "new", func(m *normalize.Message) {
		m.Thread.Conversation, m.Thread.ReplyTo = placed.ConversationID, "out"
	}))
	if fresh.Customer.ID == placed.Customer.ID || fresh.ConversationID == placed.ConversationID {
		t.Errorf("an erased customer came back: %+v", fresh)
	}
	events, err := h.db.Events(h.ctx(), 0, 0)
	h.must(err)
	if len(events) == 0 {
		t.Error("the events cannot be read")
	}
}

// erasureOfWhatIsUnderWay: neither the end of a send that was on its way, nor
// what vendors report later, brings back whom it went to.
func erasureOfWhatIsUnderWay(t *testing.T, h *harness) {
	const secret = "ann.secret"
	in := h.place(h.msg(secret+"@example.com", "hi"))
	r := h.answer(h.conversation(in.ConversationID), "", "dear "+secret)
	r.Message.Thread.To = []normalize.Address{r.Message.Address}
	r.Message.Thread.Cc = []normalize.Address{normalize.Email("boss."+secret+"@example.com", "")}
	ours, _, err := h.db.Reply(h.ctx(), r)
	h.must(err)
	jobs, err := h.db.Claim(h.ctx(), outbox.Deliver, "support", h.now, time.Minute, 1)
	h.must(err)
	_, err = h.db.Begin(h.ctx(), jobs[0].ID, jobs[0].Fence, h.now)
	h.must(err)
	early := h.take(normalize.Waiting, h.entry("early report on "+secret, normalize.Receipts{{
		ExternalID: "V-" + secret, Recipient: r.Message.Thread.To[0], Status: normalize.StatusDelivered, At: h.now,
	}}))[0]
	_, err = h.db.Erase(h.ctx(), in.Customer.ID, h.now)
	h.must(err)

	h.must(h.db.Settle(h.ctx(), outbox.Settlement{
		Job: jobs[0].ID, Fence: jobs[0].Fence, Now: h.now, State: outbox.Done, Attempt: true, Status: normalize.StatusAccepted,
		Detail: "queued for " + secret, ExternalID: "V-" + secret,
		Settled: []outbox.SettledRecipient{{Address: r.Message.Thread.To[0], Status: normalize.StatusAccepted}},
	}))
	late := normalize.Receipts{{
		ExternalID: "V-" + secret, Recipient: r.Message.Thread.Cc[0], Status: normalize.StatusFailed, Code: "5.1.1",
		Detail: "no mailbox " + secret, Unreachable: true, At: h.now,
	}}
	report := h.take(normalize.Accepted, h.entry("report on "+secret, late))[0]
	edit := h.take(normalize.Disregarded, h.entry("edit of "+secret, &normalize.Edit{Target: in.ExternalID, Text: "I am " + secret, At: h.now}))[0]
	// Our own message, as the vendor shows it, is known all the same.
	h.take(normalize.Echo, h.entry("echo", h.msg(secret+"@example.com", "dear "+secret, func(m *normalize.Message) {
		m.Direction, m.ExternalID = normalize.Outbound, "V-"+secret
	})))

	var kept []any
	keep := func(v any, err error) { h.must(err); kept = append(kept, v) }
	keep(h.db.Message(h.ctx(), ours.ID))
	keep(h.db.JobsOf(h.ctx(), ours.ID))
	keep(h.db.Attempts(h.ctx(), jobs[0].ID))
	keep(h.db.ReceiptsOf(h.ctx(), ours.ID))
	keep(h.db.SentParts(h.ctx(), ours.ID))
	keep(h.db.Events(h.ctx(), 0, 0))
	keep(h.db.Customers(h.ctx(), "", 0, 0))
	for _, l := range []normalize.ID{early.Ledger, report.Ledger, edit.Ledger} {
		keep(h.db.LedgerEntry(h.ctx(), l))
		_, _, err := h.db.LedgerRaw(h.ctx(), l)
		h.wantErr(err, timeline.ErrGone)
	}
	b, err := json.Marshal(kept)
	h.must(err)
	if i := strings.Index(string(b), secret); i >= 0 {
		t.Errorf("it came back: ...%s...", b[max(0, i-300):min(len(b), i+100)])
	}
	if m := h.message(ours.ID); m.Direction != normalize.Outbound || len(m.Parts) != 0 {
		t.Errorf("%+v", m)
	}

	// What did not get through is not tried again.
	in = h.place(h.msg(secret+"@example.com", "hi again"))
	h.reply(h.conversation(in.ConversationID), "", "dear "+secret)
	jobs, err = h.db.Claim(h.ctx(), outbox.Deliver, "support", h.now, time.Minute, 1)
	h.must(err)
	_, err = h.db.Begin(h.ctx(), jobs[0].ID, jobs[0].Fence, h.now)
	h.must(err)
	_, err = h.db.Erase(h.ctx(), in.Customer.ID, h.now)
	h.must(err)
	h.must(h.db.Settle(h.ctx(), outbox.DeliverPolicy.Settle(jobs[0], true, failure(connectors.Ambiguous), h.now)))
	if j, err := h.db.Job(h.ctx(), jobs[0].ID); err != nil || j.State != outbox.Cancelled {
		t.Errorf("what is left of it: %+v, %v", j, err)
	}
	h.now = h.now.Add(time.Hour)
	if left, err := h.db.Claim(h.ctx(), outbox.Deliver, "support", h.now, time.Minute, 10); err != nil || len(left) != 0 {
		t.Errorf("still to be done: %+v, %v", left, err)
	}
}

// erasureRace: what is edited on another node in the same moment stays erased.
func erasureRace(t *testing.T, h *harness) {
	other := h.open(t)
	var written []*normalize.Message
	for range 100 {
		written = append(written, h.place(h.msg("ann@example.com", "first")))
	}
	var edits []timeline.Ingest
	for _, m := range written {
		edits = append(edits, h.batch(h.entry("edit "+m.ExternalID, &normalize.Edit{Target: m.ExternalID, Text: "second", At: h.now.Add(time.Second)})))
	}
	var all sync.WaitGroup
	for part := range slices.Chunk(edits, 25) {
		all.Go(func() {
			for _, in := range part {
				if _, err := timeline.Commit(h.ctx(), other, in); err != nil {
					t.Error(err)
				}
			}
		})
	}
	_, err := h.db.Erase(h.ctx(), written[0].Customer.ID, h.now)
	h.must(err)
	all.Wait()
	for _, m := range written {
		if got := h.message(m.ID); got.Text != "" || got.DeletedAt.IsZero() {
			t.Fatalf("it came back: %+v", got)
		}
	}
}

// erasureOfMerges: why two customers were one is forgotten with them.
func erasureOfMerges(t *testing.T, h *harness) {
	from, into := h.place(h.msg("ann@example.com", "a")).Customer.ID, h.place(h.msg("ann@work.example.com", "b")).Customer.ID
	m, err := h.db.Merge(h.ctx(), identity.Merge{From: from, Into: into, Reason: "her secret", Evidence: "by hand", Author: "x", At: h.now})
	h.must(err)
	_, err = h.db.Erase(h.ctx(), into, h.now)
	h.must(err)
	events, err := h.db.Events(h.ctx(), 0, 0)
	h.must(err)
	for _, e := range events {
		if d, ok := e.Data.(*normalize.MergeEvent); ok && (d.Reason != "" || d.MergeID != m.ID || d.From != from || d.Into != into) {
			t.Errorf("event %+v", d)
		}
	}
}
