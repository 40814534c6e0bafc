package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// sending begins the one job that waits for the vendor.
func (h *harness) sending() *outbox.Job {
	h.Helper()
	jobs, err := h.db.Claim(h.ctx(), outbox.Deliver, "support", h.now, time.Minute, 10)
	h.must(err)
	if len(jobs) != 1 {
		h.Fatalf("%d jobs to send, want 1", len(jobs))
	}
	_, err = h.db.Begin(h.ctx(), jobs[0].ID, jobs[0].Fence, h.now)
	h.must(err)
	return jobs[0]
}

// took settles a job that the vendor took under a name of its own.
func (h *harness) took(j *outbox.Job, external string) {
	h.Helper()
	h.must(h.db.Settle(h.ctx(), outbox.DeliverPolicy.Settle(j, true, outbox.Result{ExternalID: external, Status: normalize.StatusAccepted}, h.now)))
}

// ledgerRow returns the entry of an input.
func (h *harness) ledgerRow(id normalize.ID) *timeline.LedgerEntry {
	h.Helper()
	e, err := h.db.LedgerEntry(h.ctx(), id)
	h.must(err)
	return e
}

// receiptsThatComeEarly: a vendor's report overtakes the record of its answer.
func receiptsThatComeEarly(t *testing.T, h *harness) {
	c := h.conversation(h.place(h.msg("ann@example.com", "hi")).ConversationID)
	m := h.reply(c, "", "text")
	j := h.sending()
	early := h.take(normalize.Waiting,
		h.entry("r1", normalize.Receipts{{ExternalID: "V1", Status: normalize.StatusRead, At: h.now.Add(2 * time.Second)}}),
		h.entry("r2", normalize.Receipts{{ExternalID: "V1", Status: normalize.StatusDelivered, At: h.now.Add(time.Second)}}),
		h.entry("r3", normalize.Receipts{{ExternalID: "V2", Status: normalize.StatusFailed}}))
	if early[0].Reason != "unknown_message" {
		t.Errorf("reason %q", early[0].Reason)
	}
	if _, err := h.db.ByExternalID(h.ctx(), "support", "V1"); err == nil {
		t.Error("a name that nothing has was found")
	}
	h.took(j, "V1")
	got := h.message(m.ID)
	if p := got.Parts[0]; p.Status != normalize.StatusRead || got.ExternalID != "V1" {
		t.Errorf("part %+v", p)
	}
	if list, err := h.db.ReceiptsOf(h.ctx(), m.ID); err != nil || len(list) != 2 || list[0].Status != normalize.StatusDelivered {
		t.Errorf("receipts %+v, %v", list, err)
	}
	for i, want := range []normalize.Outcome{normalize.Accepted, normalize.Accepted, normalize.Waiting} {
		if e := h.ledgerRow(early[i].Ledger); e.Outcome != want || (want == normalize.Accepted) != (e.Message == m.ID) {
			t.Errorf("input %d: %+v", i, e)
		}
	}
	h.take(normalize.Accepted, h.entry("r4", normalize.Receipts{{ExternalID: "V1", Status: normalize.StatusDelivered}}))
}

// changesThatComeEarly: an edit, a reaction, a withdrawal that overtake their
// message, also within one batch, and after a replay.
func changesThatComeEarly(t *testing.T, h *harness) {
	at := h.now
	edit := h.entry("edit", &normalize.Edit{Target: "A", Text: "second", At: at.Add(time.Minute)})
	first := h.take(normalize.Waiting, edit,
		h.entry("edit2", &normalize.Edit{Target: "A", Text: "third", At: at.Add(2 * time.Minute)}),
		h.entry("react", &normalize.Reaction{Target: "A", From: normalize.Email("bob@example.com", ""), Emoji: "👍", At: at}))
	edit.Replay = first[0].Ledger
	h.take(normalize.Waiting, edit)
	a := h.place(h.msg("ann@example.com", "first", func(m *normalize.Message) { m.ExternalID = "A" }))
	if a.Text != "third" || len(a.Reactions) != 1 {
		t.Errorf("message %+v", a)
	}
	if n := count(h.events(), normalize.MessageEdited); n != 3 {
		t.Errorf("%d changes told, want 3", n)
	}
	for i, r := range first {
		if e := h.ledgerRow(r.Ledger); e.Outcome != normalize.Accepted || e.Message != a.ID || e.Reason != "" {
			t.Errorf("input %d: %+v", i, e)
		}
	}
	results, err := timeline.Commit(h.ctx(), h.db, h.batch(
		h.entry("gone", &normalize.Delete{Target: "B", At: at}),
		h.entry("B", h.msg("ann@example.com", "not for you", func(m *normalize.Message) { m.ExternalID = "B" })),
	))
	h.must(err)
	if b := h.message(results[1].Message); b.DeletedAt.IsZero() || b.Text != "" {
		t.Errorf("message %+v", b)
	}
}

