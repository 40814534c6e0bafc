package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// Outbox exercises the verbs of outbox.Store. url returns the address of a
// fresh database.
func Outbox(t *testing.T, url func(testing.TB) string) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *Box)
	}{
		{"order is kept within a conversation and only there", orderOfQueues},
		{"the conversations of an account take turns", turns},
		{"an old claim is refused", fences},
		{"who dies before Begin is replaced, after it the job is interrupted", interruptions},
		{"what is released was not accepted", release},
		{"the claims of a process that is gone are free at once on SQLite", inheritance},
		{"an accepted send moves the part and tells of it", acceptance},
		{"a retry waits at its place and holds up its own conversation only", retries},
		{"an uncertain send steps aside and is resolved", resolution},
		{"the search does not overrule a person", lateResolution},
		{"a report that overtakes the vendor's answer decides the send", reportBeforeAnswer},
		{"recipients are settled one by one", recipients},
		{"what goes out to some only is told", partlySent},
		{"whoever writes can be answered again", reachability},
		{"what is not sent in time expires", expiry},
		{"a person retries", retryByHand},
		{"a person cancels", cancelByHand},
		{"a pause stops claims", pauses},
		{"stuck work is listed and open work counted", lists},
		{"a finish job has a queue of its own", finishing},
		{"events go to the helpdesk in order", forwarding},
		{"an answer that comes while another is settled is not forgotten", enqueueRace},
		{"two claimers never get one job", claimRace},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, NewBox(t, url(t))) })
	}
}

func orderOfQueues(t *testing.T, b *Box) {
	a1 := b.Send("ann")
	b.Now = b.Now.Add(time.Second)
	a2 := b.Send("ann")
	bob := b.Send("bob")
	if due, err := b.NextDue(t.Context(), outbox.Deliver, "mail"); err != nil || due.After(b.Now) {
		t.Errorf("next due %s, %v", due, err)
	}
	jobs := b.Claims("mail", 10)
	if len(jobs) != 2 || jobs[0].ID != a1.ID || jobs[1].ID != bob.ID {
		t.Fatalf("claimed %v, want Ann's first and Bob's", jobs)
	}
	if j := jobs[0]; j.Account != "mail" || j.Lane != outbox.Deliver || len(j.Parts) != 1 || j.Conversation == 0 || j.Message == 0 || j.Interrupted {
		t.Errorf("the job is incomplete: %+v", j)
	}
	if more := b.Claims("mail", 10); len(more) != 0 {
		t.Errorf("claimed twice: %v", more)
	}
	b.End(b.Started(jobs[0]), accepted)
	if next := b.Take("mail"); next.ID != a2.ID {
		t.Errorf("then came %s, want Ann's second", next.ID)
	}
	if other := b.Claims("sms", 10); len(other) != 0 {
		t.Errorf("another account got %v", other)
	}
}

func turns(t *testing.T, b *Box) {
	for range 20 {
		b.Send("hot")
	}
	b.Now = b.Now.Add(time.Second)
	b.Send("cold")
	b.Now = b.Now.Add(time.Second)
	for i := range 2 {
		jobs := b.Claims("mail", 1)
		if len(jobs) != 1 {
			t.Fatal("nothing to claim")
		}
		if m, err := b.Message(t.Context(), jobs[0].Message); err != nil || (i == 1) != (m.Address.Value == "cold@example.com") {
			t.Errorf("turn %d went to %s (%v)", i, m.Address.Value, err)
		}
		b.Now = b.Now.Add(time.Millisecond)
		b.End(b.Started(jobs[0]), accepted)
	}
}

