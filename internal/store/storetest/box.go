package storetest

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// Box is a store with a channel "mail" and a helpdesk "desk", and a clock that
// stands still.
type Box struct {
	*store.DB
	URL string
	Now time.Time
	t   testing.TB
}

// NewBox opens a store at url.
func NewBox(t testing.TB, url string) *Box {
	t.Helper()
	b := &Box{DB: openDB(t, url), URL: url, Now: time.Now().UTC().Truncate(time.Second), t: t}
	b.must(b.RegisterAccounts(t.Context(), []store.AccountRow{
		{Name: "mail", Role: store.RoleChannel, Type: "test"},
		{Name: "sms", Role: store.RoleChannel, Type: "test"},
		{Name: "desk", Role: store.RoleHelpdesk, Type: "test", Wants: []normalize.EventType{
			normalize.MessageSent, normalize.MessageStatus, normalize.AccountState,
		}},
	}))
	return b
}

func openDB(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return db
}

func (b *Box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// Send commits an answer to a customer, in the customer's one conversation,
// and returns its job. It expires after an hour.
func (b *Box) Send(customer string, also ...string) *outbox.Job {
	b.t.Helper()
	return b.send(customer, false, also)
}

// SendAnytime is Send for a channel that needs no open reply window.
func (b *Box) SendAnytime(customer string) *outbox.Job {
	b.t.Helper()
	return b.send(customer, true, nil)
}

func (b *Box) send(customer string, anytime bool, also []string) *outbox.Job {
	b.t.Helper()
	m := &normalize.Message{
		Direction: normalize.Outbound, Channel: normalize.Account{Name: "mail", Type: "test"},
		Address: normalize.Email(customer+"@example.com", ""), Thread: normalize.Thread{Key: customer},
		ReceivedAt: b.Now, Text: "hello", FullText: "hello",
		Parts: []normalize.Part{{Kind: normalize.PartText, Text: "hello"}},
	}
	if len(also) > 0 {
		m.Thread.To = []normalize.Address{m.Address}
		for _, c := range also {
			m.Thread.Cc = append(m.Thread.Cc, normalize.Email(c+"@example.com", ""))
		}
	}
	m, _, err := b.Reply(b.t.Context(), timeline.Reply{Message: m, Jobs: [][]int{{0}}, Anytime: anytime, ExpiresAt: b.Now.Add(time.Hour), Now: b.Now})
	b.must(err)
	jobs, err := b.JobsOf(b.t.Context(), m.ID)
	b.must(err)
	for _, j := range jobs {
		if j.Task == outbox.TaskSend {
			return j
		}
	}
	b.t.Fatalf("the answer has no job: %+v", jobs)
	return nil
}

// Hear takes in a message of a customer that opens a reply window.
func (b *Box) Hear(customer string, w normalize.ReplyWindow) {
	b.t.Helper()
	m := &normalize.Message{
		Address: normalize.Email(customer+"@example.com", ""), ExternalID: customer + b.Now.String(), Thread: normalize.Thread{Key: customer},
		SentAt: b.Now, ReceivedAt: b.Now, Text: "hi", ReplyWindow: &w,
	}
	_, err := timeline.Commit(b.t.Context(), b, timeline.Ingest{Account: "mail", Now: b.Now, Entries: []timeline.Entry{{
		Outcome: normalize.Accepted, Item: m, Input: timeline.Raw{Key: m.ExternalID, ReceivedAt: b.Now, Digest: sha256.Sum256([]byte(m.ExternalID))},
	}}})
	b.must(err)
}

// Report takes in word of the vendor on what was sent.
func (b *Box) Report(r normalize.Receipt) {
	b.t.Helper()
	name := r.PartID.String() + string(r.Status)
	_, err := timeline.Commit(b.t.Context(), b, timeline.Ingest{Account: "mail", Now: b.Now, Entries: []timeline.Entry{{
		Outcome: normalize.Accepted, Item: normalize.Receipts{r}, Input: timeline.Raw{Key: name, ReceivedAt: b.Now, Digest: sha256.Sum256([]byte(name))},
	}}})
	b.must(err)
}

// Claims claims up to n jobs of an account for a minute.
func (b *Box) Claims(account string, n int) []*outbox.Job {
	b.t.Helper()
	lane := outbox.Deliver
	if account == "desk" {
		lane = outbox.Forward
	}
	jobs, err := b.Claim(b.t.Context(), lane, account, b.Now, time.Minute, n)
	b.must(err)
	return jobs
}

// Take claims the only job that can be claimed.
func (b *Box) Take(account string) *outbox.Job {
	b.t.Helper()
	jobs := b.Claims(account, 10)
	if len(jobs) != 1 {
		b.t.Fatalf("%d jobs to claim, want 1", len(jobs))
	}
	return jobs[0]
}

// Started begins a claimed job.
func (b *Box) Started(j *outbox.Job) *outbox.Job {
	b.t.Helper()
	_, err := b.Begin(b.t.Context(), j.ID, j.Fence, b.Now)
	b.must(err)
	return j
}

// End settles a job that had begun.
func (b *Box) End(j *outbox.Job, r outbox.Result) {
	b.t.Helper()
	p := outbox.DeliverPolicy
	b.must(b.Settle(b.t.Context(), p.Settle(j, true, r, b.Now)))
}

// Outcome reads what became of a job and of the part that it carried.
func (b *Box) Outcome(job normalize.ID) (outbox.State, normalize.Status) {
	b.t.Helper()
	j, err := b.Job(b.t.Context(), job)
	b.must(err)
	m, err := b.Message(b.t.Context(), j.Message)
	b.must(err)
	return j.State, m.Parts[0].Status
}

func failure(c connectors.Class) outbox.Result {
	return outbox.Result{Err: connectors.Errorf(c, "x1", "words of the vendor")}
}

var accepted = outbox.Result{Status: normalize.StatusAccepted}
