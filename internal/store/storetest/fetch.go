package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// Files of nobody.
const (
	catFile = "1111111111111111111111111111111111111111111111111111111111111111"
	dogFile = "2222222222222222222222222222222222222222222222222222222222222222"
)

// picture is a message with a medium that is still with the vendor.
func (h *harness) picture(ref string, f ...func(m *normalize.Message)) *normalize.Message {
	return h.msg("ann@example.com", "look", append([]func(m *normalize.Message){func(m *normalize.Message) {
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartImage, Text: "a cat", Media: &normalize.Media{Name: "cat.jpg", Size: 9, Ref: ref}})
	}}, f...)...)
}

// fetches claims what is to be fetched.
func (h *harness) fetches(want int) []*outbox.Job {
	h.Helper()
	jobs, err := h.db.Claim(h.ctx(), outbox.Fetch, "support", h.now, time.Minute, 10)
	h.must(err)
	if len(jobs) != want {
		h.Fatalf("%d media to fetch, want %d", len(jobs), want)
	}
	return jobs
}

func (h *harness) fetched(j *outbox.Job, r outbox.Result) {
	h.Helper()
	_, err := h.db.Begin(h.ctx(), j.ID, j.Fence, h.now)
	h.must(err)
	h.must(h.db.Settle(h.ctx(), outbox.FetchPolicy.Settle(j, true, r, h.now)))
}

// changes are the steps of parts that were told so far.
func (h *harness) changes() (list []*normalize.StatusChange) {
	h.Helper()
	events, err := h.db.Events(h.ctx(), 0, 0)
	h.must(err)
	for _, e := range events {
		if e.Type == normalize.MessageStatus {
			data, ok := e.Data.(*normalize.MessageEvent)
			if !ok {
				h.Fatalf("event %+v", e)
			}
			list = append(list, data.Change)
		}
	}
	return list
}

func mediaThatCome(t *testing.T, h *harness) {
	m := h.place(h.picture("file-1"))
	p := m.Parts[1]
	if p.Status != normalize.StatusPending || p.Media.Name != "cat.jpg" || m.Parts[0].Status != normalize.StatusReceived {
		t.Fatalf("parts %+v", m.Parts)
	}
	if _, err := h.db.Media(h.ctx(), p.Media.ID); !errors.Is(err, timeline.ErrPending) {
		t.Errorf("a medium that is still with the vendor: %v", err)
	}
	h.take(normalize.Duplicate, h.entry("again", h.picture("file-1", func(x *normalize.Message) { x.ExternalID = m.ExternalID })))
	if jobs, err := h.db.Claim(h.ctx(), outbox.Deliver, "support", h.now, time.Minute, 10); err != nil || len(jobs) != 0 {
		t.Errorf("the deliver lane got %v, %v", jobs, err)
	}
	if due, err := h.db.NextDue(h.ctx(), outbox.Fetch, "support"); err != nil || due.After(h.now) {
		t.Errorf("due %s, %v", due, err)
	}
	j := h.fetches(1)[0]
	if j.Lane != outbox.Fetch || j.Task != outbox.TaskFetch || j.Message != m.ID || len(j.Parts) != 1 || j.Parts[0] != p.ID || j.Conversation != m.ConversationID {
		t.Errorf("job %+v", j)
	}
	// Its worker is killed; after the lease another one begins anew.
	_, err := h.db.Begin(h.ctx(), j.ID, j.Fence, h.now)
	h.must(err)
	h.now = h.now.Add(2 * time.Minute)
	again := h.fetches(1)[0]
	if again.ID != j.ID || !again.Interrupted {
		t.Fatalf("after the lease: %+v", again)
	}
	h.fetched(again, outbox.Result{Repeatable: true, Fetched: &normalize.Media{SHA256: catFile, Size: 12, Name: "Cat.jpg", ContentType: "image/jpeg"}})
	got := h.message(m.ID).Parts[1]
	if got.Status != normalize.StatusReceived || !got.StatusAt.Equal(h.now) || got.Media.SHA256 != catFile || got.Media.Size != 12 ||
		got.Media.Name != "Cat.jpg" || got.Media.ContentType != "image/jpeg" || got.Text != "a cat" || got.ID != p.ID || got.Media.ID != p.Media.ID {
		t.Errorf("part %+v, medium %+v", got, got.Media)
	}
	f, err := h.db.Media(h.ctx(), p.Media.ID)
	h.must(err)
	if f.SHA256 != catFile || f.Name != "Cat.jpg" || f.Size != 12 {
		t.Errorf("file %+v", f)
	}
	if c := h.changes(); len(c) != 1 || c[0].PartID != p.ID || c[0].Status != normalize.StatusReceived {
		t.Errorf("told %+v", c)
	}
	if stored, err := h.db.Job(h.ctx(), j.ID); err != nil || stored.State != outbox.Done {
		t.Errorf("job %+v, %v", stored, err)
	}
	h.fetches(0)
}

