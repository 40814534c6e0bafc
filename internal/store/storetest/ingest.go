package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

func repeats(t *testing.T, h *harness) {
	m := h.msg("ann@example.com", "hello")
	first := h.take(normalize.Accepted, h.entry("k", m))[0]
	// Again, twice within one batch, and beside a new one.
	for _, r := range h.take(normalize.Duplicate, h.entry("k", m), h.entry("k", m)) {
		if r.Message != first.Message {
			t.Errorf("a repeat of %s is said to be %s", first.Message, r.Message)
		}
	}
	other := h.msg("ann@example.com", "second")
	results, err := timeline.Commit(h.ctx(), h.db, h.batch(h.entry("o", other), h.entry("o", other)))
	h.must(err)
	if results[0].Outcome != normalize.Accepted || results[1].Outcome != normalize.Duplicate || results[1].Message != results[0].Message {
		t.Errorf("within one batch: %+v", results)
	}
	// Another account's message of the same name is another message.
	in := h.batch(h.entry("k", h.msg("ann@example.com", "hello", func(x *normalize.Message) { x.ExternalID = m.ExternalID })))
	in.Account = "sms"
	if results, err = timeline.Commit(h.ctx(), h.db, in); err != nil || results[0].Outcome != normalize.Accepted {
		t.Errorf("other account: %+v, %v", results, err)
	}
	list, err := h.db.Ledger(h.ctx(), timeline.LedgerFilter{})
	h.must(err)
	if len(list) != 6 {
		t.Errorf("%d rows in the ledger for 6 inputs", len(list))
	}
	if n := count(h.events(), normalize.MessageReceived); n != 3 {
		t.Errorf("%d events for 3 messages", n)
	}
}

func reusedExternalID(t *testing.T, h *harness) {
	named := func(text string) *normalize.Message {
		return h.msg("ann@example.com", text, func(m *normalize.Message) { m.ExternalID, m.Fingerprint = "same", text })
	}
	a := h.place(named("one"))
	b := h.place(named("two"))
	if a.ID == b.ID || b.Text != "two" {
		t.Fatalf("two mails with one id became one: %v %v", a, b)
	}
	for want, m := range map[normalize.ID]*normalize.Message{a.ID: named("one"), b.ID: named("two")} {
		if r := h.take(normalize.Duplicate, h.entry(m.Fingerprint, m)); r[0].Message != want {
			t.Errorf("repeat of %s is said to be %s", want, r[0].Message)
		}
	}
}

func echoes(t *testing.T, h *harness) {
	c := h.conversation(h.place(h.msg("ann@example.com", "hi")).ConversationID)
	ours := h.reply(c, "ours-1", "answer")
	outbound := func(id string) *normalize.Message {
		return h.msg("ann@example.com", "answer", func(m *normalize.Message) {
			m.Direction, m.ExternalID, m.Fingerprint = normalize.Outbound, id, "whatever"
		})
	}
	if r := h.take(normalize.Echo, h.entry("e", outbound("ours-1"))); r[0].Message != ours.ID {
		t.Errorf("echo of %s is said to be of %s", ours.ID, r[0].Message)
	}
	foreign := h.place(outbound("written-in-the-app"))
	if foreign.Direction != normalize.Outbound || foreign.ConversationID != c.ID || foreign.Parts[0].Status != normalize.StatusAccepted {
		t.Errorf("written elsewhere: %+v", foreign)
	}
	h.take(normalize.Duplicate, h.entry("f", outbound("written-in-the-app")))
	// A stranger's mail that bears our id is not taken for ours.
	fake := h.place(h.msg("mallory@example.com", "other words", func(m *normalize.Message) { m.ExternalID, m.Fingerprint = "ours-1", "other" }))
	if fake.ID == ours.ID {
		t.Error("a stranger's mail was swallowed")
	}
}

func firstContact(t *testing.T, h *harness) {
	burst(t, h, []timelineDB{h.db})
}

func firstContactOnTwoNodes(t *testing.T, h *harness) {
	burst(t, h, []timelineDB{h.db, h.open(t), h.open(t)})
}

type timelineDB interface{ timeline.Store }

