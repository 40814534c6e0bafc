package storetest

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

var (
	ann = normalize.Email("ann@example.com", "")
	bob = normalize.Email("bob@example.com", "")
	cid = normalize.Email("cid@example.com", "")
)

// toThree is an answer to ann, bob and cid.
func (h *harness) toThree(externalID string) *normalize.Message {
	h.Helper()
	r := h.answer(h.conversation(h.place(h.msg(ann.Value, "hi")).ConversationID), externalID, "text")
	r.Message.Thread.To, r.Message.Thread.Cc = []normalize.Address{ann}, []normalize.Address{bob, cid}
	m, _, err := h.db.Reply(h.ctx(), r)
	h.must(err)
	return m
}

// told returns the steps of a message that are events, as text.
func (h *harness) told(m normalize.ID) (list []string) {
	h.Helper()
	events, err := h.db.Events(h.ctx(), 0, 0)
	h.must(err)
	for _, e := range events {
		if d, ok := e.Data.(*normalize.MessageEvent); ok && e.Type == normalize.MessageStatus && d.ID == m {
			who := ""
			if d.Change.Recipient != nil {
				who = " " + d.Change.Recipient.Value
			}
			if d.Change.Final != nil {
				who += " at " + d.Change.Final.Value
			}
			list = append(list, string(d.Change.Status)+who)
		}
	}
	return list
}

// severalRecipients: one recipient's failure is shown on the part that the
// others have, and is an event of its own; only when nobody has it, it failed.
func severalRecipients(t *testing.T, h *harness) {
	m := h.toThree("out")
	for i, step := range []struct {
		who            normalize.Address
		status         normalize.Status
		code           string
		want           normalize.Status
		trouble, event string
	}{
		{ann, normalize.StatusDelivered, "", normalize.StatusDelivered, "", "[delivered ann@example.com delivered]"},
		{bob, normalize.StatusFailed, "5.2.2", normalize.StatusDelivered, "bob@example.com: 5.2.2: words", "[failed bob@example.com]"},
		{bob, normalize.StatusFailed, "5.2.2", normalize.StatusDelivered, "bob@example.com: 5.2.2: words", "[]"},
		{bob, normalize.StatusAccepted, "", normalize.StatusDelivered, "bob@example.com: 5.2.2: words", "[]"}, // late
		{cid, normalize.StatusFailed, "5.1.1", normalize.StatusDelivered, "bob@example.com: 5.2.2: words; cid@example.com: 5.1.1: words", "[failed cid@example.com]"},
		{ann, normalize.StatusRead, "", normalize.StatusRead, "bob@example.com: 5.2.2: words; cid@example.com: 5.1.1: words", "[read ann@example.com read]"},
		{bob, normalize.StatusDelivered, "", normalize.StatusRead, "cid@example.com: 5.1.1: words", "[delivered bob@example.com]"}, // it got through after all
	} {
		before := len(h.told(m.ID))
		r := normalize.Receipt{ExternalID: "out", Recipient: step.who, Status: step.status, Code: step.code}
		if step.status == normalize.StatusFailed {
			r.Detail = "words"
		}
		h.take(normalize.Accepted, h.entry(fmt.Sprint("report ", i), normalize.Receipts{r}))
		if p := h.message(m.ID).Parts[0]; p.Status != step.want || p.Error != step.trouble {
			t.Errorf("step %d: %s %q, want %s %q", i, p.Status, p.Error, step.want, step.trouble)
		}
		if got := fmt.Sprint(h.told(m.ID)[before:]); got != step.event {
			t.Errorf("step %d: told %s, want %s", i, got, step.event)
		}
	}
	lost := h.toThree("lost")
	for i, who := range []normalize.Address{ann, bob, cid} {
		h.take(normalize.Accepted, h.entry(fmt.Sprint("lost ", i), normalize.Receipts{{ExternalID: "lost", Recipient: who, Status: normalize.StatusFailed, Code: "5.0.0"}}))
	}
	if p := h.message(lost.ID).Parts[0]; p.Status != normalize.StatusFailed || p.Error != "ann@example.com: 5.0.0; bob@example.com: 5.0.0; cid@example.com: 5.0.0" {
		t.Errorf("nobody got it: %+v", p)
	}
}