// earlyBounds: so much waits for one message, and so long.
func earlyBounds(t *testing.T, h *harness) {
	report := func(i int, want normalize.Outcome) timeline.Result {
		t.Helper()
		return h.take(want, h.entry(fmt.Sprint("r", i), normalize.Receipts{{ExternalID: "V", Status: normalize.StatusRead}}))[0]
	}
	first := report(0, normalize.Waiting)
	for i := range 49 {
		report(1+i, normalize.Waiting)
	}
	if r := report(50, normalize.Disregarded); r.Reason != "too_many_early" {
		t.Errorf("reason %q", r.Reason)
	}
	until := normalize.NewID(time.Now()).Time().Add(time.Hour) // ids never step back, also not for other tests
	h.now = until.Add(time.Hour)
	young := h.take(normalize.Waiting, h.entry("young", &normalize.Delete{Target: "W"}))[0]
	_, err := h.db.Sweep(h.ctx(), store.Retention{Early: until})
	h.must(err)
	if e := h.ledgerRow(first.Ledger); e.Outcome != normalize.Disregarded || e.Reason != "unknown_message" {
		t.Errorf("that waited too long: %+v", e)
	}
	if e := h.ledgerRow(young.Ledger); e.Outcome != normalize.Waiting {
		t.Errorf("that came later: %+v", e)
	}
	if m := h.place(h.msg("ann@example.com", "V", func(m *normalize.Message) { m.ExternalID = "V" })); m.Text != "V" {
		t.Errorf("message %+v", m)
	}
}

// echoesBeforeTheirSend: the vendor shows us our own message before its answer
// is recorded, and after it. Either way it is one message.
func echoesBeforeTheirSend(t *testing.T, h *harness) {
	in := h.place(h.msg("ann@example.com", "hi"))
	c := h.conversation(in.ConversationID)
	m := h.reply(c, "", "one", "two")
	j := h.sending()
	echo := func(external string) *normalize.Message {
		return h.msg("ann@example.com", "one", func(m *normalize.Message) { m.Direction, m.ExternalID = normalize.Outbound, external })
	}
	before := h.take(normalize.Accepted, h.entry("echo", echo("V1")))[0]
	waits := h.take(normalize.Waiting, h.entry("read", normalize.Receipts{{ExternalID: "V1", Status: normalize.StatusRead}}))[0]
	h.took(j, "V1")
	after := h.take(normalize.Echo, h.entry("echo again", echo("V1")))[0]
	if after.Message != m.ID {
		t.Errorf("the echo after it is of %s, want %s", after.Message, m.ID)
	}
	if e := h.ledgerRow(before.Ledger); e.Outcome != normalize.Echo || e.Message != m.ID {
		t.Errorf("the echo before it: %+v", e)
	}
	if e := h.ledgerRow(waits.Ledger); e.Outcome != normalize.Accepted || e.Message != m.ID {
		t.Errorf("the report on the echo: %+v", e)
	}
	list, err := h.db.Timeline(h.ctx(), in.Customer.ID, 0, 10)
	h.must(err)
	if len(list) != 2 || list[0].ID != m.ID || list[0].Parts[0].Status != normalize.StatusRead {
		t.Errorf("timeline %+v", list)
	}
	if n := count(h.events(), normalize.MessageDeleted); n != 1 {
		t.Errorf("the helpdesks were told %d times that it is gone", n)
	}
	// What somebody wrote in the vendor's app stays, and so does a customer's.
	own := h.take(normalize.Accepted, h.entry("app", echo("V3")))[0]
	if got := h.message(own.Message); !got.DeletedAt.IsZero() || got.Text != "one" {
		t.Errorf("written beside us: %+v", got)
	}
}

// earlyRace: a report is taken in on one node while another one settles.
func earlyRace(t *testing.T, h *harness) {
	other := h.open(t)
	c := h.conversation(h.place(h.msg("ann@example.com", "hi")).ConversationID)
	for i := range 20 {
		m := h.reply(c, "", "text")
		j := h.sending()
		name := fmt.Sprint("race", i)
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := timeline.Commit(h.ctx(), other, h.batch(h.entry(name, normalize.Receipts{{ExternalID: name, Status: normalize.StatusRead}})))
			if err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() { h.took(j, name) })
		wg.Wait()
		if p := h.message(m.ID).Parts[0]; p.Status != normalize.StatusRead {
			t.Fatalf("round %d: the report slipped through: %+v", i, p)
		}
	}
}