func mediaThatDoNotCome(t *testing.T, h *harness) {
	m := h.place(h.picture("file-1"))
	part := func() normalize.Part { return h.message(m.ID).Parts[1] }
	file := func() error {
		_, err := h.db.Media(h.ctx(), part().Media.ID)
		return err
	}
	j := h.fetches(1)[0]
	h.fetched(j, outbox.Result{Repeatable: true, Err: connectors.Errorf(connectors.Transient, "503", "later")})
	if p := part(); p.Status != normalize.StatusPending {
		t.Fatalf("while it is tried: %+v", p)
	}
	h.now = h.now.Add(time.Hour)
	h.fetched(h.fetches(1)[0], outbox.Result{Repeatable: true, Err: connectors.Errorf(connectors.Rejected, "404", "the file is gone")})
	if p := part(); p.Status != normalize.StatusFailed || p.Error != "the file is gone" {
		t.Errorf("part %+v", p)
	}
	if err := file(); !errors.Is(err, timeline.ErrNoMedia) || !strings.Contains(err.Error(), "the file is gone") {
		t.Errorf("file: %v", err)
	}
	stuck, err := h.db.Jobs(h.ctx(), outbox.Filter{Lane: outbox.Fetch, Stuck: true})
	h.must(err)
	if len(stuck) != 1 || stuck[0].ID != j.ID {
		t.Errorf("stuck %+v", stuck)
	}
	h.must(h.db.Retry(h.ctx(), j.ID, h.now.Add(time.Hour), h.now))
	if p := part(); p.Status != normalize.StatusPending || p.Error != "" || !errors.Is(file(), timeline.ErrPending) {
		t.Errorf("retried by hand: %+v, %v", p, file())
	}
	h.now = h.now.Add(2 * time.Hour)
	h.fetches(0)
	if p := part(); p.Status != normalize.StatusFailed || !strings.Contains(p.Error, "in time") {
		t.Errorf("expired: %+v", p)
	}
	h.must(h.db.Retry(h.ctx(), j.ID, time.Time{}, h.now))
	h.must(h.db.Cancel(h.ctx(), j.ID, h.now))
	if p := part(); p.Status != normalize.StatusFailed || !strings.Contains(p.Error, "cancelled") {
		t.Errorf("cancelled: %+v", p)
	}
	h.must(h.db.Retry(h.ctx(), j.ID, time.Time{}, h.now))
	h.fetched(h.fetches(1)[0], outbox.Result{Repeatable: true, Fetched: &normalize.Media{SHA256: dogFile, Size: 1}})
	if p := part(); p.Status != normalize.StatusReceived || p.Error != "" || file() != nil {
		t.Errorf("came after all: %+v, %v", p, file())
	}
	counts, err := h.db.Counts(h.ctx())
	h.must(err)
	for _, c := range counts {
		if c.Lane == outbox.Fetch {
			t.Errorf("still counted: %+v", c)
		}
	}
}

// mediaOfWhatIsGone: nothing of a message comes after it was taken back, and
// an edit and a replay do not fetch twice.
func mediaOfWhatIsGone(t *testing.T, h *harness) {
	m := h.place(h.picture("file-1"))
	j := h.fetches(1)[0]
	h.take(normalize.Accepted, h.entry("edit", &normalize.Edit{Target: m.ExternalID, Text: "see", At: h.now.Add(time.Second)}))
	edited := h.message(m.ID)
	if p := edited.Parts[1]; edited.Text != "see" || p.Status != normalize.StatusPending || p.Media.Ref != "file-1" {
		t.Errorf("edited %+v", edited)
	}
	h.take(normalize.Accepted, h.entry("gone", &normalize.Delete{Target: m.ExternalID, At: h.now}))
	h.fetched(j, outbox.Result{Repeatable: true, Fetched: &normalize.Media{SHA256: catFile, Size: 12}})
	if got := h.message(m.ID); len(got.Parts) != 0 || len(h.changes()) != 0 {
		t.Errorf("after it was taken back: %+v", got)
	}
	lost, err := h.db.Sweep(h.ctx(), store.Retention{})
	h.must(err)
	if len(lost) != 1 || lost[0] != catFile {
		t.Errorf("files without a message: %v", lost)
	}

	erased := h.place(h.picture("file-of-the-erased", func(m *normalize.Message) { m.Address = normalize.Email("gone@example.com", "") }))
	h.fetches(1)
	if lost, err := h.db.Erase(h.ctx(), erased.Customer.ID, h.now); err != nil || len(lost) != 0 {
		t.Errorf("files of who has none here yet: %q, %v", lost, err)
	}

	two := h.place(h.picture("file-2", func(m *normalize.Message) {
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartFile, Media: &normalize.Media{Name: "x.pdf", Ref: "file-3"}})
	}))
	jobs := h.fetches(2)
	h.fetched(jobs[0], outbox.Result{Repeatable: true, Fetched: &normalize.Media{SHA256: dogFile, Size: 3}})
	rows, err := h.db.Ledger(h.ctx(), timeline.LedgerFilter{Limit: 1})
	h.must(err)
	replay := h.entry("again", h.picture("file-2", func(m *normalize.Message) {
		m.ExternalID, m.Parts[1].Text = two.ExternalID, "a dog"
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartFile, Media: &normalize.Media{Name: "x.pdf", Ref: "file-4"}})
	}))
	replay.Replay = rows[0].ID
	h.take(normalize.Accepted, replay)
	got := h.message(two.ID)
	if p := got.Parts[1]; p.Text != "a dog" || p.Media.SHA256 != dogFile || p.Status != normalize.StatusReceived || p.ID != two.Parts[1].ID {
		t.Errorf("read again, it lost what had come: %+v", p)
	}
	if p := got.Parts[2]; p.Status != normalize.StatusPending || p.Media.Ref != "file-4" {
		t.Errorf("read again with another reference: %+v", p)
	}
	if j := h.fetches(1)[0]; j.Parts[0] != got.Parts[2].ID {
		t.Errorf("job %+v", j)
	}
}
