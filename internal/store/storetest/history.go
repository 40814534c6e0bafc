package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// delivery is one event as a helpdesk takes it.
type delivery struct {
	event normalize.ID
	typ   normalize.EventType
}

// deliver takes all that a helpdesk is to get, as the forward lane does, and
// returns it by conversation, in order.
func (h *harness) deliver(desk string) map[normalize.ID][]delivery {
	h.Helper()
	got := map[normalize.ID][]delivery{}
	now := time.Now().Add(365 * 24 * time.Hour) // everything is due
	policy := outbox.ForwardPolicy
	for {
		jobs, err := h.db.Claim(h.ctx(), outbox.Forward, desk, now, time.Minute, 100)
		h.must(err)
		if len(jobs) == 0 {
			return got
		}
		for _, j := range jobs {
			e, err := h.db.Event(h.ctx(), j.Event)
			h.must(err)
			got[e.Conversation] = append(got[e.Conversation], delivery{e.ID, e.Type})
			_, err = h.db.Begin(h.ctx(), j.ID, j.Fence, now)
			h.must(err)
			h.must(h.db.Settle(h.ctx(), policy.Settle(j, true, outbox.Result{}, now)))
		}
	}
}

// ofConversations leaves out what belongs to none.
func ofConversations(got map[normalize.ID][]delivery) map[normalize.ID][]delivery {
	delete(got, 0)
	return got
}

func (h *harness) sameStory(what string, got, want map[normalize.ID][]delivery) {
	h.Helper()
	if !maps.EqualFunc(ofConversations(got), ofConversations(want), slices.Equal) {
		h.Errorf("%s: got\n%v\nwant\n%v", what, got, want)
	}
}

func (h *harness) replay(desk string, f ...func(r *store.Replay)) store.Replayed {
	h.Helper()
	r := store.Replay{Helpdesk: desk, Since: time.Unix(0, 0), Expire: 10 * 365 * 24 * time.Hour, By: "test"}
	for _, f := range f {
		f(&r)
	}
	got, err := h.db.Replay(h.ctx(), r)
	h.must(err)
	return got
}

// talk makes three conversations of different fates.
func (h *harness) talk() (last *normalize.Message) {
	h.Helper()
	for i := range 3 {
		from := fmt.Sprintf("c%d@example.com", i)
		m := h.place(h.msg(from, "hello"))
		h.reply(h.conversation(m.ConversationID), "", "hi")
		if i > 0 {
			_, err := h.db.SetConversation(h.ctx(), m.ConversationID, normalize.Closed, h.now)
			h.must(err)
		}
		if i > 1 {
			h.place(h.msg(from, "once more", func(n *normalize.Message) { n.Thread.ReplyTo = m.ExternalID }))
		}
		last = m
	}
	return last
}

// history: a helpdesk that comes later is given what the first one was, in the
// same order for each conversation, and what happens meanwhile behind that.
func history(t *testing.T, h *harness) {
	h.desks(map[string]string{"desk": "", "other": `text contains "nothing"`})
	last := h.talk()
	want := h.deliver("desk")
	h.desks(map[string]string{"desk": "", "new": ""})
	h.place(h.msg("c0@example.com", "and that?"))
	h.place(h.msg(last.Address.Value, "and this?", func(m *normalize.Message) { m.Thread.ReplyTo = last.ExternalID }))
	for id, more := range h.deliver("desk") {
		want[id] = append(want[id], more...)
	}

	dry := h.replay("new", func(r *store.Replay) { r.DryRun = true })
	if jobs := h.forwarded("new"); dry.Queued == 0 || len(jobs) != 2 {
		t.Errorf("a dry run said %+v and left %v", dry, jobs)
	}
	var seen int
	if got := h.replay("new", func(r *store.Replay) { r.Progress = func(store.Replayed) { seen++ } }); got.Queued != dry.Queued || got.Known < 2 || got.StillOff != "" || seen == 0 {
		t.Errorf("replayed %+v, a dry run said %+v; told %d times", got, dry, seen)
	}
	if got := h.replay("new"); got.Queued != 0 {
		t.Errorf("a second time %+v", got)
	}
	h.sameStory("the new one", h.deliver("new"), want)
	if got := h.replay("new"); got.Queued != 0 {
		t.Errorf("after the delivery %+v", got)
	}
	c, err := h.db.Compare(h.ctx(), "desk", "new", time.Unix(0, 0), time.Now().Add(10*365*24*time.Hour))
	h.must(err)
	if len(c.Only[0])+len(c.Only[1])+len(c.Differ) != 0 || len(c.Types) == 0 {
		t.Errorf("compared %+v", c)
	}

	// A helpdesk with a rule is given what its rule takes.
	h.desks(map[string]string{"desk": "", "new": "", "few": `address.value startsWith "c1@"`})
	if got := h.replay("few"); got.Queued == 0 || got.NotTold == 0 {
		t.Errorf("by a rule %+v", got)
	}
	few := h.deliver("few")
	maps.DeleteFunc(want, func(id normalize.ID, _ []delivery) bool {
		return id == 0 || h.conversation(id).Address.Value != "c1@example.com"
	})
	h.sameStory("by a rule", few, want)
	c, err = h.db.Compare(h.ctx(), "new", "few", time.Unix(0, 0), time.Now().Add(10*365*24*time.Hour))
	h.must(err)
	if len(c.Only[0]) != 2 || len(c.Only[1]) != 0 {
		t.Errorf("compared %+v", c)
	}
	if _, err := h.db.Replay(h.ctx(), store.Replay{Helpdesk: "nobody"}); err == nil {
		t.Error("history for a helpdesk that is not there")
	}
}

