package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// labels: who has a conversation and its tags can be changed, found, and go
// with the customer.
func labels(t *testing.T, h *harness) {
	first, second := h.place(h.msg("ann@example.com", "hello")), h.place(h.msg("bob@example.com", "hello"))
	before := len(h.events())
	me, nobody := "Li@Example.com", ""
	label := func(l timeline.Labels) *normalize.Conversation {
		t.Helper()
		c, err := h.db.Label(h.ctx(), first.ConversationID, l, h.now)
		h.must(err)
		return c
	}
	found := func(f timeline.OverviewFilter) (who []string) {
		t.Helper()
		list, err := h.db.Overview(h.ctx(), f)
		h.must(err)
		for _, o := range list {
			who = append(who, o.Address.Value)
		}
		slices.Sort(who)
		return who
	}
	if c := label(timeline.Labels{Assignee: &me, Add: []string{" VIP ", "late  payer"}}); c.Assignee != "li@example.com" || !slices.Equal(c.Tags, []string{"late payer", "vip"}) {
		t.Errorf("labelled: %s %q", c.Assignee, c.Tags)
	}
	label(timeline.Labels{Assignee: &me, Add: []string{"vip"}}) // as it is
	if c := label(timeline.Labels{Remove: []string{"late payer", "none"}, Add: []string{"退款"}}); !slices.Equal(c.Tags, []string{"vip", "退款"}) {
		t.Errorf("tags %q", c.Tags)
	}
	if all := h.events()[before:]; !slices.Equal(all, []normalize.EventType{normalize.ConversationUpdated, normalize.ConversationUpdated}) {
		t.Errorf("events %v", all)
	}
	list, err := h.db.Events(h.ctx(), 0, 0)
	h.must(err)
	if c, ok := list[len(list)-1].Data.(*normalize.Conversation); !ok || c.ID != first.ConversationID || c.Assignee != "li@example.com" {
		t.Errorf("the event says %+v", list[len(list)-1].Data)
	}
	for _, c := range []struct {
		f    timeline.OverviewFilter
		want string
	}{
		{timeline.OverviewFilter{Assignee: "li@example.com"}, "ann@example.com"},
		{timeline.OverviewFilter{Nobodys: true}, "bob@example.com"},
		{timeline.OverviewFilter{Tag: "退款"}, "ann@example.com"},
		{timeline.OverviewFilter{Tag: "late payer"}, ""},
		{timeline.OverviewFilter{Assignee: "bob@example.com"}, ""},
	} {
		if who := found(c.f); strings.Join(who, " ") != c.want {
			t.Errorf("%+v: %q", c.f, who)
		}
	}
	tags, err := h.db.Tags(h.ctx(), 10)
	h.must(err)
	if !slices.Equal(tags, []string{"vip", "退款"}) {
		t.Errorf("tags in use: %q", tags)
	}
	var many []string
	for i := range timeline.MaxTags + 1 {
		many = append(many, fmt.Sprint("t", i))
	}
	for _, l := range []timeline.Labels{{Add: many}, {Tags: &many}, {Add: []string{"a,b"}}, {Add: []string{" "}}, {Add: []string{strings.Repeat("x", 41)}}} {
		if _, err := h.db.Label(h.ctx(), second.ConversationID, l, h.now); err == nil {
			t.Errorf("%+v is taken", l)
		}
	}
	_, err = h.db.Label(h.ctx(), normalize.NewID(h.now), timeline.Labels{Assignee: &nobody}, h.now)
	h.wantErr(err, timeline.ErrNotFound)
	_, err = h.db.Erase(h.ctx(), first.Customer.ID, h.now)
	h.must(err)
	if c := h.conversation(first.ConversationID); c.Assignee != "" || len(c.Tags) > 0 {
		t.Errorf("what is left of the erased customer: %s %q", c.Assignee, c.Tags)
	}
	_, err = h.db.Label(h.ctx(), first.ConversationID, timeline.Labels{Add: []string{"x"}}, h.now)
	h.wantErr(err, timeline.ErrErased)
}