// anyOrderOfReports: whatever overtakes what, the end is the same.
func anyOrderOfReports(t *testing.T, h *harness) {
	c := h.conversation(h.place(h.msg("ann@example.com", "hi")).ConversationID)
	all := []normalize.Status{normalize.StatusAccepted, normalize.StatusDelivered, normalize.StatusRead, normalize.StatusFailed}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		name := fmt.Sprint("order", n)
		list := rapid.SliceOfN(rapid.SampledFrom(all), 1, 5).Draw(rt, "reports")
		when := rapid.IntRange(0, len(list)).Draw(rt, "settled after")
		echo := rapid.IntRange(-1, len(list)).Draw(rt, "echo after")
		m := h.reply(c, "", "text")
		j := h.sending()
		want := normalize.StatusAccepted
		for i := range len(list) + 1 {
			if i == echo {
				h.n++
				_, err := timeline.Commit(h.ctx(), h.db, h.batch(h.entry(fmt.Sprint(name, "e"), h.msg("ann@example.com", "text", func(m *normalize.Message) {
					m.Direction, m.ExternalID = normalize.Outbound, name
				}))))
				h.must(err)
			}
			if i == when {
				h.took(j, name)
			}
			if i < len(list) {
				want = normalize.Advance(want, list[i])
				_, err := timeline.Commit(h.ctx(), h.db, h.batch(h.entry(fmt.Sprint(name, i), normalize.Receipts{{ExternalID: name, Status: list[i]}})))
				h.must(err)
			}
		}
		if p := h.message(m.ID).Parts[0]; p.Status != want {
			rt.Fatalf("the part is %s, want %s", p.Status, want)
		}
		if got, err := h.db.ByExternalID(h.ctx(), "support", name); err != nil || got.ID != m.ID {
			rt.Fatalf("%s names %+v, %v", name, got, err)
		}
	})
}

// supplements: how a call ends, its recording and its transcript come later,
// or before the call.
func supplements(t *testing.T, h *harness) {
	at := h.now
	minute := func(n int) time.Time { return at.Add(time.Duration(n) * time.Minute) }
	call := func(external string) *normalize.Message {
		return h.msg("ann@example.com", "", func(m *normalize.Message) {
			m.ExternalID, m.Parts = external, []normalize.Part{{Kind: normalize.PartCall, Call: &normalize.Call{State: normalize.CallRinging}}}
		})
	}
	m := h.place(call("C1"))
	n := 0
	add := func(target string, want normalize.Outcome, s normalize.Supplement) timeline.Result {
		t.Helper()
		n++
		s.Target = target
		return h.take(want, h.entry(fmt.Sprint("s", n), &s))[0]
	}
	part := normalize.Part{Kind: normalize.PartCall}
	with := func(f func(p *normalize.Part)) normalize.Part {
		p := part
		f(&p)
		return p
	}
	ended := with(func(p *normalize.Part) { p.Call = &normalize.Call{State: normalize.CallEnded, Duration: 61} })
	add("C1", normalize.Accepted, normalize.Supplement{Part: ended, At: minute(2)})
	add("C1", normalize.Duplicate, normalize.Supplement{Part: ended, At: minute(2)})
	add("C1", normalize.Duplicate, normalize.Supplement{Part: with(func(p *normalize.Part) { p.Call = &normalize.Call{State: normalize.CallAnswered} }), At: minute(1)})
	add("C1", normalize.Accepted, normalize.Supplement{Part: with(func(p *normalize.Part) {
		p.Media = &normalize.Media{Name: "recording.mp3", Ref: "rec-1"}
	}), At: minute(3)})
	add("C1", normalize.Accepted, normalize.Supplement{Part: with(func(p *normalize.Part) { p.Text = "hello there" }), At: minute(5)})
	add("C1", normalize.Duplicate, normalize.Supplement{Part: with(func(p *normalize.Part) { p.Text = "hello" }), At: minute(4)})
	add("C1", normalize.Accepted, normalize.Supplement{Part: normalize.Part{Kind: normalize.PartFile, Media: &normalize.Media{Name: "x.txt", SHA256: dogFile, Size: 3}}, At: minute(6)})
	j := h.fetches(1)[0]
	h.fetched(j, outbox.Result{Fetched: &normalize.Media{SHA256: catFile, Size: 9, Name: "recording.mp3", ContentType: "audio/mpeg"}})
	got := h.message(m.ID)
	if len(got.Parts) != 2 {
		t.Fatalf("parts %+v", got.Parts)
	}
	p := got.Parts[0]
	if *p.Call != (normalize.Call{State: normalize.CallEnded, Duration: 61}) || p.Text != "hello there" || p.Media.SHA256 != catFile || p.ID != m.Parts[0].ID || p.Status != normalize.StatusReceived {
		t.Errorf("call %+v, %+v", p, p.Call)
	}
	if f, err := h.db.Media(h.ctx(), got.Parts[1].Media.ID); err != nil || f.SHA256 != dogFile {
		t.Errorf("the file that came with it: %+v, %v", f, err)
	}
	if n := count(h.events(), normalize.MessageEdited); n != 4 {
		t.Errorf("%d changes told, want 4", n)
	}

	first := add("C2", normalize.Waiting, normalize.Supplement{Part: ended, At: minute(2)})
	add("C2", normalize.Waiting, normalize.Supplement{Part: with(func(p *normalize.Part) { p.Media = &normalize.Media{Name: "r", Ref: "rec-2"} }), At: minute(3)})
	early := h.place(call("C2"))
	if p := early.Parts[0]; p.Call.State != normalize.CallEnded || p.Media == nil || p.Media.Ref != "rec-2" || p.Status != normalize.StatusPending {
		t.Errorf("completed beforehand: %+v", p)
	}
	if e := h.ledgerRow(first.Ledger); e.Outcome != normalize.Accepted || e.Message != early.ID {
		t.Errorf("ledger %+v", e)
	}
	h.fetches(1)
	h.take(normalize.Accepted, h.entry("gone", &normalize.Delete{Target: "C2"}))
	if r := add("C2", normalize.Disregarded, normalize.Supplement{Part: ended, At: minute(9)}); r.Reason != "deleted_before" {
		t.Errorf("reason %q", r.Reason)
	}
}

