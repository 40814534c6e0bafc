package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

func recipients(t *testing.T, b *Box) {
	ann, bob, cyd := normalize.Email("ann@example.com", ""), normalize.Email("bob@example.com", ""), normalize.Email("cyd@example.com", "")
	job := b.Send("ann", "bob", "cyd")
	r := failure(connectors.Transient)
	r.Settled = []outbox.SettledRecipient{
		{Address: ann, Status: normalize.StatusAccepted},
		{Address: bob, Status: normalize.StatusFailed, Code: "550", Detail: "no such user"},
	}
	r.Unreachable = []normalize.Address{ann} // whom the store knows
	b.End(b.Started(b.Take("mail")), r)
	if why, err := b.Unreachable(t.Context(), ann); why == nil || err != nil {
		t.Errorf("not flagged: %v", err)
	}
	if why, err := b.Unreachable(t.Context(), cyd); why != nil || err != nil {
		t.Errorf("flagged: %q %v", why, err)
	}
	b.Now = b.Now.Add(10 * time.Second)
	again := b.Take("mail")
	if len(again.Settled) != 2 || !again.Settled[0].Address.Is(ann) || again.Settled[1].Code != "550" {
		t.Fatalf("settled: %+v", again.Settled)
	}
	// The rest never gets through: it was accepted by some, and that is shown.
	b.must(b.Settle(t.Context(), outbox.DeliverPolicy.Settle(again, false, failure(connectors.Transient), b.Now)))
	b.Now = b.Now.Add(2 * time.Hour)
	if jobs := b.Claims("mail", 10); len(jobs) != 0 {
		t.Fatal("not expired")
	}
	if s, p := b.Outcome(job.ID); s != outbox.Expired || p != normalize.StatusAccepted {
		t.Errorf("%s %s", s, p)
	}
	receipts, err := b.ReceiptsOf(t.Context(), job.Message)
	if err != nil || len(receipts) != 3 || !receipts[2].Recipient.Is(cyd) || !receipts[1].Recipient.Is(bob) || receipts[1].Status != normalize.StatusFailed ||
		receipts[1].Detail != "no such user" || receipts[1].Code != "550" {
		t.Errorf("receipts %+v (%v)", receipts, err)
	}
	// A person's retry goes to those who have not got it.
	b.must(b.Retry(t.Context(), job.ID, b.Now.Add(time.Hour), b.Now))
	if again = b.Take("mail"); len(again.Settled) != 1 || !again.Settled[0].Address.Is(ann) {
		t.Errorf("settled: %+v", again.Settled)
	}
}

func reachability(t *testing.T, b *Box) {
	ann := normalize.Email("ann@example.com", "")
	b.Send("ann")
	r := failure(connectors.Unreachable)
	r.Unreachable = []normalize.Address{ann}
	b.End(b.Started(b.Take("mail")), r)
	for i, machine := range []bool{true, false} {
		why, err := b.Unreachable(t.Context(), ann)
		if err != nil || why == nil || why.Reason != "unreachable" || !strings.Contains(why.Detail, "x1: words of the vendor") {
			t.Errorf("before input %d: %v %v", i, why, err)
		}
		_, err = timeline.Commit(t.Context(), b, timeline.Ingest{Account: "mail", Now: b.Now, Entries: []timeline.Entry{{
			Input:   timeline.Raw{Key: "k", ReceivedAt: b.Now, Digest: [32]byte{byte(i + 1)}, Encoding: "none"},
			Outcome: normalize.Accepted,
			Item: &normalize.Message{
				Direction: normalize.Inbound, Channel: normalize.Account{Name: "mail", Type: "test"}, Address: ann,
				ReceivedAt: b.Now, Text: "hello", Automated: machine,
			},
		}}})
		b.must(err)
	}
	if why, err := b.Unreachable(t.Context(), ann); err != nil || why != nil {
		t.Errorf("still flagged: %v %v", why, err)
	}
}

func expiry(t *testing.T, b *Box) {
	var old []*outbox.Job
	for range 100 {
		old = append(old, b.Send("ann"))
	}
	b.End(b.Started(b.Take("mail")), failure(connectors.Throttled)) // due in 30 s
	b.Now = b.Now.Add(2 * time.Hour)
	fresh := b.Send("ann")
	var got []*outbox.Job
	for range 10 { // a claim expires a bounded number
		if got = b.Claims("mail", 10); len(got) > 0 {
			break
		}
	}
	if len(got) != 1 || got[0].ID != fresh.ID {
		t.Fatalf("claimed %+v, want the one whose time is not over", got)
	}
	for _, i := range []int{0, 1, 99} {
		if s, p := b.Outcome(old[i].ID); s != outbox.Expired || p != normalize.StatusFailed {
			t.Errorf("job %d: %s %s", i, s, p)
		}
	}
	m, err := b.Message(t.Context(), old[0].Message)
	b.must(err)
	if want := "not sent in time; the last error was: x1: words of the vendor"; m.Parts[0].Error != want {
		t.Errorf("the agent reads %q", m.Parts[0].Error)
	}
}

