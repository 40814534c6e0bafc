package storetest

import (
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// colleagues: what our own people write in the vendor's app, without naming a
// customer, belongs to the conversation that it answers, or to nobody.
func colleagues(t *testing.T, h *harness) {
	asked := h.place(h.msg("ann@example.com", "hi"))
	_, err := h.db.SetConversation(h.ctx(), asked.ConversationID, normalize.Closed, h.now)
	h.must(err)
	h.now = h.now.Add(time.Minute)
	byUs := func(answers string) *normalize.Message {
		return h.msg("x@example.com", "I look into it", func(m *normalize.Message) {
			m.Direction, m.Address = normalize.Outbound, normalize.Address{}
			m.Author, m.Thread.ReplyTo = &normalize.Author{Name: "Bea"}, answers
		})
	}
	m := h.place(byUs(asked.ExternalID))
	if m.ConversationID != asked.ConversationID || m.Address.Value != "ann@example.com" || m.Direction != normalize.Outbound || m.Author.Name != "Bea" {
		t.Errorf("got %+v", m)
	}
	if c := h.conversation(asked.ConversationID); c.State != normalize.Open {
		t.Errorf("the conversation stays %s", c.State)
	}
	better := byUs(asked.ExternalID)
	better.Text, better.ExternalID = "read better", m.ExternalID
	again := h.entry("again", better)
	entry, err := h.db.LedgerOf(h.ctx(), m.ID)
	h.must(err)
	again.Replay = entry.ID
	h.take(normalize.Accepted, again)
	if m := h.message(m.ID); m.Text != "read better" || m.ConversationID != asked.ConversationID {
		t.Errorf("after a replay: %+v", m)
	}
	stray := byUs("unknown")
	r := h.take(normalize.Disregarded, h.entry(stray.ExternalID, stray))
	if r[0].Reason != "no_conversation" {
		t.Errorf("what answers nothing is %+v", r[0])
	}
	// In a thread that a colleague began, nobody's message leads anywhere: it is
	// the customer's who wrote there last, also after theirs was closed.
	within := func(m *normalize.Message) *normalize.Message {
		m.Thread = normalize.Thread{ID: "room:1", Key: "room:1", ReplyTo: "root", Shared: true}
		return m
	}
	early := within(byUs("root"))
	if r := h.take(normalize.Disregarded, h.entry(early.ExternalID, early)); r[0].Reason != "no_conversation" {
		t.Errorf("before any customer: %+v", r[0])
	}
	anns := h.place(within(h.msg("ann@example.com", "and my order?")))
	if m := h.place(within(byUs("root"))); m.ConversationID != anns.ConversationID || m.Address.Value != "ann@example.com" {
		t.Errorf("below Ann's question: %+v", m)
	}
	bobs, mine := within(h.msg("bob@example.com", "mine, too")), within(byUs("root"))
	h.take(normalize.Accepted, h.entry("bob", bobs), h.entry("mine", mine)) // within one batch
	asks, err := h.db.ByExternalID(h.ctx(), "support", bobs.ExternalID)
	h.must(err)
	answers, err := h.db.ByExternalID(h.ctx(), "support", mine.ExternalID)
	h.must(err)
	if asks.ConversationID == anns.ConversationID || answers.ConversationID != asks.ConversationID {
		t.Errorf("below Bob's: %s and %s, Ann's is %s", asks.ConversationID, answers.ConversationID, anns.ConversationID)
	}
	h.place(within(h.msg("ann@example.com", "still waiting")))
	_, err = h.db.SetConversation(h.ctx(), anns.ConversationID, normalize.Closed, h.now)
	h.must(err)
	if m := h.place(within(byUs("root"))); m.ConversationID != anns.ConversationID || h.conversation(m.ConversationID).State != normalize.Open {
		t.Errorf("after Ann wrote again: %+v", m)
	}
	elsewhere := byUs("root")
	elsewhere.Thread.Key = "room:1" // of one person's messages, whose key says nothing
	h.take(normalize.Disregarded, h.entry(elsewhere.ExternalID, elsewhere))
	anyone, err := h.db.Customers(h.ctx(), "", 0, 10)
	h.must(err)
	if len(anyone) != 2 {
		t.Errorf("%d customers, want Ann and Bob alone", len(anyone))
	}
}
