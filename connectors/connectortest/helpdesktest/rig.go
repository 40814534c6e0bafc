package helpdesktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/store/media"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
	"github.com/deskbridge/deskbridge/outbox/ticket"
)

const (
	desk     = "desk"
	chat     = "chat"
	patience = 3 * time.Minute
)

// rig is the engine over a real store, a channel whose vendor is the test, and
// the helpdesk.
type rig struct {
	*testing.T
	db      *store.DB
	files   *media.Dir
	product Product
	tickets *fallible
	ingest  *timeline.Ingestor
	n       int
}

func newRig(t *testing.T, s Suite) *rig {
	t.Helper()
	r := &rig{T: t}
	var h helpdesk.Tickets
	h, r.product = s.Open(t)
	r.tickets = &fallible{Tickets: h}
	t.Cleanup(func() { _ = h.Close(context.Background()) })
	var err error
	r.db, err = store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "x.db"), store.Options{})
	r.must(err)
	r.files, err = media.Open(filepath.Join(t.TempDir(), "media"))
	r.must(err)
	r.must(r.db.RegisterAccounts(t.Context(), []store.AccountRow{
		{Name: chat, Role: store.RoleChannel, Type: "test"}, {Name: desk, Role: store.RoleHelpdesk, Type: "test", Wants: ticket.Wants},
	}))
	now := connectors.SystemClock{}.Now
	r.ingest = &timeline.Ingestor{
		Store: r.db, Files: r.files, Log: slog.New(slog.DiscardHandler), Now: now,
		IdleTimeout: func() time.Duration { return time.Hour }, Observe: func(string, timeline.Result) {},
	}
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	d := outbox.New(outbox.Config{
		Lane: outbox.Forward, Account: desk, Store: r.db, Accounts: noAccounts{}, Clock: connectors.SystemClock{}, Log: slog.New(slog.DiscardHandler),
		Metrics: outbox.NewMetrics(prometheus.NewRegistry()), Policy: quick(), Poll: 20 * time.Millisecond,
		Worker: &ticket.Worker{
			Account: desk, Helpdesk: r.tickets, Store: r.db, Files: files{r}, Now: now,
			Desk: &timeline.Desk{Store: r.db, Outlets: outlets{}, Now: now, Expire: time.Hour},
		},
	})
	done.Go(func() { _ = d.Run(ctx) })
	t.Cleanup(func() {
		stop()
		done.Wait()
		_ = r.db.Close(context.Background())
		_ = r.files.Close()
		if n := r.product.Mailed(); n > 0 {
			t.Errorf("the product itself wrote to customers %d times", n)
		}
	})
	r.pull() // the first cursor
	return r
}

// quick is the policy of the lane with shorter waits.
func quick() outbox.Policy {
	p := outbox.ForwardPolicy
	p.Retry = outbox.Backoff{Base: 50 * time.Millisecond, Cap: time.Second}
	return p
}

type noAccounts struct{}