// anyOrderOfSupplements: whatever overtakes what, the call ends up the same.
func anyOrderOfSupplements(t *testing.T, h *harness) {
	at := h.now
	states := []normalize.CallState{"", normalize.CallRinging, normalize.CallAnswered, normalize.CallMissed, normalize.CallEnded}
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		var list []normalize.Supplement
		for i := range rapid.IntRange(1, 5).Draw(rt, "supplements") {
			p := normalize.Part{Kind: normalize.PartCall, Call: &normalize.Call{
				State: rapid.SampledFrom(states).Draw(rt, "state"), Duration: rapid.Int64Range(0, 3).Draw(rt, "duration"),
			}}
			p.Text = rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "text")
			list = append(list, normalize.Supplement{Part: p, At: at.Add(time.Duration(i) * time.Second)})
		}
		end := func(order []int, when int) string {
			round++
			name := fmt.Sprint("call", round)
			var id normalize.ID
			for i := range len(order) + 1 {
				if i == when {
					id = h.place(h.msg("ann@example.com", "", func(m *normalize.Message) {
						m.ExternalID, m.Parts = name, []normalize.Part{{Kind: normalize.PartCall, Call: &normalize.Call{State: normalize.CallRinging}}}
					})).ID
				}
				if i < len(order) {
					s := list[order[i]]
					s.Target = name
					_, err := timeline.Commit(h.ctx(), h.db, h.batch(h.entry(fmt.Sprint(name, i), &s)))
					h.must(err)
				}
			}
			p := h.message(id).Parts[0]
			return fmt.Sprintf("%v %q", *p.Call, p.Text)
		}
		straight := make([]int, len(list))
		for i := range straight {
			straight[i] = i
		}
		order := rapid.Permutation(straight).Draw(rt, "order")
		when := rapid.IntRange(0, len(list)).Draw(rt, "message after")
		if want, got := end(straight, 0), end(order, when); got != want {
			rt.Fatalf("in order %v, with the message after %d: %s, want %s", order, when, got, want)
		}
	})
}

// namedByReports: a report that carries our id and the vendor's tells which
// message is meant, though the vendor's answer to the send was lost.
func namedByReports(t *testing.T, h *harness) {
	c := h.conversation(h.place(h.msg("ann@example.com", "hi")).ConversationID)
	m := h.reply(c, "", "one", "two")
	j := h.sending()
	h.must(h.db.Settle(h.ctx(), outbox.DeliverPolicy.Settle(j, true, failure(connectors.Ambiguous), h.now)))
	for i, name := range []string{"V1", "V2"} {
		h.take(normalize.Accepted, h.entry(name, normalize.Receipts{{PartID: m.Parts[i].ID, ExternalID: name, Status: normalize.StatusAccepted}}))
		h.take(normalize.Accepted, h.entry(name+" read", normalize.Receipts{{ExternalID: name, Status: normalize.StatusRead}}))
		got := h.message(m.ID)
		if got.Parts[i].Status != normalize.StatusRead || i == 0 && got.Parts[1].Status != normalize.StatusUncertain {
			t.Errorf("after %s: %+v", name, got.Parts)
		}
	}
	parts, err := h.db.SentParts(h.ctx(), m.ID)
	h.must(err)
	if len(parts) != 2 || parts[0].ExternalID != "V1" || parts[1].ExternalID != "V2" {
		t.Errorf("parts %+v", parts)
	}
	h.take(normalize.Echo, h.entry("echo", h.msg("ann@example.com", "one", func(m *normalize.Message) { m.Direction, m.ExternalID = normalize.Outbound, "V2" })))
}