func fences(t *testing.T, b *Box) {
	b.Send("ann")
	old := b.Take("mail")
	b.Now = b.Now.Add(30 * time.Second)
	if err := b.Extend(t.Context(), old.ID, old.Fence, b.Now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	b.Now = b.Now.Add(45 * time.Second)
	if jobs := b.Claims("mail", 10); len(jobs) != 0 {
		t.Fatal("claimed although the lease was renewed")
	}
	if due, err := b.NextDue(t.Context(), outbox.Deliver, "mail"); err != nil || !due.Equal(b.Now.Add(15*time.Second)) {
		t.Errorf("next due %s, want the end of the lease (%v)", due, err)
	}
	b.Now = b.Now.Add(15 * time.Second)
	fresh := b.Take("mail")
	if _, err := b.Begin(t.Context(), old.ID, old.Fence, b.Now); !errors.Is(err, outbox.ErrLost) {
		t.Errorf("Begin of the old claim: %v", err)
	}
	if err := b.Extend(t.Context(), old.ID, old.Fence, b.Now.Add(time.Hour)); !errors.Is(err, outbox.ErrLost) {
		t.Errorf("Extend of the old claim: %v", err)
	}
	if err := b.Settle(t.Context(), outbox.DeliverPolicy.Settle(old, true, accepted, b.Now)); !errors.Is(err, outbox.ErrLost) {
		t.Errorf("Settle of the old claim: %v", err)
	}
	if s, p := b.Outcome(old.ID); s != outbox.Queued || p != normalize.StatusQueued {
		t.Errorf("the old claim changed something: %s %s", s, p)
	}
	b.End(b.Started(fresh), accepted)
	if err := b.Settle(t.Context(), outbox.DeliverPolicy.Settle(fresh, true, accepted, b.Now)); !errors.Is(err, outbox.ErrLost) {
		t.Errorf("settled twice: %v", err)
	}
	if _, err := b.Begin(t.Context(), 12345, fresh.Fence, b.Now); !errors.Is(err, outbox.ErrLost) {
		t.Errorf("Begin of a job that is not: %v", err)
	}
}

func interruptions(t *testing.T, b *Box) {
	b.Send("ann")
	first := b.Take("mail")
	b.Now = b.Now.Add(time.Minute)
	second := b.Take("mail")
	if second.ID != first.ID || second.Interrupted {
		t.Fatalf("not begun, and interrupted: %+v", second)
	}
	if n, err := b.Begin(t.Context(), second.ID, second.Fence, b.Now); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if s, p := b.Outcome(first.ID); s != outbox.Sending || p != normalize.StatusSending {
		t.Errorf("after Begin: %s %s", s, p)
	}
	// Time does not expire what may be on its way.
	b.Now = b.Now.Add(48 * time.Hour)
	third := b.Take("mail")
	if !third.Interrupted || third.Attempts != 1 {
		t.Fatalf("begun, and not interrupted: %+v", third)
	}
	// A vendor who knows repeats is asked again: the first attempt is closed.
	if n, err := b.Begin(t.Context(), third.ID, third.Fence, b.Now); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	b.End(third, accepted)
	list, err := b.Attempts(t.Context(), first.ID)
	if err != nil || len(list) != 2 || list[0].Outcome != "ambiguous" || list[0].EndedAt.IsZero() || list[1].Outcome != "accepted" {
		t.Errorf("attempts %+v (%v)", list, err)
	}
}

// inheritance: who follows a daemon that was killed goes on where it was, unless
// somebody else may be at work.
func inheritance(t *testing.T, b *Box) {
	b.Send("ann")
	job := b.Started(b.Take("mail"))
	lease := func(owner string) (fence int64) {
		t.Helper()
		fence, ok, err := b.Acquire(t.Context(), owner, owner, b.Now, time.Minute)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		return fence
	}
	isDead := func(owner string) bool { return owner == "dead" }
	lease("dead")
	fence := lease("alive")
	b.must(b.Vacate(t.Context(), isDead))
	if jobs := b.Claims("mail", 10); len(jobs) != 0 {
		t.Error("claimed what somebody may be working on")
	}
	b.must(b.Release(t.Context(), "alive", "alive", fence))
	lease("dead")
	b.must(b.Vacate(t.Context(), isDead))
	jobs := b.Claims("mail", 10)
	if !strings.HasPrefix(b.URL, "sqlite:") {
		if len(jobs) != 0 {
			t.Error("claimed what another node may be working on")
		}
		return
	}
	if len(jobs) != 1 || jobs[0].ID != job.ID || !jobs[0].Interrupted {
		t.Errorf("the successor gets %+v", jobs)
	}
}

// release: the commit of Begin was not answered, so nothing was sent, and then
// the daemon stopped.
func release(t *testing.T, b *Box) {
	job := b.Started(sent(b, b.Send("ann")))
	b.must(b.Settle(t.Context(), outbox.DeliverPolicy.Settle(job, false, outbox.Result{Released: true}, b.Now)))
	list, err := b.Attempts(t.Context(), job.ID)
	if err != nil || len(list) != 1 || list[0].Outcome != "released" || list[0].EndedAt.IsZero() {
		t.Errorf("attempts %+v (%v)", list, err)
	}
	if s, p := b.Outcome(job.ID); s != outbox.Queued || p != normalize.StatusQueued {
		t.Errorf("%s %s", s, p)
	}
}

func acceptance(t *testing.T, b *Box) {
	job := b.Send("ann")
	before, err := b.LastEvent(t.Context())
	b.must(err)
	b.End(b.Started(b.Take("mail")), outbox.Result{Status: normalize.StatusAccepted, ExternalID: "V1", Detail: "queued as 17"})
	if s, p := b.Outcome(job.ID); s != outbox.Done || p != normalize.StatusAccepted {
		t.Errorf("%s %s", s, p)
	}
	list, err := b.Attempts(t.Context(), job.ID)
	if err != nil || len(list) != 1 || list[0].N != 1 || list[0].Outcome != "accepted" || list[0].ExternalID != "V1" || list[0].Detail != "queued as 17" {
		t.Errorf("attempts %+v (%v)", list, err)
	}
	if m, err := b.ByExternalID(t.Context(), "mail", "V1"); err != nil || m.ID != job.Message {
		t.Errorf("by the vendor's id: %v", err)
	}
	events, err := b.Events(t.Context(), before, 10)
	b.must(err)
	if len(events) != 1 || events[0].Type != normalize.MessageStatus {
		t.Fatalf("events: %+v", events)
	}
	e, ok := events[0].Data.(*normalize.MessageEvent)
	if !ok || e.ID != job.Message || e.Change == nil || e.Change.PartID != job.Parts[0] || e.Change.Status != normalize.StatusAccepted {
		t.Errorf("event: %+v", e)
	}
	if due, err := b.NextDue(t.Context(), outbox.Deliver, "mail"); err != nil || !due.IsZero() {
		t.Errorf("still due at %s (%v)", due, err)
	}
}

func retries(t *testing.T, b *Box) {
	first, second := b.Send("ann"), b.Send("ann")
	job := b.Started(b.Take("mail"))
	b.Send("bob")
	s := outbox.DeliverPolicy.Settle(job, true, failure(connectors.Transient), b.Now)
	s.DueAt = b.Now.Add(10 * time.Minute)
	b.must(b.Settle(t.Context(), s))
	if st, p := b.Outcome(first.ID); st != outbox.Queued || p != normalize.StatusQueued {
		t.Errorf("while it waits: %s %s", st, p)
	}
	bob := b.Take("mail")
	b.End(b.Started(bob), accepted)
	if due, err := b.NextDue(t.Context(), outbox.Deliver, "mail"); err != nil || !due.Equal(s.DueAt) {
		t.Errorf("next due %s, want %s (%v)", due, s.DueAt, err)
	}
	b.Send("ann") // touches the queue, and must not wake its head
	if jobs := b.Claims("mail", 10); len(jobs) != 0 {
		t.Fatalf("claimed too early, or out of order: %+v", jobs[0])
	}
	b.Now = s.DueAt
	again := b.Take("mail")
	if again.ID != first.ID || again.Tries != 1 || again.Attempts != 1 || again.LastError != "x1: words of the vendor" {
		t.Errorf("%+v", again)
	}
	// Throttled costs no try.
	b.End(b.Started(again), failure(connectors.Throttled))
	b.Now = b.Now.Add(time.Minute)
	if again = b.Take("mail"); again.Tries != 1 || again.Attempts != 2 {
		t.Errorf("%+v", again)
	}
	b.End(b.Started(again), failure(connectors.Rejected))
	if st, p := b.Outcome(first.ID); st != outbox.Failed || p != normalize.StatusFailed {
		t.Errorf("%s %s", st, p)
	}
	if m, err := b.Message(t.Context(), first.Message); err != nil || m.Parts[0].Error != "x1: words of the vendor" {
		t.Errorf("the agent reads %q (%v)", m.Parts[0].Error, err)
	}
	next := b.Take("mail")
	if next.ID != second.ID {
		t.Errorf("a failed head is followed by %s, want %s", next.ID, second.ID)
	}
	// Refused before Begin, as by the answer to RCPT: shown as an attempt too.
	b.must(b.Settle(t.Context(), outbox.DeliverPolicy.Settle(next, false, failure(connectors.Rejected), b.Now)))
	list, err := b.Attempts(t.Context(), next.ID)
	if err != nil || len(list) != 1 || list[0].N != 1 || list[0].Outcome != "rejected" || list[0].Detail != "words of the vendor" || list[0].EndedAt.IsZero() {
		t.Errorf("attempts %+v (%v)", list, err)
	}
}