func (noAccounts) SetAccountState(context.Context, string, string, string, time.Time) error {
	return nil
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// wire is an input of the channel.
type wire struct {
	Message *normalize.Message `json:",omitempty"`
	Key     string             // of the thread
	Data    [][]byte           `json:",omitempty"` // of the parts' media; nil is still with the vendor
	Edit    *normalize.Edit    `json:",omitempty"`
	Delete  *normalize.Delete  `json:",omitempty"`
	Receipt *normalize.Receipt `json:",omitempty"`
}

type decoder struct{}

func (decoder) Decode(in normalize.Input) (normalize.Item, error) {
	var w wire
	if err := json.Unmarshal(in.Raw, &w); err != nil {
		return nil, err
	}
	switch {
	case w.Edit != nil:
		return w.Edit, nil
	case w.Delete != nil:
		return w.Delete, nil
	case w.Receipt != nil:
		return normalize.Receipts{*w.Receipt}, nil
	}
	w.Message.Thread.Key = w.Key
	for i, b := range w.Data {
		if m := w.Message.Parts[i].Media; m != nil && b != nil {
			m.Data = b
		} else if m != nil {
			m.Ref = "ref"
		}
	}
	return w.Message, nil
}

// comes takes an input in.
func (r *rig) comes(w wire) {
	r.Helper()
	raw, err := json.Marshal(w)
	r.must(err)
	r.n++
	src := timeline.Source{Account: normalize.Account{Name: chat, Type: "test"}, Decoder: decoder{}}
	r.must(r.ingest.Take(r.Context(), src, normalize.Batch{Inputs: []normalize.Input{{Raw: raw, ContentType: "application/json", ReceivedAt: time.Now().UTC()}}}))
}

// says lets a customer write. change may complete the input.
func (r *rig) says(from, text string, change ...func(w *wire)) *normalize.Message {
	r.Helper()
	r.n++
	now := time.Now().UTC().Truncate(time.Microsecond)
	w := wire{Key: "thread", Message: &normalize.Message{
		Direction: normalize.Inbound, Address: normalize.Address{Kind: "test", Value: from, Name: "Wang " + from},
		ExternalID: from + "-" + time.Now().Format("150405.000000000"), SentAt: now, Text: text,
		Parts: []normalize.Part{{Kind: normalize.PartText, Text: text}},
	}}
	for _, c := range change {
		c(&w)
	}
	r.comes(w)
	m, err := r.db.ByExternalID(r.Context(), chat, w.Message.ExternalID)
	r.must(err)
	return m
}

// withFile adds a file; one without content is still with the vendor.
func withFile(name string, content []byte) func(w *wire) {
	return func(w *wire) {
		w.Message.Parts = append(w.Message.Parts, normalize.Part{Kind: normalize.PartFile, Media: &normalize.Media{
			Name: name, ContentType: "text/plain", Size: int64(len(content)),
		}})
		w.Data = append(w.Data, make([][]byte, len(w.Message.Parts)-len(w.Data))...)
		w.Data[len(w.Message.Parts)-1] = content
	}
}

// until waits for a condition, asking the helpdesk for changes meanwhile.
func (r *rig) until(what string, ok func() bool) {
	r.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			r.Fatalf("not within %v: %s%s", patience, what, r.troubles())
		}
		r.pull()
		time.Sleep(50 * time.Millisecond)
	}
}