// interruptedHistory: what was interrupted is held until it is complete, and
// then comes once and in order.
func interruptedHistory(t *testing.T, h *harness) {
	h.desks(map[string]string{"desk": ""})
	var entries []timeline.Entry
	for i := range 700 {
		m := h.msg(fmt.Sprintf("c%d@example.com", i%7), "hello")
		entries = append(entries, h.entry(m.ExternalID, m))
	}
	h.take(normalize.Accepted, entries...)
	want := h.deliver("desk")
	h.desks(map[string]string{"desk": "", "new": ""})
	ctx, stop := context.WithCancel(h.ctx())
	defer stop()
	_, err := h.db.Replay(ctx, store.Replay{Helpdesk: "new", Since: time.Unix(0, 0), Expire: 10 * 365 * 24 * time.Hour, Progress: func(r store.Replayed) {
		if r.Queued > 0 {
			stop()
		}
	}})
	h.wantErr(err, context.Canceled)
	h.place(h.msg("c3@example.com", "meanwhile"))
	for id, more := range h.deliver("desk") {
		want[id] = append(want[id], more...)
	}
	if got := h.deliver("new"); len(got) != 0 {
		t.Errorf("half of the history was delivered: %d", len(got))
	}
	got := h.replay("new")
	if got.Known < 500 || got.Queued == 0 {
		t.Errorf("went on with %+v", got)
	}
	h.sameStory("the new one", h.deliver("new"), want)

	// Who paused it for another reason decides when it goes on.
	h.must(h.db.Pause(h.ctx(), "new", "ann", "moving house", h.now))
	if got := h.replay("new"); got.StillOff != "moving house" {
		t.Errorf("replayed %+v", got)
	}
}

// forgottenHistory: where the events are no longer kept, the messages tell what
// happened, each time by the same ids.
func forgottenHistory(t *testing.T, h *harness) {
	h.desks(map[string]string{"desk": "", "new": ""})
	h.must(h.db.RegisterAccounts(h.ctx(), []store.AccountRow{
		{Name: "support", Role: store.RoleChannel, Type: "email"}, {Name: "desk", Role: store.RoleHelpdesk, Type: "webhook", Wants: normalize.EventTypes},
	}))
	h.talk()
	h.deliver("desk")
	_, err := h.db.Sweep(h.ctx(), store.Retention{Events: normalize.NewID(time.Now()).Time().Add(time.Hour)})
	h.must(err)
	if n := len(h.events()); n != 1 {
		t.Fatalf("%d events are left", n)
	}
	h.desks(map[string]string{"desk": "", "new": ""})
	got := h.replay("new")
	if got.Made == 0 {
		t.Errorf("replayed %+v", got)
	}
	counts, err := h.db.Counts(h.ctx())
	h.must(err)
	for _, c := range counts {
		if c.Account == "new" && time.Since(c.Oldest) > time.Hour {
			t.Errorf("history waits since %v", c.Oldest)
		}
	}
	again := h.replay("new")
	if again.Queued != 0 {
		t.Errorf("again %+v", again)
	}
	if got := h.replay("desk"); got.Queued != 0 {
		t.Errorf("who had it is told again: %+v", got)
	}
	told := h.deliver("new")
	// What was replayed is remembered as long as what was just forwarded.
	_, err = h.db.Sweep(h.ctx(), store.Retention{Jobs: time.Now().Add(-time.Hour)})
	h.must(err)
	if got := h.replay("new"); got.Queued != 0 {
		t.Errorf("after a sweep %+v", got)
	}
	fates := map[string]int{}
	for id, list := range told {
		var types []normalize.EventType
		for _, d := range list {
			types = append(types, d.typ)
		}
		if id != 0 {
			fates[fmt.Sprint(types)]++
		}
	}
	opened, in, out, closed := normalize.ConversationOpened, normalize.MessageReceived, normalize.MessageSent, normalize.ConversationClosed
	for _, want := range [][]normalize.EventType{{opened, in, out}, {opened, in, out, closed}, {opened, in, out, in}} {
		if fates[fmt.Sprint(want)] != 1 {
			t.Errorf("no conversation went %v: %v", want, fates)
		}
	}
}