// looks: each agent has their own unread conversations.
func looks(t *testing.T, h *harness) {
	const ann, bo = "ann@desk.example", "bo@desk.example"
	first, second := h.place(h.msg("c@example.com", "one")), h.place(h.msg("d@example.com", "two"))
	want := func(agent string, n timeline.Unread, unread ...normalize.ID) {
		t.Helper()
		have, err := h.db.Unread(h.ctx(), agent)
		h.must(err)
		if have != n {
			t.Errorf("%s: %+v, want %+v", agent, have, n)
		}
		for _, only := range []bool{false, true} {
			list, err := h.db.Overview(h.ctx(), timeline.OverviewFilter{Agent: agent, Unread: only})
			h.must(err)
			var ids []normalize.ID
			for _, o := range list {
				if o.Unread {
					ids = append(ids, o.ID)
				} else if only {
					t.Errorf("%s is among the unread ones", o.ID)
				}
			}
			slices.Sort(ids)
			if !slices.Equal(ids, unread) {
				t.Errorf("%s has not read %v, want %v", agent, ids, unread)
			}
		}
	}
	look := func(m *normalize.Message) {
		t.Helper()
		h.must(h.db.Look(h.ctx(), ann, m.ConversationID, m.ID))
	}
	want(ann, timeline.Unread{All: 2, Nobodys: 2}, first.ConversationID, second.ConversationID)
	look(first)
	want(ann, timeline.Unread{All: 1, Nobodys: 1}, second.ConversationID)
	want(bo, timeline.Unread{All: 2, Nobodys: 2}, first.ConversationID, second.ConversationID)
	h.now = h.now.Add(time.Minute)
	who := ann
	_, err := h.db.Label(h.ctx(), first.ConversationID, timeline.Labels{Assignee: &who}, h.now)
	h.must(err)
	h.reply(h.conversation(first.ConversationID), "", "an answer is nothing to read")
	want(ann, timeline.Unread{All: 1, Nobodys: 1}, second.ConversationID)
	again := h.place(h.msg("c@example.com", "three"))
	if again.ConversationID != first.ConversationID {
		t.Fatal("another conversation")
	}
	want(ann, timeline.Unread{All: 2, Mine: 1, Nobodys: 1}, first.ConversationID, second.ConversationID)
	look(again)
	look(first) // an old page
	look(second)
	want(ann, timeline.Unread{})
	h.must(h.db.Unlook(h.ctx(), ann, first.ConversationID))
	want(ann, timeline.Unread{All: 1, Mine: 1}, first.ConversationID)
	look(again)
	_, err = h.db.SetConversation(h.ctx(), second.ConversationID, normalize.Closed, h.now)
	h.must(err)
	want(bo, timeline.Unread{All: 1}, first.ConversationID)
}

func canned(t *testing.T, h *harness) {
	put := func(name, text string) {
		t.Helper()
		h.must(h.db.PutCanned(h.ctx(), timeline.Canned{Name: name, Text: text, ChangedBy: "ann@desk.example"}, h.now))
	}
	put("thanks", "Thank you")
	put("问候", "您好，{customer}！")
	put("thanks", "Thank you, {customer}.")
	list, err := h.db.Canned(h.ctx())
	h.must(err)
	if len(list) != 2 || list[0].Name != "thanks" || list[0].Text != "Thank you, {customer}." || list[0].ChangedBy != "ann@desk.example" || list[1].Name != "问候" {
		t.Errorf("%+v", list)
	}
	h.must(h.db.DropCanned(h.ctx(), "thanks"))
	h.must(h.db.DropCanned(h.ctx(), "thanks"))
	list, err = h.db.Canned(h.ctx())
	h.must(err)
	if len(list) != 1 {
		t.Errorf("%+v", list)
	}
}

// routingByLabels: rules ask for the language of the first message, and for
// the tags that the conversation has when it is decided.
func routingByLabels(t *testing.T, h *harness) {
	h.desks(nil)
	old := h.place(h.msg("ann@example.com", "Hello, when will my order arrive?"))
	_, err := h.db.Label(h.ctx(), old.ConversationID, timeline.Labels{Add: []string{"vip"}}, h.now)
	h.must(err)
	h.desks(map[string]string{"chinese": `language == "zh"`, "vips": `"vip" in tags`, "rest": "otherwise"})
	h.place(h.msg("ann@example.com", "你好，我的订单什么时候到？")) // not the first one
	chinese := h.place(h.msg("li@example.com", "你好，我的订单什么时候到？"))
	short := h.place(h.msg("bob@example.com", "ok"))
	_, err = h.db.Label(h.ctx(), short.ConversationID, timeline.Labels{Add: []string{"vip"}}, h.now)
	h.must(err)
	for m, want := range map[*normalize.Message]string{old: "vips", chinese: "chinese", short: "rest"} {
		for _, desk := range []string{"chinese", "vips", "rest"} {
			if got := len(h.forwarded(desk)[m.ConversationID]) > 0; got != (desk == want) {
				t.Errorf("%q goes to %s: %t", m.Text, desk, got)
			}
		}
	}
}