func retryByHand(t *testing.T, b *Box) {
	job, later := b.Send("ann"), b.Send("ann")
	if err := b.Retry(t.Context(), job.ID, b.Now.Add(time.Hour), b.Now); !errors.Is(err, outbox.ErrState) {
		t.Errorf("retry of a queued job: %v", err)
	}
	b.End(b.Started(b.Take("mail")), failure(connectors.Rejected))
	claimed := b.Take("mail")
	b.Now = b.Now.Add(2 * time.Hour)
	expires := b.Now.Add(time.Hour)
	b.must(b.Retry(t.Context(), job.ID, expires, b.Now))
	if s, p := b.Outcome(job.ID); s != outbox.Queued || p != normalize.StatusQueued {
		t.Errorf("%s %s", s, p)
	}
	again := b.Take("mail") // the other claim has run out
	if again.ID != job.ID || again.Tries != 0 || again.Attempts != 1 || !again.ExpiresAt.Equal(expires) {
		t.Fatalf("%+v", again)
	}
	if n, err := b.Begin(t.Context(), again.ID, again.Fence, b.Now); n != 2 || err != nil {
		t.Errorf("attempt %d (%v), want 2", n, err)
	}
	b.End(again, accepted)
	if s, p := b.Outcome(job.ID); s != outbox.Done || p != normalize.StatusAccepted {
		t.Errorf("%s %s", s, p)
	}
	if claimed.ID != later.ID {
		t.Errorf("claimed %s meanwhile", claimed.ID)
	}
	if err := b.Retry(t.Context(), job.ID, expires, b.Now); !errors.Is(err, outbox.ErrState) {
		t.Errorf("retry of a done job: %v", err)
	}
}

func pauses(t *testing.T, b *Box) {
	b.Send("ann")
	before, err := b.LastEvent(t.Context())
	b.must(err)
	b.must(b.Pause(t.Context(), "mail", "eve", "wrong template", b.Now))
	b.must(b.Pause(t.Context(), "", "eve", "fire drill", b.Now))
	if p, err := b.Paused(t.Context()); err != nil || p == nil || p.By != "eve" || p.Reason != "fire drill" {
		t.Errorf("%+v %v", p, err)
	}
	none := func(when string) {
		t.Helper()
		if jobs := b.Claims("mail", 10); len(jobs) != 0 {
			t.Fatalf("claimed while paused: %s", when)
		}
	}
	none("both")
	b.must(b.Resume(t.Context(), "mail", b.Now))
	none("all")
	b.must(b.Pause(t.Context(), "mail", "eve", "again", b.Now))
	b.must(b.Resume(t.Context(), "", b.Now))
	none("the account")
	b.must(b.Resume(t.Context(), "mail", b.Now))
	b.Take("mail")
	events, err := b.Events(t.Context(), before, 10)
	b.must(err)
	var states []string
	for _, e := range events {
		if a, ok := e.Data.(*normalize.AccountEvent); ok {
			states = append(states, a.State)
		}
	}
	if len(states) != 4 || states[0] != "paused" || states[1] != "connected" {
		t.Errorf("told of %v", states)
	}
	if err := b.Pause(t.Context(), "nobody", "eve", "", b.Now); err == nil {
		t.Error("paused an account that is not")
	}
}