// burst sends fifty first messages of one customer at once, half of them
// repeats.
func burst(t *testing.T, h *harness, nodes []timelineDB) {
	var batches []timeline.Ingest
	for i := range 50 {
		m := h.msg("ann@example.com", "hello", func(m *normalize.Message) { m.ExternalID = fmt.Sprint("m", i/2) })
		batches = append(batches, h.batch(h.entry(fmt.Sprint("m", i/2), m)))
	}
	results := make([]timeline.Result, len(batches))
	var wg sync.WaitGroup
	for i, in := range batches {
		wg.Go(func() {
			r, err := timeline.Commit(h.ctx(), nodes[i%len(nodes)], in)
			if err != nil {
				t.Errorf("message %d: %v", i, err)
				return
			}
			results[i] = r[0]
		})
	}
	wg.Wait()
	customers, err := h.db.Customers(h.ctx(), "", 0, 0)
	h.must(err)
	conversations, err := h.db.Conversations(h.ctx(), timeline.ConversationFilter{})
	h.must(err)
	if len(customers) != 1 || len(conversations) != 1 {
		t.Fatalf("%d customers, %d conversations", len(customers), len(conversations))
	}
	list, err := h.db.Timeline(h.ctx(), customers[0].ID, 0, 0)
	h.must(err)
	accepted := 0
	for _, r := range results {
		if r.Outcome == normalize.Accepted {
			accepted++
		}
	}
	if len(list) != 25 || accepted != 25 {
		t.Errorf("%d messages, %d accepted, want 25", len(list), accepted)
	}
}

func threads(t *testing.T, h *harness) {
	mail := func(from string, f func(m *normalize.Message)) *normalize.Message {
		return h.msg(from, "text", func(m *normalize.Message) { m.Thread.Separate = true }, f)
	}
	a := h.place(mail("ann@example.com", func(m *normalize.Message) { m.ExternalID, m.Subject = "a", "Printer" }))
	if other := h.place(mail("ann@example.com", func(*normalize.Message) {})); other.ConversationID == a.ConversationID {
		t.Error("a mail that answers nothing joined a conversation")
	}
	c := h.conversation(a.ConversationID)
	if c.Subject != "Printer" || c.State != normalize.Open || c.Customer == nil || c.Customer.Addresses[0].Value != "ann@example.com" {
		t.Errorf("conversation %+v", c)
	}
	for name, f := range map[string]func(m *normalize.Message){
		"reply":      func(m *normalize.Message) { m.Thread.ReplyTo = "a" },
		"references": func(m *normalize.Message) { m.Thread.References = []string{"a", "lost"} },
		"token":      func(m *normalize.Message) { m.Thread.Conversation = a.ConversationID },
	} {
		if m := h.place(mail("ann@example.com", f)); m.ConversationID != a.ConversationID {
			t.Errorf("%s did not join the conversation", name)
		}
	}
	// A colleague who answers joins as an author of their own; the timeline
	// stays that of the first one.
	bob := h.place(mail("bob@example.com", func(m *normalize.Message) { m.Thread.ReplyTo = "a" }))
	if bob.ConversationID != a.ConversationID || bob.Address.Value != "bob@example.com" || bob.Customer.ID != a.Customer.ID {
		t.Errorf("colleague's answer: %+v", bob)
	}
	// The newest reference that we know wins, within one batch too.
	x := mail("cid@example.com", func(m *normalize.Message) { m.ExternalID = "x" })
	y := mail("cid@example.com", func(m *normalize.Message) { m.Thread.References = []string{"a", "x"} })
	r := h.take(normalize.Accepted, h.entry("x", x), h.entry("y", y))
	if h.message(r[1].Message).ConversationID != h.message(r[0].Message).ConversationID {
		t.Error("an answer in the same batch did not find what it answers")
	}
}

// guardedThreads: naming a message that strangers can know the id of leads into
// its conversation only for those who take part there.
func guardedThreads(t *testing.T, h *harness) {
	mail := func(from string, f func(m *normalize.Message)) *normalize.Message {
		return h.msg(from, "text", func(m *normalize.Message) { m.Thread.Separate, m.Thread.Guarded = true, true }, f)
	}
	ann := h.place(mail("ann@example.com", func(m *normalize.Message) {
		m.ExternalID, m.Thread.Cc = "a", []normalize.Address{normalize.Email("bob@example.com", "Bob")}
	}))
	h.place(mail("ann@example.com", func(m *normalize.Message) {
		m.ExternalID, m.Direction, m.Thread.ReplyTo = "ours", normalize.Outbound, "a"
	}))
	for _, tc := range []struct {
		from, names string
		joins       bool
	}{
		{"ann@example.com", "a", true}, {"bob@example.com", "a", true}, {"mallory@example.com", "a", false}, {"carl@example.com", "ours", true},
	} {
		m := h.place(mail(tc.from, func(m *normalize.Message) { m.Thread.ReplyTo, m.Thread.References = tc.names, []string{tc.names} }))
		if joined := m.ConversationID == ann.ConversationID; joined != tc.joins {
			t.Errorf("%s, who names %q, joins: %v", tc.from, tc.names, joined)
		}
	}
	// A separate message leaves its keys to later ones of the same address.
	first := h.place(mail("dora@example.com", func(m *normalize.Message) { m.Thread.Key, m.Thread.OtherKeys = "k", []string{"other"} }))
	for _, tc := range []struct {
		from, key string
		joins     bool
	}{{"dora@example.com", "k", true}, {"dora@example.com", "other", true}, {"dora@example.com", "none", false}, {"mallory@example.com", "k", false}} {
		m := h.place(mail(tc.from, func(m *normalize.Message) {
			m.Thread.Separate, m.Thread.Key, m.Thread.ReplyTo = false, tc.key, "unknown"
		}))
		if joined := m.ConversationID == first.ConversationID; joined != tc.joins {
			t.Errorf("%s with the key %q joins: %v", tc.from, tc.key, joined)
		}
	}
}

