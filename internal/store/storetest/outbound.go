package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

func replies(t *testing.T, h *harness) {
	in := h.place(h.msg("ann@example.com", "hi"))
	c := h.conversation(in.ConversationID)
	_, err := h.db.SetConversation(h.ctx(), c.ID, normalize.Closed, h.now)
	h.must(err)
	h.now = h.now.Add(time.Hour)
	m := h.reply(c, "out-1", "one", "two")
	if m.ConversationID != c.ID || len(m.Parts) != 2 || m.Parts[0].Status != normalize.StatusQueued || m.Author.Name != "Ann" {
		t.Errorf("reply %+v", m)
	}
	if got := h.conversation(c.ID); got.State != normalize.Open || !got.LastActivityAt.Equal(h.now) {
		t.Errorf("an answer did not reopen its conversation: %+v", got)
	}
	jobs, err := h.db.JobsOf(h.ctx(), m.ID)
	h.must(err)
	jobs = slices.DeleteFunc(jobs, func(j *outbox.Job) bool { return j.Lane != outbox.Deliver })
	if len(jobs) != 1 || len(jobs[0].Parts) != 2 || jobs[0].Account != "support" || !jobs[0].ExpiresAt.Equal(h.now.Add(24*time.Hour)) {
		t.Errorf("jobs %+v", jobs)
	}
	last, err := h.db.LastInbound(h.ctx(), c.ID)
	h.must(err)
	if last.ID != in.ID {
		t.Errorf("last inbound is %s, want %s", last.ID, in.ID)
	}
	note := h.answer(c, "", "between us")
	note.Message.Note, note.Jobs = true, nil
	n, _, err := h.db.Reply(h.ctx(), note)
	h.must(err)
	if !n.Note || n.Parts[0].Status != normalize.StatusAccepted {
		t.Errorf("note %+v", n)
	}
	// Writing to a customer first starts a conversation; their answer finds it.
	first := timeline.Reply{Now: h.now, Jobs: [][]int{{0}}, Message: &normalize.Message{
		Channel: c.Channel, ExternalID: "first",
		Address: normalize.Email("new@example.com", "New"), Thread: normalize.Thread{Separate: true}, Subject: "Offer",
		Parts: []normalize.Part{{Kind: normalize.PartText, Text: "hello"}},
	}}
	out, _, err := h.db.Reply(h.ctx(), first)
	h.must(err)
	back := h.place(h.msg("new@example.com", "thanks", func(m *normalize.Message) { m.Thread.ReplyTo = "first" }))
	if back.ConversationID != out.ConversationID || back.Customer.Name != "New" {
		t.Errorf("answer to the first message: %+v", back)
	}
	lost := h.answer(&normalize.Conversation{ID: 77, Channel: c.Channel, Address: c.Address}, "", "x")
	_, _, err = h.db.Reply(h.ctx(), lost)
	h.wantErr(err, timeline.ErrNotFound)
}

func idempotency(t *testing.T, h *harness) {
	c := h.conversation(h.place(h.msg("ann@example.com", "hi")).ConversationID)
	nodes := []timelineDB{h.db, h.open(t)}
	ids := make([]normalize.ID, 20)
	repeated := make([]bool, len(ids))
	var wg sync.WaitGroup
	for i := range ids {
		r := h.answer(c, "", "same")
		r.IdempotencyKey, r.RequestHash = "key", [32]byte{1}
		wg.Go(func() {
			m, again, err := nodes[i%2].Reply(h.ctx(), r)
			if err != nil {
				t.Errorf("reply: %v", err)
				return
			}
			ids[i], repeated[i] = m.ID, again
		})
	}
	wg.Wait()
	if slices.Min(ids) != slices.Max(ids) || count(repeated, false) != 1 {
		t.Errorf("one key made %v, %d of them new", ids, count(repeated, false))
	}
	r := h.answer(c, "", "other")
	r.IdempotencyKey, r.RequestHash = "key", [32]byte{2}
	_, _, err := h.db.Reply(h.ctx(), r)
	h.wantErr(err, timeline.ErrConflict)
}

