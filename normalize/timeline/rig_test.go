package timeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/store/media"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// engines runs a test on an empty store of each kind.
func engines(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, newRig(t, "sqlite://"+filepath.Join(t.TempDir(), "x.db")))
	})
	t.Run("postgres", func(t *testing.T) { test(t, newRig(t, testenv.Postgres(t))) })
}

// rig is an Ingestor over a real store and a real media folder.
type rig struct {
	*timeline.Ingestor
	t     *testing.T
	url   string
	db    *store.DB
	files *media.Dir
	log   *logged
	now   time.Time

	mu       sync.Mutex
	outcomes map[normalize.Outcome]int
}

type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) holds(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.b.Bytes(), []byte(s))
}

const idle = 48 * time.Hour

func newRig(t *testing.T, url string) *rig {
	t.Helper()
	r := &rig{t: t, url: url, log: &logged{}, now: time.Now().UTC().Truncate(time.Second), outcomes: map[normalize.Outcome]int{}}
	r.db = r.open()
	var err error
	if r.files, err = media.Open(filepath.Join(t.TempDir(), "media")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.files.Close() })
	r.must(r.db.RegisterAccounts(t.Context(), []store.AccountRow{
		{Name: "chat", Role: store.RoleChannel, Type: "test"},
		{Name: "sms", Role: store.RoleChannel, Type: "test"},
	}))
	r.Ingestor = r.on(r.db)
	return r
}

// open gives another handle on the database, as another node has it.
func (r *rig) open() *store.DB {
	r.t.Helper()
	db, err := store.Open(r.t.Context(), r.url, store.Options{})
	r.must(err)
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = db.Close(ctx) // some tests close it before
	})
	return db
}

func (r *rig) on(s timeline.Store) *timeline.Ingestor {
	return &timeline.Ingestor{
		Store: s, Files: r.files, Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now: func() time.Time { return r.now }, IdleTimeout: func() time.Duration { return idle },
		Observe: func(_ string, res timeline.Result) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.outcomes[res.Outcome]++
		},
	}
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// wire is what a vendor of the tests sends.
type wire struct {
	Do       string // message unless named
	ID       string
	From     string
	Text     string
	ReplyTo  string
	Target   string
	Outbound bool
	Separate bool
	Status   normalize.Status
	Pad      []byte
}

func (w wire) input() normalize.Input {
	b, err := json.Marshal(w)
	if err != nil {
		panic(err)
	}
	return normalize.Input{Key: w.ID, Raw: b, ContentType: "application/json", Meta: map[string]string{"box": "in"}}
}

func batch(list ...wire) normalize.Batch {
	var b normalize.Batch
	for _, w := range list {
		b.Inputs = append(b.Inputs, w.input())
	}
	return b
}

// decoder reads wires. Before it is mended, some are beyond it.
type decoder struct {
	mended bool
	item   normalize.Item // instead of what the input says
}

var errOdd = errors.New("odd_field: field 7 has no value")

func (d decoder) Decode(in normalize.Input) (normalize.Item, error) {
	if d.item != nil {
		return d.item, nil
	}
	var w wire
	if err := json.Unmarshal(in.Raw, &w); err != nil {
		return nil, errors.New("no_json: the input is no JSON")
	}
	if !d.mended {
		switch w.Do {
		case "panic":
			panic("cannot read " + w.Text)
		case "error":
			return w.message(), errOdd // half of a message comes with it
		}
	}
	switch w.Do {
	case "edit":
		return &normalize.Edit{Target: w.Target, Text: w.Text}, nil
	case "delete":
		return &normalize.Delete{Target: w.Target}, nil
	case "receipt":
		return normalize.Receipts{{ExternalID: w.Target, Status: w.Status}}, nil
	case "presence":
		return &normalize.Ignored{Reason: "own_presence"}, nil
	}
	return w.message(), nil
}

func (w wire) message() *normalize.Message {
	m := &normalize.Message{
		ExternalID: w.ID, Address: normalize.Email(w.From, ""), Text: w.Text,
		Thread: normalize.Thread{ReplyTo: w.ReplyTo, Separate: w.Separate},
		Parts:  []normalize.Part{{Kind: normalize.PartText, Text: w.Text}},
	}
	if w.Outbound {
		m.Direction = normalize.Outbound
	}
	return m
}

