package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// resolveOf claims the resolve job of a send once it is due.
func (b *Box) resolveOf(job normalize.ID) *outbox.Job {
	b.t.Helper()
	b.Now = b.Now.Add(outbox.DeliverPolicy.Resolve.Base)
	for _, j := range b.Claims("mail", 10) {
		if j.Task == outbox.TaskResolve && j.Of == job {
			return j
		}
	}
	b.t.Fatal("no resolve job")
	return nil
}

func resolution(t *testing.T, b *Box) {
	first, second := b.Send("ann"), b.Send("ann")
	b.End(b.Started(b.Take("mail")), failure(connectors.Ambiguous))
	if s, p := b.Outcome(first.ID); s != outbox.Uncertain || p != normalize.StatusUncertain {
		t.Errorf("%s %s", s, p)
	}
	next := b.Take("mail")
	if next.ID != second.ID {
		t.Fatalf("then came %+v, want the next answer", next)
	}
	b.End(b.Started(next), accepted)
	look := b.resolveOf(first.ID)
	if look.Message != first.Message || look.Conversation != next.Conversation || len(look.Parts) != 1 || look.Parts[0] != first.Parts[0] {
		t.Errorf("the search is about %+v", look)
	}
	// While one search waits, others and further answers go on.
	b.must(b.Settle(t.Context(), outbox.DeliverPolicy.Settle(look, false, failure(connectors.Transient), b.Now)))
	third := b.Send("ann")
	if j := b.Take("mail"); j.ID != third.ID {
		t.Fatalf("claimed %+v", j)
	}
	b.Now = b.Now.Add(time.Hour)
	look = b.resolveOf(first.ID)
	if look.Tries != 1 {
		t.Errorf("%d tries", look.Tries)
	}
	found := outbox.Result{Status: normalize.StatusAccepted, OfState: outbox.Done, ExternalID: "V9", Finish: true}
	b.must(b.Settle(t.Context(), outbox.DeliverPolicy.Settle(look, false, found, b.Now)))
	if s, p := b.Outcome(first.ID); s != outbox.Done || p != normalize.StatusAccepted {
		t.Errorf("found, and %s %s", s, p)
	}
	if m, err := b.ByExternalID(t.Context(), "mail", "V9"); err != nil || m.ID != first.Message {
		t.Errorf("by the vendor's id: %v", err)
	}
	for id, want := range map[string]normalize.ID{"V9": first.Message, "V10": 0} {
		if message, part, err := b.SentAs(t.Context(), "mail", id); err != nil || message != want || part != 0 {
			t.Errorf("the vendor knows as %s message %v, part %v, want %v: %v", id, message, part, want, err)
		}
	}
	jobs, err := b.JobsOf(t.Context(), first.Message)
	b.must(err)
	if !slices.ContainsFunc(jobs, func(f *outbox.Job) bool { return f.Task == outbox.TaskFinish && f.Of == first.ID }) {
		t.Errorf("no finish job follows: %+v", jobs)
	}
}

func reportBeforeAnswer(t *testing.T, b *Box) {
	for status, want := range map[normalize.Status]outbox.State{
		normalize.StatusDelivered: outbox.Done, normalize.StatusFailed: outbox.Failed, normalize.StatusSending: outbox.Uncertain,
	} {
		job := b.Started(sent(b, b.Send("ann")))
		b.Report(normalize.Receipt{PartID: job.Parts[0], Status: status, At: b.Now})
		b.End(job, failure(connectors.Ambiguous))
		if s, _ := b.Outcome(job.ID); s != want {
			t.Errorf("reported %s, then no answer: %s, want %s", status, s, want)
		}
	}
	// Of several recipients, each has to be reported on.
	job := b.Started(sent(b, b.Send("bob", "carl")))
	b.Report(normalize.Receipt{PartID: job.Parts[0], Recipient: normalize.Email("bob@example.com", ""), Status: normalize.StatusDelivered, At: b.Now})
	b.End(job, failure(connectors.Ambiguous))
	if s, _ := b.Outcome(job.ID); s != outbox.Uncertain {
		t.Errorf("one of two was reported on: %s", s)
	}
}

// sent claims an answer.
func sent(b *Box, job *outbox.Job) *outbox.Job {
	b.t.Helper()
	claimed := b.Take("mail")
	if claimed.ID != job.ID {
		b.t.Fatalf("claimed %+v", claimed)
	}
	return claimed
}

func lateResolution(t *testing.T, b *Box) {
	job := b.Send("ann")
	b.End(b.Started(b.Take("mail")), failure(connectors.Ambiguous))
	look := b.resolveOf(job.ID)
	b.must(b.Retry(t.Context(), job.ID, b.Now.Add(time.Hour), b.Now))
	b.must(b.Settle(t.Context(), outbox.DeliverPolicy.Settle(look, false,
		outbox.Result{Status: normalize.StatusFailed, OfState: outbox.Failed}, b.Now)))
	if s, p := b.Outcome(job.ID); s != outbox.Queued || p != normalize.StatusQueued {
		t.Errorf("%s %s", s, p)
	}
}