func reopening(t *testing.T, h *harness) {
	m := h.place(h.msg("ann@example.com", "one", func(m *normalize.Message) { m.ExternalID = "one" }))
	c, err := h.db.SetConversation(h.ctx(), m.ConversationID, normalize.Closed, h.now)
	h.must(err)
	if c.State != normalize.Closed || c.ClosedAt.IsZero() {
		t.Fatalf("closed: %+v", c)
	}
	_, err = h.db.SetConversation(h.ctx(), m.ConversationID, normalize.Closed, h.now)
	h.must(err)
	next := h.place(h.msg("ann@example.com", "two"))
	if next.ConversationID == m.ConversationID {
		t.Error("a closed conversation was continued by Thread.Key")
	}
	if r := h.place(h.msg("ann@example.com", "three", func(m *normalize.Message) { m.Thread.ReplyTo = "one" })); r.ConversationID != m.ConversationID {
		t.Error("an answer did not find its closed conversation")
	}
	if c := h.conversation(m.ConversationID); c.State != normalize.Open || !c.ClosedAt.IsZero() {
		t.Errorf("an answer did not reopen its conversation: %+v", c)
	}
	want := []normalize.EventType{
		normalize.ConversationOpened, normalize.MessageReceived, normalize.ConversationClosed,
		normalize.ConversationOpened, normalize.MessageReceived, normalize.ConversationOpened, normalize.MessageReceived,
	}
	if got := h.events(); !slices.Equal(got, want) {
		t.Errorf("events %v", got)
	}
	_, err = h.db.SetConversation(h.ctx(), 12345, normalize.Closed, h.now)
	h.wantErr(err, timeline.ErrNotFound)
}

func idle(t *testing.T, h *harness) {
	a := h.place(h.msg("ann@example.com", "one"))
	h.now = h.now.Add(47 * time.Hour)
	if b := h.place(h.msg("ann@example.com", "two")); b.ConversationID != a.ConversationID {
		t.Error("a conversation that is not idle was not continued")
	}
	h.now = h.now.Add(49 * time.Hour)
	c := h.place(h.msg("ann@example.com", "three"))
	if c.ConversationID == a.ConversationID || h.conversation(a.ConversationID).State != normalize.Closed {
		t.Error("an idle conversation was continued, or left open")
	}
	h.now = h.now.Add(100 * time.Hour)
	n, err := h.db.CloseIdle(h.ctx(), h.now.Add(-48*time.Hour), h.now, 10)
	h.must(err)
	if n != 1 || h.conversation(c.ConversationID).State != normalize.Closed {
		t.Errorf("CloseIdle closed %d", n)
	}
}

func leasedCursors(t *testing.T, h *harness) {
	fence, ok, err := h.db.Acquire(h.ctx(), "account/support", "node-a", h.now, time.Minute)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	in := h.batch(h.entry("k", h.msg("ann@example.com", "hi")))
	in.Fence, in.Cursors = fence, []normalize.Cursor{{Key: "INBOX", Value: "17"}}
	_, err = timeline.Commit(h.ctx(), h.db, in)
	h.must(err)
	if _, ok, err := h.db.Acquire(h.ctx(), "account/support", "node-b", h.now.Add(2*time.Minute), time.Minute); err != nil || !ok {
		t.Fatal(ok, err)
	}
	late := timeline.Ingest{Account: "support", Fence: fence, Now: h.now, Cursors: []normalize.Cursor{{Key: "INBOX", Value: "9"}}}
	_, err = timeline.Commit(h.ctx(), h.db, late)
	h.wantErr(err, timeline.ErrFenced)
	value, err := h.db.Cursor(h.ctx(), "support", "INBOX")
	h.must(err)
	if value != "17" {
		t.Errorf("a node that was replaced moved the cursor to %q", value)
	}
	late.Fence = 0
	_, err = timeline.Commit(h.ctx(), h.db, late) // a batch of cursors alone
	h.must(err)
	if value, err = h.db.Cursor(h.ctx(), "support", "INBOX"); err != nil || value != "9" {
		t.Errorf("cursor %q, %v", value, err)
	}
	_, err = timeline.Commit(h.ctx(), h.db, timeline.Ingest{Account: "nobody", Now: h.now})
	if err == nil {
		t.Error("an account that is not registered was taken")
	}
}
