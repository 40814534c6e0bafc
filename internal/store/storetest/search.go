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

// search: what was said is found by its words, whether the index was there
// first or not, and no longer when it was taken back or erased.
func search(t *testing.T, h *harness) {
	index := func() {
		t.Helper()
		for range 100 {
			n, err := h.db.Index(h.ctx())
			h.must(err)
			if n == 0 {
				return
			}
		}
		t.Fatal("the index is never done")
	}
	found := func(query string) (who []string) {
		t.Helper()
		list, err := h.db.Overview(h.ctx(), timeline.OverviewFilter{Query: query})
		h.must(err)
		for _, o := range list {
			who = append(who, strings.TrimSuffix(o.Address.Value, "@example.com"))
			if words := strings.Fields(strings.ToLower(query)); o.Match != 0 && !strings.Contains(strings.ToLower(o.Around), words[0]) {
				t.Errorf("%q was found in %q", query, o.Around)
			}
		}
		slices.Sort(who)
		return who
	}
	want := func(query, want string) {
		t.Helper()
		if have := strings.Join(found(query), " "); have != want {
			t.Errorf("%q: %q, want %q", query, have, want)
		}
	}
	var last *normalize.Message
	for i := range 250 { // more than a batch
		last = h.place(h.msg(fmt.Sprintf("c%d@example.com", i%5), fmt.Sprintf("Old talk about parcel number%d.", i)))
	}
	index()
	want("parcel", "c0 c1 c2 c3 c4")
	want("NUMBER249", "c4")
	want("number3", "c0 c1 c2 c3 c4")
	want("parcel nothing", "")
	want("c3@", "c3") // the address

	h.now = h.now.Add(time.Minute)
	ann := h.place(h.msg("ann@example.com", "Hello, "+strings.Repeat("x ", 300)+"the Kettle leaks. 我要退款，谢谢"))
	bob := h.place(h.msg("bob@example.com", "My kettles are fine; ETA?", func(m *normalize.Message) { m.Subject = "A praise" }))
	want("kettle", "")
	index()
	want("kettle", "ann bob")
	want("kettles", "bob")
	want("leaks kett", "ann")
	want("ettle", "") // words are found by their beginnings
	want("退款", "ann")
	want("款，谢", "ann")
	want("要", "ann")
	want("款退", "")
	want("eta?", "bob")
	want("praise", "bob")
	want("!!", "")
	h.reply(h.conversation(bob.ConversationID), "", "Splendid to hear")
	h.take(normalize.Accepted, h.entry("edit", &normalize.Edit{Target: bob.ExternalID, Text: "My teapots are fine", At: h.now}))
	index()
	want("splendid", "bob")
	want("teapot", "bob")
	want("kettle", "ann")
	h.take(normalize.Accepted, h.entry("delete", &normalize.Delete{Target: last.ExternalID, At: h.now}))
	want("number249", "")
	index()
	want("number249", "")
	_, err := h.db.Erase(h.ctx(), ann.Customer.ID, h.now)
	h.must(err)
	want("kettle", "")
	h.must(h.db.ForgetIndex(h.ctx())) // and all of it again
	index()
	want("kettle", "")
	want("teapot", "bob")
	want("number3", "c0 c1 c2 c3 c4")
}