// sentOn: of a mail that was sent on, the recipient is whom we wrote to, even
// where a gateway named another as the one that it was for.
func sentOn(t *testing.T, h *harness) {
	alias := normalize.Email("alias@elsewhere.test", "")
	one := h.answer(h.conversation(h.place(h.msg(ann.Value, "hi")).ConversationID), "one", "text")
	m, _, err := h.db.Reply(h.ctx(), one)
	h.must(err)
	three := h.toThree("three")
	for i, c := range []struct {
		id               string
		m                *normalize.Message
		recipient, final normalize.Address
		told, trouble    string
	}{
		{"three", three, bob, alias, "[failed bob@example.com at alias@elsewhere.test]", "bob@example.com: 5.1.1: sent on to alias@elsewhere.test: unknown"},
		{"three", three, alias, cid, "[failed cid@example.com]", "bob@example.com: 5.1.1: sent on to alias@elsewhere.test: unknown; cid@example.com: 5.1.1: unknown"},
		{"one", m, alias, ann, "[failed ann@example.com]", "ann@example.com: 5.1.1: unknown"},
	} {
		before := len(h.told(c.m.ID))
		h.take(normalize.Accepted, h.entry(fmt.Sprint("sent on ", i), normalize.Receipts{
			{ExternalID: c.id, Recipient: c.recipient, Final: c.final, Status: normalize.StatusFailed, Code: "5.1.1", Detail: "unknown", Unreachable: true},
		}))
		if got := fmt.Sprint(h.told(c.m.ID)[before:]); got != c.told {
			t.Errorf("report %d: told %s, want %s", i, got, c.told)
		}
		if p := h.message(c.m.ID).Parts[0]; p.Error != c.trouble {
			t.Errorf("report %d: %q, want %q", i, p.Error, c.trouble)
		}
	}
}

// recipientLattice: reports on several recipients may come in any order and
// often.
func recipientLattice(t *testing.T, h *harness) {
	statuses := []normalize.Status{normalize.StatusAccepted, normalize.StatusDelivered, normalize.StatusRead, normalize.StatusFailed}
	who := []normalize.Address{ann, bob, cid}
	rapid.Check(t, func(rt *rapid.T) {
		m := h.toThree("")
		want := normalize.StatusQueued
		fates := map[string]normalize.Status{}
		var reports normalize.Receipts
		for range rapid.IntRange(1, 9).Draw(rt, "reports") {
			r := normalize.Receipt{PartID: m.Parts[0].ID, Recipient: rapid.SampledFrom(who).Draw(rt, "who"), Status: rapid.SampledFrom(statuses).Draw(rt, "status")}
			reports = append(reports, r)
			fates[r.Recipient.Value] = normalize.Advance(fates[r.Recipient.Value], r.Status)
			if r.Status != normalize.StatusFailed {
				want = normalize.Advance(want, r.Status)
			}
		}
		failed := 0
		for _, s := range fates {
			if s == normalize.StatusFailed {
				failed++
			}
		}
		if failed == len(who) {
			want = normalize.StatusFailed
		}
		h.n++
		h.take(normalize.Accepted, h.entry(fmt.Sprint("lattice ", h.n), reports))
		if p := h.message(m.ID).Parts[0]; p.Status != want || (p.Error != "") != (failed > 0) {
			rt.Fatalf("after %+v: %s %q, want %s", reports, p.Status, p.Error, want)
		}
	})
}

// sent claims the only job of the account and settles it as accepted by all.
func (h *harness) sent(recipients ...normalize.Address) *outbox.Job {
	h.Helper()
	jobs, err := h.db.Claim(h.ctx(), outbox.Deliver, "support", h.now, time.Minute, 10)
	h.must(err)
	if len(jobs) != 1 {
		h.Fatalf("claimed %+v", jobs)
	}
	j := jobs[0]
	_, err = h.db.Begin(h.ctx(), j.ID, j.Fence, h.now)
	h.must(err)
	r := outbox.Result{Status: normalize.StatusAccepted}
	for _, a := range recipients {
		r.Settled = append(r.Settled, outbox.SettledRecipient{Address: a, Status: normalize.StatusAccepted})
	}
	h.must(h.db.Settle(h.ctx(), outbox.DeliverPolicy.Settle(j, true, r, h.now)))
	return j
}

