package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// oddText: a NUL or a broken letter is mended, alike on both engines.
func oddText(t *testing.T, h *harness) {
	const odd = "a\x00b\xffc"
	const want = "ab\uFFFDc"
	m := h.place(h.msg("odd@example.com", odd, func(m *normalize.Message) {
		m.Subject, m.HTML, m.Address.Name, m.Thread.ID = odd, odd, odd, odd
		m.ExternalID = odd
		m.Parts[0].Media = &normalize.Media{Name: odd, SHA256: strings.Repeat("0", 64)}
	}))
	for name, got := range map[string]string{
		"text": m.Text, "subject": m.Subject, "html": m.HTML, "name": m.Address.Name,
		"thread": m.Thread.ID, "external id": m.ExternalID, "part": m.Parts[0].Text, "file": m.Parts[0].Media.Name,
	} {
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	h.take(normalize.Duplicate, h.entry("other", h.msg("odd@example.com", odd, func(m *normalize.Message) { m.ExternalID = odd })))
	c := h.conversation(m.ConversationID)
	r := h.answer(c, odd+"2", odd)
	r.IdempotencyKey = odd
	if m, _, err := h.db.Reply(h.ctx(), r); err != nil || m.Text != want {
		t.Errorf("reply %v, %v", m, err)
	}
	list, err := h.db.Customers(h.ctx(), "A\x00B", 0, 10)
	h.must(err)
	if len(list) != 1 {
		t.Errorf("found %d", len(list))
	}
	// Whoever asks for what cannot be gets nothing, and no failure of ours.
	some, err := h.db.Conversations(h.ctx(), timeline.ConversationFilter{Channel: odd})
	h.must(err)
	views, err := h.db.Overview(h.ctx(), timeline.OverviewFilter{Channel: odd, Tag: odd, Assignee: odd, Query: odd})
	h.must(err)
	inputs, err := h.db.Ledger(h.ctx(), timeline.LedgerFilter{Account: odd})
	h.must(err)
	jobs, err := h.db.Jobs(h.ctx(), outbox.Filter{Account: odd})
	h.must(err)
	if n := len(some) + len(views) + len(inputs) + len(jobs); n != 0 {
		t.Errorf("found %d", n)
	}
}

func bigBody(t *testing.T, h *harness) {
	body := strings.Repeat("Привет, мир! ", 1<<20/23)
	m := h.place(h.msg("ann@example.com", body))
	if m.Text != body || m.FullText != body || m.Parts[0].Text != body {
		t.Errorf("a body of %d bytes came back with %d", len(body), len(m.Text))
	}
}

// clockGoesBack: the order is that of arrival, and nothing counts as idle.
func clockGoesBack(t *testing.T, h *harness) {
	a := h.place(h.msg("ann@example.com", "one"))
	h.now = h.now.Add(-240 * time.Hour)
	b := h.place(h.msg("ann@example.com", "two"))
	if b.ConversationID != a.ConversationID {
		t.Error("a clock that went back opened another conversation")
	}
	h.wantTexts(a.Customer.ID, "two", "one")
	if got := h.conversation(a.ConversationID).LastActivityAt; !got.Equal(start) {
		t.Errorf("last activity went back to %v", got)
	}
}

// reading: paging gives everything once, in order.
func reading(t *testing.T, h *harness) {
	var want []string
	for i := range 7 {
		from := []string{"ann@example.com", "ann@home.example"}[i%2]
		m := h.place(h.msg(from, string(rune('a'+i)), func(m *normalize.Message) { m.Thread.Separate = true }))
		want = append([]string{m.Text}, want...)
	}
	a, err := h.db.CustomerOf(h.ctx(), normalize.Email("ann@example.com", ""))
	h.must(err)
	b, err := h.db.CustomerOf(h.ctx(), normalize.Email("ann@home.example", ""))
	h.must(err)
	h.merge(b.ID, a.ID)
	var got []string
	var before normalize.ID
	for {
		page, err := h.db.Timeline(h.ctx(), a.ID, before, 3)
		h.must(err)
		for _, m := range page {
			got = append(got, m.Text)
			before = m.ID
		}
		if len(page) < 3 {
			break
		}
	}
	if strings.Join(got, "") != strings.Join(want, "") {
		t.Errorf("paged %v, want %v", got, want)
	}
	for query, n := range map[string]int{"ANN@": 1, "home": 1, "nobody": 0, "%": 0, "_": 0, "": 1} {
		list, err := h.db.Customers(h.ctx(), query, 0, 0)
		h.must(err)
		if len(list) != n {
			t.Errorf("query %q found %d, want %d", query, len(list), n)
		}
	}
}