func lists(t *testing.T, b *Box) {
	var ids []normalize.ID
	for _, c := range []connectors.Class{connectors.Rejected, connectors.Ambiguous, connectors.Transient, -1} {
		name := c.String()
		ids = append(ids, b.Send(name).ID)
		if c < 0 {
			break // stays queued
		}
		b.End(b.Started(b.Take("mail")), failure(c))
	}
	list := func(f outbox.Filter) (got []normalize.ID) {
		t.Helper()
		jobs, err := b.Jobs(t.Context(), f)
		b.must(err)
		for _, j := range jobs {
			if j.Task == outbox.TaskSend {
				got = append(got, j.ID)
			}
		}
		return got
	}
	want := func(what string, got []normalize.ID, want ...normalize.ID) {
		t.Helper()
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
	}
	want("all", list(outbox.Filter{}), ids[3], ids[2], ids[1], ids[0])
	want("failed", list(outbox.Filter{State: outbox.Failed}), ids[0])
	want("uncertain", list(outbox.Filter{State: outbox.Uncertain, Account: "mail", Lane: outbox.Deliver}), ids[1])
	want("queued", list(outbox.Filter{State: outbox.Queued}), ids[3], ids[2])
	want("of another account", list(outbox.Filter{Account: "sms"}))
	want("of the other lane", list(outbox.Filter{Lane: outbox.Forward}))
	want("the next page", list(outbox.Filter{After: ids[2], Limit: 50}), ids[1], ids[0])
	want("stuck", list(outbox.Filter{Stuck: true}), ids[1], ids[0])
	for range 2 {
		b.Now = b.Now.Add(time.Minute)
		for _, j := range b.Claims("mail", 10) {
			if j.ID == ids[2] {
				b.End(b.Started(j), failure(connectors.Transient))
			}
		}
	}
	want("stuck after three tries", list(outbox.Filter{Stuck: true}), ids[2], ids[1], ids[0])

	counts, err := b.Counts(t.Context())
	b.must(err)
	got := map[outbox.State]outbox.Count{}
	for _, c := range counts {
		if c.Lane == outbox.Deliver {
			got[c.State] = c
		}
	}
	// Beside the two sends, the search for the uncertain one is queued.
	if got[outbox.Queued].N != 3 || got[outbox.Uncertain].N != 1 || got[outbox.Failed].N != 1 || got[outbox.Uncertain].Account != "mail" {
		t.Errorf("counts %+v", counts)
	}
	if o := got[outbox.Queued].Oldest; !o.Equal(ids[1].Time()) && o.Sub(ids[2].Time()).Abs() > time.Second {
		t.Errorf("the oldest is of %s", o)
	}
}

func finishing(t *testing.T, b *Box) {
	job := b.Send("ann")
	b.End(b.Started(b.Take("mail")), outbox.Result{Status: normalize.StatusAccepted, Finish: true})
	finish := b.Take("mail")
	if finish.Task != outbox.TaskFinish || finish.Of != job.ID {
		t.Fatalf("%+v", finish)
	}
	later := b.Send("ann")
	if j := b.Take("mail"); j.ID != later.ID {
		t.Fatalf("held up: %+v", j)
	}
	b.End(b.Started(finish), failure(connectors.Rejected))
	if s, p := b.Outcome(job.ID); s != outbox.Done || p != normalize.StatusAccepted {
		t.Errorf("a finish that failed changed its send: %s %s", s, p)
	}
	if jobs, err := b.Jobs(t.Context(), outbox.Filter{Stuck: true}); err != nil || len(jobs) != 1 || jobs[0].ID != finish.ID {
		t.Errorf("stuck: %+v (%v)", jobs, err)
	}
	b.must(b.Retry(t.Context(), finish.ID, time.Time{}, b.Now))
	if j := b.Take("mail"); j.ID != finish.ID {
		t.Errorf("%+v", j)
	}
}

func forwarding(t *testing.T, b *Box) {
	for _, reason := range []string{"one", "two", "three"} {
		b.must(b.SetAccountState(t.Context(), "mail", "degraded", reason, b.Now))
	}
	ann := b.Send("ann")
	var told []string
	for range 3 {
		for _, j := range b.Claims("desk", 10) {
			if j.Lane != outbox.Forward || j.Task != outbox.TaskForward || j.Event == 0 {
				t.Fatalf("%+v", j)
			}
			e, err := b.Event(t.Context(), j.Event)
			b.must(err)
			switch d := e.Data.(type) {
			case *normalize.AccountEvent:
				told = append(told, d.Reason)
			case *normalize.MessageEvent:
				if d.ID != ann.Message {
					t.Errorf("told of message %s", d.ID)
				}
			default:
				t.Errorf("%s: %T", e.Type, e.Data)
			}
			n, err := b.Begin(t.Context(), j.ID, j.Fence, b.Now)
			if n != 1 || err != nil {
				t.Fatal(n, err)
			}
			b.must(b.Settle(t.Context(), outbox.ForwardPolicy.Settle(j, true, outbox.Result{Repeatable: true}, b.Now)))
		}
	}
	if len(told) != 3 || told[0] != "one" || told[1] != "two" || told[2] != "three" {
		t.Errorf("told %v", told)
	}
	jobs, err := b.JobsOf(t.Context(), ann.Message)
	b.must(err)
	lanes := map[outbox.Lane]int{}
	for _, j := range jobs {
		lanes[j.Lane]++
	}
	if lanes[outbox.Deliver] != 1 || lanes[outbox.Forward] != 1 {
		t.Errorf("the message's jobs: %v", lanes)
	}
}