// bouncesAreRetried: a person may send again what came back, and it goes to
// those alone who did not get it.
func bouncesAreRetried(t *testing.T, h *harness) {
	m := h.toThree("out")
	j := h.sent(ann, bob, cid)
	h.wantErr(h.db.Retry(h.ctx(), j.ID, h.now.Add(time.Hour), h.now), outbox.ErrState)
	h.take(normalize.Accepted, h.entry("bounce", normalize.Receipts{{ExternalID: "out", Recipient: bob, Status: normalize.StatusFailed, Code: "5.2.2"}}))
	if p := h.message(m.ID).Parts[0]; p.Status != normalize.StatusAccepted || p.Error != "bob@example.com: 5.2.2" {
		t.Errorf("part %+v", p)
	}
	h.must(h.db.Retry(h.ctx(), j.ID, h.now.Add(time.Hour), h.now))
	if p := h.message(m.ID).Parts[0]; p.Status != normalize.StatusAccepted || p.Error != "" {
		t.Errorf("while it is tried again: %+v", p)
	}
	again, err := h.db.Job(h.ctx(), j.ID)
	h.must(err)
	for _, s := range again.Settled {
		if s.Address.Is(bob) || s.Status != normalize.StatusAccepted {
			t.Errorf("settled before the retry: %+v", s)
		}
	}
	if len(again.Settled) != 2 {
		t.Errorf("%d are not asked again, want ann and cid", len(again.Settled))
	}
	before := len(h.told(m.ID))
	h.sent(bob)
	if got := fmt.Sprint(h.told(m.ID)[before:]); got != "[accepted bob@example.com]" {
		t.Errorf("told %s", got)
	}

	alone := h.reply(h.conversation(m.ConversationID), "alone", "text")
	j = h.sent()
	h.take(normalize.Accepted, h.entry("bounce 2", normalize.Receipts{{ExternalID: "alone", Recipient: ann, Status: normalize.StatusFailed, Code: "5.2.2"}}))
	if now, err := h.db.Job(h.ctx(), j.ID); err != nil || now.State != outbox.Failed || now.LastError != "ann@example.com: 5.2.2" {
		t.Errorf("the job of what came back: %+v %v", now, err)
	}
	h.must(h.db.Retry(h.ctx(), j.ID, h.now.Add(time.Hour), h.now))
	h.sent()
	if p := h.message(alone.ID).Parts[0]; p.Status != normalize.StatusAccepted || p.Error != "" {
		t.Errorf("after the retry: %+v", p)
	}
}

// delaysAreTold: why something takes its time is an event, once, though
// nothing moves.
func delaysAreTold(t *testing.T, h *harness) {
	h.place(h.msg(ann.Value, "hi"))
	m := h.reply(h.conversation(h.place(h.msg(ann.Value, "hi")).ConversationID), "out", "text")
	h.sent()
	before := len(h.told(m.ID))
	for i := range 3 {
		h.take(normalize.Accepted, h.entry(fmt.Sprint("delay ", i), normalize.Receipts{{ExternalID: "out", Recipient: ann, Status: normalize.StatusAccepted, Code: "4.2.1"}}))
	}
	if got := fmt.Sprint(h.told(m.ID)[before:]); got != "[accepted ann@example.com]" {
		t.Errorf("told %s", got)
	}
	if p := h.message(m.ID).Parts[0]; p.Status != normalize.StatusAccepted || p.Error != "" {
		t.Errorf("part %+v", p)
	}
}

// partlySent: what is given up names those of whom nothing is known, and what
// is uncertain for one is told though the others have it.
func partlySent(t *testing.T, b *Box) {
	job := b.Send("ann", "bob", "cid")
	r := failure(connectors.Transient)
	r.Settled = []outbox.SettledRecipient{{Address: ann, Status: normalize.StatusAccepted}}
	b.End(b.Started(b.Take("mail")), r)
	b.must(b.Cancel(t.Context(), job.ID, b.Now))
	m, err := b.Message(t.Context(), job.Message)
	b.must(err)
	if p := m.Parts[0]; p.Status != normalize.StatusAccepted ||
		p.Error != "bob@example.com: cancelled before it was sent; cid@example.com: cancelled before it was sent" {
		t.Errorf("cancelled: %+v", p)
	}
	b.must(b.Retry(t.Context(), job.ID, b.Now.Add(time.Hour), b.Now))
	b.End(b.Started(b.Take("mail")), failure(connectors.Ambiguous))
	if s, p := b.Outcome(job.ID); s != outbox.Uncertain || p != normalize.StatusAccepted {
		t.Errorf("%s %s", s, p)
	}
	events, err := b.Events(t.Context(), 0, 0)
	b.must(err)
	unknown := 0
	for _, e := range events {
		if d, ok := e.Data.(*normalize.MessageEvent); ok && d.Change != nil && d.Change.Status == normalize.StatusUncertain && d.Change.Recipient != nil {
			unknown++
		}
	}
	if unknown != 2 {
		t.Errorf("%d recipients are told to be uncertain, want bob and cid", unknown)
	}
}