func (d decoder) Peek(in normalize.Input) *normalize.Message {
	var w wire
	if json.Unmarshal(in.Raw, &w) != nil || w.From == "" {
		return nil
	}
	return &normalize.Message{Address: normalize.Email(w.From, ""), Subject: "from " + w.From, Text: "none of Peek's business"}
}

func source(d timeline.Decoder) timeline.Source {
	return timeline.Source{Account: normalize.Account{Name: "chat", Type: "test"}, Decoder: d}
}

// take takes a batch in and returns the ledger's rows of it, in its order.
func (r *rig) take(b normalize.Batch) []*timeline.LedgerEntry {
	r.t.Helper()
	return r.takeBy(decoder{}, b)
}

func (r *rig) takeBy(d timeline.Decoder, b normalize.Batch) []*timeline.LedgerEntry {
	r.t.Helper()
	r.must(r.Take(r.t.Context(), source(d), b))
	list := r.ledger()
	if len(list) < len(b.Inputs) {
		r.t.Fatalf("%d rows in the ledger, %d inputs in the batch alone", len(list), len(b.Inputs))
	}
	return list[len(list)-len(b.Inputs):]
}

// ledger returns the whole ledger, oldest first.
func (r *rig) ledger() []*timeline.LedgerEntry { return r.ledgerAfter(0) }

// ledgerAfter returns the rows that are newer than one, oldest first.
func (r *rig) ledgerAfter(old normalize.ID) (list []*timeline.LedgerEntry) {
	r.t.Helper()
	var before normalize.ID
	for {
		page, err := r.db.Ledger(r.t.Context(), timeline.LedgerFilter{After: before, Limit: 100})
		r.must(err)
		for _, e := range page {
			if e.ID <= old {
				page = nil
				break
			}
			list, before = append(list, e), e.ID
		}
		if len(page) == 0 {
			slices.Reverse(list)
			return list
		}
	}
}

func (r *rig) message(id normalize.ID) *normalize.Message {
	r.t.Helper()
	m, err := r.db.Message(r.t.Context(), id)
	r.must(err)
	return m
}

// raw returns the bytes that the ledger keeps, and how.
func (r *rig) raw(id normalize.ID) (b []byte, encoding string) {
	r.t.Helper()
	_, raw, err := r.db.LedgerRaw(r.t.Context(), id)
	r.must(err)
	b, err = timeline.Unpack(r.t.Context(), r.files, raw)
	r.must(err)
	return b, raw.Encoding
}

func (r *rig) customers() []*normalize.Customer {
	r.t.Helper()
	list, err := r.db.Customers(r.t.Context(), "", 0, 0)
	r.must(err)
	return list
}

func (r *rig) timeline(customer normalize.ID) []*normalize.Message {
	r.t.Helper()
	list, err := r.db.Timeline(r.t.Context(), customer, 0, 0)
	r.must(err)
	return list
}

func (r *rig) conversations() []*normalize.Conversation {
	r.t.Helper()
	list, err := r.db.Conversations(r.t.Context(), timeline.ConversationFilter{})
	r.must(err)
	return list
}

// events counts the events of a type.
func (r *rig) events(typ normalize.EventType) (n int) {
	r.t.Helper()
	list, err := r.db.Events(r.t.Context(), 0, 0)
	r.must(err)
	for _, e := range list {
		if e.Type == typ {
			n++
		}
	}
	return n
}

func (r *rig) cursor(key string) string {
	r.t.Helper()
	v, err := r.db.Cursor(r.t.Context(), "chat", key)
	r.must(err)
	return v
}

func names(n int, f func(i int) wire) (list []wire) {
	for i := range n {
		w := f(i)
		w.ID = fmt.Sprintf("id-%d", i)
		list = append(list, w)
	}
	return list
}

func (r *rig) merge(from, into normalize.ID) normalize.ID {
	r.t.Helper()
	m, err := r.db.Merge(r.t.Context(), identity.Merge{From: from, Into: into, Reason: "same person", Author: "Eve", At: r.now})
	r.must(err)
	return m.ID
}