// settled waits until nothing is to be done.
func (r *rig) settled() {
	r.Helper()
	deadline := time.Now().Add(patience)
	for {
		counts, err := r.db.Counts(r.Context())
		r.must(err)
		open := slices.ContainsFunc(counts, func(c outbox.Count) bool {
			return c.Account == desk && (c.State == outbox.Queued || c.State == outbox.Sending)
		})
		if !open {
			if s := r.troubles(); s != "" {
				r.Fatal("jobs failed" + s)
			}
			return
		}
		if time.Now().After(deadline) {
			r.Fatalf("there is still work after %v%s", patience, r.troubles())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// troubles lists what jobs complain about.
func (r *rig) troubles() string {
	jobs, err := r.db.Jobs(r.Context(), outbox.Filter{Lane: outbox.Forward, Account: desk, Limit: 100})
	r.must(err)
	var b strings.Builder
	for _, j := range jobs {
		if j.State != outbox.Done {
			fmt.Fprintf(&b, "\n  %s %s: %s", j.Task, j.State, j.LastError)
		}
	}
	return b.String()
}

// pull asks for changes once, as the daemon does.
func (r *rig) pull() {
	r.Helper()
	cursor, err := r.db.Cursor(r.Context(), desk, "changed")
	r.must(err)
	c, err := r.tickets.Changed(r.Context(), cursor)
	r.must(err)
	if cursor == "" && len(c.Tickets) > 0 {
		r.Errorf("the first Changed names tickets: %v", c.Tickets)
	}
	r.must(r.db.TouchTickets(r.Context(), ticket.Touch{
		Account: desk, Tickets: c.Tickets, Cursor: &normalize.Cursor{Key: "changed", Value: c.Cursor}, Now: time.Now().UTC(),
	}))
}

// ticketOf is the ticket of a message's conversation, when it is there.
func (r *rig) ticketOf(m *normalize.Message) string {
	r.Helper()
	r.settled()
	k, err := r.db.TicketOf(r.Context(), desk, m.ConversationID)
	r.must(err)
	if k == nil {
		r.Fatalf("the conversation has no ticket%s", r.troubles())
	}
	return k.Ticket
}

// written are our messages on a customer's timeline, oldest first.
func (r *rig) written(m *normalize.Message) (list []*normalize.Message) {
	r.Helper()
	all, err := r.db.Timeline(r.Context(), m.Customer.ID, 0, 100)
	r.must(err)
	for _, one := range slices.Backward(all) {
		if one.Direction == normalize.Outbound {
			list = append(list, one)
		}
	}
	return list
}

// answers are our messages that a customer is to get, oldest first: a product
// may note by itself that it merged a ticket.
func (r *rig) answers(m *normalize.Message) []*normalize.Message {
	r.Helper()
	return slices.DeleteFunc(r.written(m), func(m *normalize.Message) bool { return m.Note })
}

// fails lets the delivery of all that waits for the channel fail.
func (r *rig) fails(code, why string) {
	r.Helper()
	r.ends(outbox.Settlement{State: outbox.Failed, Class: connectors.Rejected, Code: code, Detail: why, Status: normalize.StatusFailed})
}

// vanishes leaves it open whether what waits for the channel was delivered.
func (r *rig) vanishes(why string) {
	r.Helper()
	r.ends(outbox.Settlement{State: outbox.Uncertain, Class: connectors.Ambiguous, Detail: why, Status: normalize.StatusUncertain})
}

func (r *rig) ends(how outbox.Settlement) {
	r.Helper()
	now := time.Now().UTC()
	jobs, err := r.db.Claim(r.Context(), outbox.Deliver, chat, now, time.Minute, 10)
	r.must(err)
	if len(jobs) == 0 {
		r.Fatal("nothing is to be delivered")
	}
	for _, j := range jobs {
		_, err := r.db.Begin(r.Context(), j.ID, j.Fence, now)
		r.must(err)
		how.Job, how.Fence, how.Now, how.Attempt, how.Err = j.ID, j.Fence, now, true, true
		r.must(r.db.Settle(r.Context(), how))
	}
}

// arrives hands over the file that a message still waits for.
func (r *rig) arrives(name, content string) {
	r.Helper()
	now := time.Now().UTC()
	jobs, err := r.db.Claim(r.Context(), outbox.Fetch, chat, now, time.Minute, 1)
	r.must(err)
	if len(jobs) != 1 {
		r.Fatalf("%d files are to be fetched, want 1", len(jobs))
	}
	f, err := files{r}.Upload(r.Context(), name, "text/plain", strings.NewReader(content))
	r.must(err)
	f.ID = 0 // the medium has an id already
	_, err = r.db.Begin(r.Context(), jobs[0].ID, jobs[0].Fence, now)
	r.must(err)
	r.must(r.db.Settle(r.Context(), outbox.Settlement{Job: jobs[0].ID, Fence: jobs[0].Fence, Now: now, State: outbox.Done, Attempt: true, Fetched: &f}))
}

// files are the media of the rig.
type files struct{ r *rig }

func (f files) Open(ctx context.Context, m *normalize.Media) (io.ReadCloser, error) {
	return f.r.files.Open(ctx, m.SHA256)
}

func (files) Link(m *normalize.Media) string { return "https://files.example/" + m.ID.String() }

func (f files) Upload(ctx context.Context, name, contentType string, r io.Reader) (m normalize.Media, err error) {
	digest, size, err := f.r.files.Put(ctx, io.LimitReader(r, 10<<20))
	if err != nil {
		return m, err
	}
	return f.r.db.PutMedia(ctx, normalize.Media{Name: name, ContentType: contentType, Size: size, SHA256: digest}, time.Now().UTC())
}

// outlets is a channel that carries everything, part by part.
type outlets struct{}

func (outlets) Outlet(string) (timeline.Outlet, bool) { return outlet{}, true }

type outlet struct{}

func (outlet) Account() normalize.Account { return normalize.Account{Name: chat, Type: "test"} }

func (outlet) Address(typed string) normalize.Address {
	return normalize.Address{Kind: "test", Value: typed}
}

func (outlet) Plan(_ context.Context, m, _ *normalize.Message) (p timeline.Plan, err error) {
	for i := range m.Parts {
		p.Jobs = append(p.Jobs, []int{i})
	}
	return p, nil
}

func (outlet) Typing(context.Context, normalize.Thread, normalize.Address) error { return nil }

func (outlet) Recall(context.Context, *normalize.Message, timeline.SentPart) error {
	return errors.ErrUnsupported
}

func (outlet) PerPeerHour() int { return 0 }
