package storetest

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// overview: who wrote last comes first, with their last words, page by page.
func overview(t *testing.T, h *harness) {
	names := []string{"ann@example.com", "bob@example.com", "cleo@example.com"}
	var first *normalize.Message
	for i, n := range names {
		h.now = h.now.Add(time.Minute)
		m := h.place(h.msg(n, "hello of "+n, func(m *normalize.Message) { m.Subject = "100%_Kettle " + n[:1] }))
		if i == 0 {
			first = m
		}
	}
	c := h.conversation(first.ConversationID)
	h.now = h.now.Add(time.Minute)
	h.reply(c, "", "an answer")
	h.now = h.now.Add(time.Minute)
	note := h.answer(c, "", "a note")
	note.Message.Note, note.Jobs = true, nil
	_, _, err := h.db.Reply(h.ctx(), note)
	h.must(err)

	look := func(f timeline.OverviewFilter) (seen []string) {
		t.Helper()
		for range 10 {
			page, err := h.db.Overview(h.ctx(), f)
			h.must(err)
			for _, o := range page {
				seen = append(seen, o.Address.Value+": "+o.Last.Text)
				f.ActiveAt, f.ID = o.LastActivityAt, o.ID
			}
			if len(page) < f.Limit {
				break
			}
		}
		return seen
	}
	want := func(f timeline.OverviewFilter, want ...string) {
		t.Helper()
		for _, f.Limit = range []int{1, 2, 50} {
			if have := look(f); strings.Join(have, "|") != strings.Join(want, "|") {
				t.Errorf("%+v: %q, want %q", f, have, want)
			}
		}
	}
	all := []string{"ann@example.com: an answer", "cleo@example.com: hello of cleo@example.com", "bob@example.com: hello of bob@example.com"}
	want(timeline.OverviewFilter{}, all...)
	want(timeline.OverviewFilter{Channel: "support"}, all...)
	want(timeline.OverviewFilter{Channel: "nowhere"})
	want(timeline.OverviewFilter{Query: "CLEO@"}, all[1])
	want(timeline.OverviewFilter{Query: "0%_kettle b"}, all[2])
	want(timeline.OverviewFilter{Query: "0_%"})
	want(timeline.OverviewFilter{State: normalize.Closed})
	_, err = h.db.SetConversation(h.ctx(), c.ID, normalize.Closed, h.now)
	h.must(err)
	want(timeline.OverviewFilter{State: normalize.Closed}, all[0])
	want(timeline.OverviewFilter{}, all[1:]...)
	want(timeline.OverviewFilter{AnyState: true}, all...)
	want(timeline.OverviewFilter{AnyState: true, Query: "ann@"}, all[0])
}

// sessions end when they are over, and when they are ended.
func sessions(t *testing.T, h *harness) {
	one, two := sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))
	h.must(h.db.StartSession(h.ctx(), one, "ann@example.com", "mark", h.now, h.now.Add(time.Hour)))
	user, mark, started, expires, err := h.db.Session(h.ctx(), one, h.now)
	h.must(err)
	if user != "ann@example.com" || mark != "mark" || !started.Equal(h.now) || !expires.Equal(h.now.Add(time.Hour)) {
		t.Errorf("session of %s, %s, from %s to %s", user, mark, started, expires)
	}
	marks, err := h.db.SessionUsers(h.ctx(), h.now)
	h.must(err)
	if len(marks) != 1 || marks["ann@example.com"] != "mark" {
		t.Errorf("logged in: %v", marks)
	}
	gone := func(hash [32]byte, at time.Time) {
		t.Helper()
		_, _, _, _, err := h.db.Session(h.ctx(), hash, at)
		h.wantErr(err, timeline.ErrNotFound)
	}
	gone(two, h.now)
	gone(one, h.now.Add(time.Hour))
	h.must(h.db.ExtendSession(h.ctx(), one, h.now.Add(2*time.Hour)))
	_, _, _, _, err = h.db.Session(h.ctx(), one, h.now.Add(time.Hour))
	h.must(err)
	h.must(h.db.StartSession(h.ctx(), two, "bob@example.com", "mark", h.now.Add(3*time.Hour), h.now.Add(4*time.Hour)))
	gone(one, h.now) // swept
	h.must(h.db.EndSession(h.ctx(), two))
	gone(two, h.now)
	h.must(h.db.EndSession(h.ctx(), two))
}
