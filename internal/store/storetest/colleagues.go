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
	anyone, err := h.db.Customers(h.ctx(), "", 0, 10)
	h.must(err)
	if len(anyone) != 1 {
		t.Errorf("%d customers, want Ann alone", len(anyone))
	}
}
