package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// desks registers the usual channels with helpdesks by name and rule.
func (h *harness) desks(rules map[string]string) {
	h.Helper()
	rows := []store.AccountRow{{Name: "support", Role: store.RoleChannel, Type: "email"}, {Name: "sms", Role: store.RoleChannel, Type: "twilio"}}
	for name, rule := range rules {
		rows = append(rows, store.AccountRow{Name: name, Role: store.RoleHelpdesk, Type: "webhook", Wants: normalize.EventTypes, Route: rule})
	}
	h.must(h.db.RegisterAccounts(h.ctx(), rows))
}

// forwarded returns what a helpdesk is to be told of, in the order in which it will
// be: for each conversation the types of its events.
func (h *harness) forwarded(desk string) map[normalize.ID][]normalize.EventType {
	h.Helper()
	jobs, err := h.db.Jobs(h.ctx(), outbox.Filter{Lane: outbox.Forward, Account: desk})
	h.must(err)
	told := map[normalize.ID][]normalize.EventType{}
	for _, j := range slices.Backward(jobs) {
		e, err := h.db.Event(h.ctx(), j.Event)
		h.must(err)
		told[e.Conversation] = append(told[e.Conversation], e.Type)
	}
	return told
}

// routing: a conversation goes where the rules say by its first message, and
// stays there whatever is said later and whatever the rules become.
func routing(t *testing.T, h *harness) {
	h.desks(map[string]string{
		"sales": `text contains "buy"`, "bills": `subject contains "invoice"`, "rest": "otherwise", "bad": `["x"][len(text)] == "y"`,
	})
	thread := func(key string) func(m *normalize.Message) {
		return func(m *normalize.Message) { m.Thread.Key, m.Subject = key, key }
	}
	buy := h.place(h.msg("ann@example.com", "I want to buy", thread("one")))
	both := h.place(h.msg("ann@example.com", "buy it", thread("invoice two")))
	other := h.place(h.msg("ann@example.com", "hello", thread("three")))
	goes := func(when string, m *normalize.Message, want ...string) {
		t.Helper()
		for _, desk := range []string{"sales", "bills", "rest", "bad"} {
			if got := len(h.forwarded(desk)[m.ConversationID]) > 0; got != slices.Contains(want, desk) {
				t.Errorf("%s: %q goes to %s: %t", when, m.Text, desk, got)
			}
		}
	}
	goes("at first", buy, "sales")
	goes("at first", both, "sales", "bills")
	goes("at first", other, "rest")
	if n := h.db.Routing(); n.Failures != 3 || n.Unrouted != 0 {
		t.Errorf("counted %+v", n)
	}

	// Later words, an answer, the end and other rules change nothing.
	h.place(h.msg("ann@example.com", "I want to buy that too", thread("three")))
	h.reply(h.conversation(other.ConversationID), "", "hi")
	h.desks(map[string]string{"sales": `text contains "hello"`, "bills": "", "rest": `text contains "buy"`, "bad": ""})
	_, err := h.db.SetConversation(h.ctx(), other.ConversationID, normalize.Closed, h.now)
	h.must(err)
	h.reply(h.conversation(buy.ConversationID), "", "which one?")
	goes("later", buy, "sales")
	goes("later", other, "rest")
	want := []normalize.EventType{normalize.ConversationOpened, normalize.MessageReceived, normalize.MessageReceived, normalize.MessageSent, normalize.ConversationClosed}
	if got := h.forwarded("rest")[other.ConversationID]; !slices.Equal(got, want) {
		t.Errorf("the rest was told %v", got)
	}
	list, err := h.db.RoutesOf(h.ctx(), other.ConversationID)
	h.must(err)
	why := map[string]string{}
	for _, r := range list {
		why[r.Helpdesk] = r.Why
	}
	for desk, says := range map[string]string{
		"sales": `its rule does not match: text contains "buy"`, "rest": "no other rule takes it", "bad": "its rule failed, which counts as no match",
	} {
		if !strings.HasPrefix(why[desk], says) {
			t.Errorf("%s: %q", desk, why[desk])
		}
	}

	// What belongs to no conversation goes to all.
	h.must(h.db.SetAccountState(h.ctx(), "support", "down", "login refused", h.now))
	for _, desk := range []string{"sales", "bills", "rest", "bad"} {
		if got := h.forwarded(desk)[0]; !slices.Equal(got, []normalize.EventType{normalize.AccountState}) {
			t.Errorf("%s hears of accounts: %v", desk, got)
		}
	}
}

// routingOfOld: conversations from before a rule stay with a helpdesk that had
// them, and are judged by their first message for one that is new.
func routingOfOld(t *testing.T, h *harness) {
	first := h.place(h.msg("ann@example.com", "buy"))
	h.place(h.msg("ann@example.com", "hello"))
	h.desks(map[string]string{"desk": `text contains "nothing"`, "new": `text contains "buy"`})
	h.place(h.msg("ann@example.com", "and now?"))
	if got := h.forwarded("desk")[first.ConversationID]; len(got) != 4 {
		t.Errorf("the old one is told %v", got)
	}
	if got := h.forwarded("new")[first.ConversationID]; !slices.Equal(got, []normalize.EventType{normalize.MessageReceived}) {
		t.Errorf("the new one is told %v", got)
	}

	// What nobody takes is counted, and is in the timeline all the same.
	lost := h.place(h.msg("bob@example.com", "hello"))
	if h.db.Routing().Unrouted != 1 || h.message(lost.ID).Text != "hello" {
		t.Errorf("%+v", h.db.Routing())
	}
	h.now = h.now.Add(time.Minute)
	h.place(h.msg("bob@example.com", "hello?"))
	if h.db.Routing().Unrouted != 1 {
		t.Error("a conversation was decided twice")
	}
	// Another node decides alike, and sees what was decided here.
	h.db = h.open(t)
	h.place(h.msg("bob@example.com", "buy", func(m *normalize.Message) { m.ExternalID = "late" }))
	if got := h.forwarded("new")[lost.ConversationID]; len(got) != 0 {
		t.Errorf("the new one is told %v", got)
	}
}
