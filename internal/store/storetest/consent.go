package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// optingOut: who does not want to be written to is not, until they want it.
func optingOut(t *testing.T, h *harness) {
	ann := normalize.Email("ann@example.com", "")
	says := func(text string, c normalize.Consent, at time.Time, f ...func(m *normalize.Message)) *normalize.Message {
		t.Helper()
		return h.place(h.msg(ann.Value, text, append(f, func(m *normalize.Message) { m.Consent, m.SentAt = c, at })...))
	}
	barred := func(when string, want bool) {
		t.Helper()
		why, err := h.db.Unreachable(h.ctx(), ann)
		h.must(err)
		if (why != nil) != want || want && (why.Reason != "opted_out" || !strings.Contains(why.Detail, ann.Value)) {
			t.Errorf("%s: %v", when, why)
		}
	}
	h.place(h.msg(ann.Value, "hi"))
	barred("at first", false)
	stop := says("STOP", normalize.OptedOut, h.now)
	barred("after STOP", true)
	says("STOP STOP", normalize.OptedOut, h.now.Add(time.Minute))
	says("what does it cost?", "", h.now.Add(2*time.Minute))
	barred("after a question", true)
	says("START", normalize.OptedIn, h.now.Add(-time.Hour))
	barred("after a START from before, that comes late", true)
	says("sent by us", normalize.OptedIn, h.now.Add(time.Hour), func(m *normalize.Message) { m.Direction = normalize.Outbound })
	barred("after words of our own", true)
	says("START", normalize.OptedIn, h.now.Add(3*time.Minute))
	barred("after START", false)
	says("STOP", normalize.OptedOut, h.now.Add(4*time.Minute))
	events, err := h.db.Events(h.ctx(), 0, 0)
	h.must(err)
	var out []*normalize.OptOutEvent
	for _, e := range events {
		if o, ok := e.Data.(*normalize.OptOutEvent); ok {
			out = append(out, o)
		}
	}
	if len(out) != 2 || !out[0].Address.Is(ann) || out[0].Customer == nil || out[0].Customer.ID != stop.Customer.ID {
		t.Errorf("told %+v", out)
	}
	_, err = h.db.Erase(h.ctx(), stop.Customer.ID, h.now)
	h.must(err)
	barred("when she is somebody new", false)
}

// quietMessages tell of something and call nobody.
func quietMessages(t *testing.T, h *harness) {
	quiet := func() *normalize.Message {
		t.Helper()
		return h.place(h.msg("ann@example.com", "", func(m *normalize.Message) {
			m.Parts = []normalize.Part{{Kind: normalize.PartEvent, Event: "subscribed"}}
			m.Thread = normalize.Thread{Key: "chat", Quiet: true}
		}))
	}
	loud := func(from string) *normalize.Message {
		t.Helper()
		return h.place(h.msg(from, "hi", func(m *normalize.Message) { m.Thread.Key = "chat" }))
	}
	first := quiet()
	c := h.conversation(first.ConversationID)
	if c.State != normalize.Closed || !c.ClosedAt.Equal(h.now) {
		t.Errorf("a conversation of nothing to answer: %+v", c)
	}
	if quiet().ConversationID != c.ID {
		t.Error("the second one opened another conversation")
	}
	if n := count(h.events(), normalize.ConversationOpened) + count(h.events(), normalize.ConversationClosed); n != 0 {
		t.Errorf("%d events of it", n)
	}
	if m, err := h.db.LastInbound(h.ctx(), c.ID); err != nil || m.ID != first.ID {
		t.Errorf("what an answer would be to: %v, %v", m, err)
	}
	said := loud("ann@example.com")
	if said.ConversationID == c.ID {
		t.Error("what she says joined the closed conversation")
	}
	before := h.conversation(said.ConversationID)
	h.now = h.now.Add(time.Hour)
	if m := quiet(); m.ConversationID != said.ConversationID {
		t.Error("a quiet message did not join the open conversation")
	}
	after := h.conversation(said.ConversationID)
	if after.State != normalize.Open || !after.LastActivityAt.Equal(before.LastActivityAt) {
		t.Errorf("it was touched: %+v", after)
	}
	if m, err := h.db.LastInbound(h.ctx(), said.ConversationID); err != nil || m.ID != said.ID {
		t.Errorf("what an answer is to: %v, %v", m, err)
	}
	// She waits for an answer to what she said, not to what happened since.
	waits := func(want normalize.ID) {
		t.Helper()
		list, err := h.db.Overview(h.ctx(), timeline.OverviewFilter{Limit: 1})
		h.must(err)
		asked := normalize.ID(0)
		if list[0].Asked != nil {
			asked = list[0].Asked.ID
		}
		if list[0].ID != said.ConversationID || list[0].Last == nil || asked != want {
			t.Errorf("%s is not answered, want %s, in %+v", asked, want, list[0])
		}
	}
	waits(said.ID)
	h.reply(after, "", "hello")
	waits(0)
	quiet()
	waits(0)
	_, err := h.db.SetConversation(h.ctx(), said.ConversationID, normalize.Closed, h.now)
	h.must(err)
	answer := h.place(h.msg("ann@example.com", "", func(m *normalize.Message) {
		m.Thread = normalize.Thread{Key: "chat", Quiet: true, ReplyTo: said.ExternalID}
	}))
	if c := h.conversation(answer.ConversationID); c.ID != said.ConversationID || c.State != normalize.Closed {
		t.Errorf("it reopened %+v", c)
	}
	// An answer opens the conversation that was closed from the start.
	h.reply(c, "", "welcome")
	if now := h.conversation(c.ID); now.State != normalize.Open {
		t.Errorf("after an answer: %+v", now)
	}
}
