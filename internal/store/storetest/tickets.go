package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
	"github.com/deskbridge/deskbridge/outbox/ticket"
)

// reads claims the jobs that read tickets, and the events before them.
func (h *harness) reads() (list []*outbox.Job) {
	h.Helper()
	for {
		jobs, err := h.db.Claim(h.ctx(), outbox.Forward, "desk", h.now, time.Minute, 10)
		h.must(err)
		if len(jobs) == 0 {
			return list
		}
		for _, j := range jobs {
			_, err := h.db.Begin(h.ctx(), j.ID, j.Fence, h.now)
			h.must(err)
			h.must(h.db.Settle(h.ctx(), outbox.Settlement{Job: j.ID, Fence: j.Fence, Now: h.now, State: outbox.Done, Attempt: true}))
			if j.Task == outbox.TaskRead {
				list = append(list, j)
			}
		}
	}
}

func tickets(t *testing.T, h *harness) {
	ann, bob := h.place(h.msg("ann@example.com", "one")), h.place(h.msg("bob@example.com", "two"))
	if k, err := h.db.TicketOf(h.ctx(), "desk", ann.ConversationID); k != nil || err != nil {
		t.Fatalf("a ticket out of nothing: %+v, %v", k, err)
	}
	line := ticket.Line{Entry: "e1", Tag: ticket.Tag(ann.ID), Conversation: ann.ConversationID, Message: ann.ID, Outcome: ticket.Ours, At: h.now}
	h.must(h.db.KeepTicket(h.ctx(), "desk", &ticket.Ticket{Conversation: ann.ConversationID, Ticket: "T1", URL: "https://desk/T1", State: normalize.Open}, line))
	h.must(h.db.KeepTicket(h.ctx(), "desk", &ticket.Ticket{Conversation: bob.ConversationID, Ticket: "T2", State: normalize.Open, Position: "7", Seen: bob.ID}))
	again := line
	again.Outcome, again.Entry = ticket.Sent, "e1"
	h.must(h.db.KeepTicket(h.ctx(), "desk", nil, again, ticket.Line{Entry: "e2", Message: bob.ID, Conversation: bob.ConversationID, Outcome: ticket.Sent, At: h.now}))
	if l, err := h.db.LineTagged(h.ctx(), "desk", ticket.Tag(ann.ID)); err != nil || l == nil || *l != line {
		t.Errorf("what was written under the tag: %+v, %v", l, err)
	}
	if l, err := h.db.LineOf(h.ctx(), "desk", bob.ID); err != nil || l == nil || l.Entry != "e2" {
		t.Errorf("the entry of an answer: %+v, %v", l, err)
	}
	if l, err := h.db.LineOf(h.ctx(), "desk", ann.ID); err != nil || l != nil {
		t.Errorf("what we wrote came from an agent: %+v, %v", l, err)
	}
	if l, err := h.db.Line(h.ctx(), "other", "e1"); err != nil || l != nil {
		t.Errorf("another helpdesk's entry: %+v, %v", l, err)
	}

	h.now = h.now.Add(time.Minute)
	h.place(h.msg("bob@example.com", "three", func(m *normalize.Message) { m.Thread.Conversation = bob.ConversationID }))
	h.must(h.db.MoveTickets(h.ctx(), "desk", "T1", "T2"))
	shared, err := h.db.TicketsNamed(h.ctx(), "desk", "T2")
	h.must(err)
	if len(shared) != 2 || shared[0].Conversation != bob.ConversationID || shared[1].Conversation != ann.ConversationID || shared[1].Position != "" {
		t.Errorf("the conversations of a merged ticket: %+v", shared)
	}

	h.reads()
	for range 3 { // one job, however often the helpdesk calls
		h.must(h.db.TouchTickets(h.ctx(), ticket.Touch{Account: "desk", Tickets: []string{"T2", "T2", "T99", "\x00"}, Now: h.now}))
	}
	if jobs := h.reads(); len(jobs) != 1 || jobs[0].Conversation != bob.ConversationID || jobs[0].Lane != outbox.Forward {
		t.Errorf("jobs that read: %+v", jobs)
	}
	h.must(h.db.TouchTickets(h.ctx(), ticket.Touch{Account: "desk", Tickets: []string{"T2"}, Now: h.now}))
	if jobs := h.reads(); len(jobs) != 1 {
		t.Errorf("after one was read, a change brings %d jobs", len(jobs))
	}

	traces, err := h.db.TicketsOf(h.ctx(), ann.ConversationID, ann.ID)
	h.must(err)
	if want := []store.TicketTrace{{Helpdesk: "desk", Ticket: "T2", State: normalize.Open, Entry: "e1", Outcome: ticket.Ours}}; !slices.Equal(traces, want) {
		t.Errorf("where a message is: %+v, want %+v", traces, want)
	}
}

// touching: who has lost the account's lease moves no cursor.
func touching(t *testing.T, h *harness) {
	fence, ok, err := h.db.Acquire(h.ctx(), "account/desk", "one", h.now, time.Minute)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	touch := ticket.Touch{Account: "desk", Cursor: &normalize.Cursor{Key: "changed", Value: "5"}, Fence: fence, Now: h.now}
	h.must(h.db.TouchTickets(h.ctx(), touch))
	h.now = h.now.Add(2 * time.Minute)
	if _, ok, err := h.db.Acquire(h.ctx(), "account/desk", "two", h.now, time.Minute); err != nil || !ok {
		t.Fatal(ok, err)
	}
	touch.Cursor.Value = "6"
	h.wantErr(h.db.TouchTickets(h.ctx(), touch), timeline.ErrFenced)
	if c, err := h.db.Cursor(h.ctx(), "desk", "changed"); err != nil || c != "5" {
		t.Errorf("cursor %q, %v", c, err)
	}
}