func receipts(t *testing.T, h *harness) {
	c := h.conversation(h.place(h.msg("ann@example.com", "hi")).ConversationID)
	m := h.reply(c, "out", "text")
	report := func(r normalize.Receipt, want normalize.Outcome) timeline.Result {
		t.Helper()
		h.n++
		return h.take(want, h.entry(time.Duration(h.n).String(), normalize.Receipts{r}))[0]
	}
	if r := report(normalize.Receipt{ExternalID: "nobody's", Status: normalize.StatusRead}, normalize.Waiting); r.Reason != "unknown_message" {
		t.Errorf("reason %q", r.Reason)
	}
	report(normalize.Receipt{PartID: m.Parts[0].ID, Status: normalize.StatusAccepted}, normalize.Accepted)
	report(normalize.Receipt{ExternalID: "out", Status: normalize.StatusDelivered, At: h.now.Add(time.Second)}, normalize.Accepted)
	report(normalize.Receipt{ExternalID: "out", Status: normalize.StatusAccepted}, normalize.Accepted) // late
	if got := h.message(m.ID).Parts[0]; got.Status != normalize.StatusDelivered || !got.StatusAt.Equal(h.now.Add(time.Second)) {
		t.Errorf("part %+v", got)
	}
	list, err := h.db.ReceiptsOf(h.ctx(), m.ID)
	h.must(err)
	if len(list) != 3 {
		t.Errorf("%d receipts kept of 3", len(list))
	}
	failed := h.reply(c, "dead", "text")
	for range 2 {
		report(normalize.Receipt{ExternalID: "dead", Status: normalize.StatusFailed, Code: "5.1.1", Detail: "no such mailbox", Unreachable: true}, normalize.Accepted)
	}
	if got := h.message(failed.ID).Parts[0]; got.Status != normalize.StatusFailed || got.Error != "5.1.1: no such mailbox" {
		t.Errorf("part %+v", got)
	}
	events, err := h.db.Events(h.ctx(), 0, 0)
	h.must(err)
	var out []*normalize.OptOutEvent
	for _, e := range events {
		if o, ok := e.Data.(*normalize.OptOutEvent); ok {
			out = append(out, o)
		}
		if s, ok := e.Data.(*normalize.MessageEvent); ok && e.Type == normalize.MessageStatus && (s.Change == nil || s.Message == nil) {
			t.Errorf("a change of status without its message: %+v", s)
		}
	}
	if len(out) != 1 || out[0].Address.Value != "ann@example.com" || out[0].Customer == nil {
		t.Errorf("opt-outs %+v", out)
	}
	if n := count(h.events(), normalize.MessageStatus); n != 3 {
		t.Errorf("%d changes of status, want 3", n)
	}
	bob := h.place(h.msg("bob@example.com", "hi")).Address
	report(normalize.Receipt{ExternalID: "dead", Recipient: bob, Status: normalize.StatusFailed, Code: "5.1.1", Unreachable: true}, normalize.Accepted)
	if why, err := h.db.Unreachable(h.ctx(), bob); why != nil || err != nil {
		t.Errorf("a report on a message to somebody else cut off bob: %q %v", why, err)
	}
}

// receiptLattice: in whatever order and however often receipts come, the part
// ends at the largest of them.
func receiptLattice(t *testing.T, h *harness) {
	c := h.conversation(h.place(h.msg("ann@example.com", "hi")).ConversationID)
	all := []normalize.Status{normalize.StatusAccepted, normalize.StatusDelivered, normalize.StatusRead, normalize.StatusFailed}
	rapid.Check(t, func(rt *rapid.T) {
		list := rapid.SliceOfN(rapid.SampledFrom(all), 1, 6).Draw(rt, "receipts")
		m := h.reply(c, "", "text")
		want := normalize.StatusQueued
		var reports normalize.Receipts
		for _, s := range list {
			want = normalize.Advance(want, s)
			reports = append(reports, normalize.Receipt{PartID: m.Parts[0].ID, Status: s})
		}
		h.n++
		h.take(normalize.Accepted, h.entry(time.Duration(h.n).String(), reports))
		if got := h.message(m.ID).Parts[0].Status; got != want {
			rt.Fatalf("after %v the part is %s, want %s", list, got, want)
		}
	})
}

// answerProvesDelivery: a send of unknown fate that the customer answers has
// arrived.
func answerProvesDelivery(t *testing.T, h *harness) {
	c := h.conversation(h.place(h.msg("ann@example.com", "hi")).ConversationID)
	m := h.reply(c, "out", "text")
	jobs, err := h.db.Claim(h.ctx(), outbox.Deliver, "support", h.now, time.Minute, 10)
	h.must(err)
	if len(jobs) != 1 {
		t.Fatalf("claimed %+v", jobs)
	}
	_, err = h.db.Begin(h.ctx(), jobs[0].ID, jobs[0].Fence, h.now)
	h.must(err)
	h.must(h.db.Settle(h.ctx(), outbox.Settlement{
		Job: jobs[0].ID, Fence: jobs[0].Fence, Now: h.now, State: outbox.Uncertain,
		Attempt: true, Err: true, Detail: "connection lost after DATA", Status: normalize.StatusUncertain,
	}))
	if p := h.message(m.ID).Parts[0]; p.Status != normalize.StatusUncertain {
		t.Fatalf("part %+v", p)
	}
	h.place(h.msg("ann@example.com", "thanks", func(m *normalize.Message) { m.Thread.ReplyTo = "out" }))
	if p := h.message(m.ID).Parts[0]; p.Status != normalize.StatusDelivered || p.Error != "" {
		t.Errorf("part %+v", p)
	}
	job, err := h.db.Job(h.ctx(), jobs[0].ID)
	h.must(err)
	if job.State != outbox.Done {
		t.Errorf("job is %s", job.State)
	}
}
