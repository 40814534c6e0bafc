package inbox_test

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const benchConversations = 20_000

// BenchmarkTwentyThousandConversations tells how long the pages take where the
// inbox is large: the 95th percentile, in milliseconds.
func BenchmarkTwentyThousandConversations(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchPages(b, "sqlite://"+filepath.Join(b.TempDir(), "bench.db")) })
	b.Run("postgres", func(b *testing.B) { benchPages(b, testenv.Postgres(b)) })
}

func benchPages(b *testing.B, url string) {
	var begin, now time.Time
	r := newRigWith(b, setup{store: url, days: 14, past: func(db *store.DB, from, to time.Time) {
		begin, now = from, to
		crowd(b, db, from, to)
		for n := 1; n > 0; {
			var err error
			if n, err = db.Index(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		vacuum(b, url)
	}})
	in := r.login()
	open, err := r.app.Store().Overview(b.Context(), timeline.OverviewFilter{Limit: 1})
	if err != nil || len(open) == 0 {
		b.Fatal(open, err)
	}
	id := open[0].ID.String()
	for _, page := range []struct{ name, path string }{
		{"list", "list"},
		{"conversation", "c/" + id},
		{"timeline", "c/" + id + "/timeline"},
		{"search", "list?q=Customer+199"},
		{"common", "list?q=kettle"},
		{"rare", "list?q=nobody-is-called-so"},
		{"closed", "list?state=closed"},
	} {
		b.Run(page.name, func(b *testing.B) {
			p95(b, func() {
				if code, _, _ := get(b, in, r.url+page.path); code != http.StatusOK {
					b.Fatal(code)
				}
			})
		})
	}
	bounds := []time.Time{begin}
	for bounds[len(bounds)-1].Before(now) {
		bounds = append(bounds, bounds[len(bounds)-1].Add(24*time.Hour))
	}
	for _, q := range []struct {
		name string
		run  func(db *store.DB) (int, error)
	}{
		{"traffic", func(db *store.DB) (int, error) { l, err := db.Traffic(b.Context(), bounds); return len(l), err }},
		{"first-answers", func(db *store.DB) (int, error) {
			l, err := db.FirstAnswers(b.Context(), begin)
			return len(l), err
		}},
		{"resolutions", func(db *store.DB) (int, error) { l, err := db.Resolutions(b.Context(), begin); return len(l), err }},
		{"backlog", func(db *store.DB) (int, error) { l, err := db.Backlog(b.Context()); return len(l), err }},
	} {
		b.Run(q.name, func(b *testing.B) {
			p95(b, func() {
				if n, err := q.run(r.app.Store()); err != nil || n == 0 {
					b.Fatal(n, err)
				}
			})
		})
	}
}

// vacuum does at once what PostgreSQL does by itself after a minute.
func vacuum(b *testing.B, url string) {
	if !strings.HasPrefix(url, "postgres") {
		return
	}
	c, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	_, err = c.Exec(b.Context(), "VACUUM ANALYZE")
	if err := errors.Join(err, c.Close(b.Context())); err != nil {
		b.Fatal(err)
	}
}

// p95 reports the 95th percentile of what a call takes.
func p95(b *testing.B, call func()) {
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		call()
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
}

// crowd has customers write between two times, in conversations of one to four
// messages; the oldest third of the conversations is closed.
func crowd(b *testing.B, db *store.DB, from, to time.Time) {
	accounts := []string{"support", "sales", "whatsapp", "wechat"}
	var rows []store.AccountRow
	for _, a := range accounts {
		rows = append(rows, store.AccountRow{Name: a, Role: store.RoleChannel, Type: "email"})
	}
	if err := db.RegisterAccounts(b.Context(), rows); err != nil {
		b.Fatal(err)
	}
	type said struct {
		at   time.Time
		n, i int // of the conversation, and which message in it
	}
	var all []said
	for n := range benchConversations {
		at := from.Add(time.Duration(n) * (to.Sub(from) / benchConversations))
		for i := range n%4 + 1 {
			if at.Before(to) {
				all = append(all, said{at, n, i})
			}
			at = at.Add(time.Duration(1+n%97) * time.Minute)
		}
	}
	slices.SortFunc(all, func(x, y said) int { return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.n, y.n), cmp.Compare(x.i, y.i)) })
	const batch = 1000
	for part := range slices.Chunk(all, batch) {
		for a, account := range accounts {
			in := timeline.Ingest{Account: account, Now: part[len(part)-1].at, IdleTimeout: 30 * 24 * time.Hour}
			for _, s := range part {
				if s.n%7%len(accounts) == a {
					in.Entries = append(in.Entries, crowdEntry(s.n, s.i, s.at))
				}
			}
			if _, err := timeline.Commit(b.Context(), db, in); err != nil {
				b.Fatal(err)
			}
		}
	}
	for {
		n, err := db.CloseIdle(b.Context(), from.Add(to.Sub(from)/3), to, 500)
		if err != nil {
			b.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func crowdEntry(n, i int, at time.Time) timeline.Entry {
	words := fmt.Sprintf("message number %d of conversation %d: the kettle that I bought from you last week leaks, and I would like to have another one", i, n)
	m := &normalize.Message{
		Direction: normalize.Inbound, Address: normalize.Email(fmt.Sprintf("c%d@example.test", n), fmt.Sprintf("Customer %d", n)),
		ExternalID: fmt.Sprintf("x%d-%d", n, i), Subject: fmt.Sprint("Matter ", n), Text: words, FullText: words, SentAt: at, ReceivedAt: at,
		Thread: normalize.Thread{Key: fmt.Sprint(n)}, Parts: []normalize.Part{{Kind: normalize.PartText, Text: words}},
	}
	if i%2 == 1 {
		m.Direction = normalize.Outbound
	}
	return timeline.Entry{Outcome: normalize.Accepted, Item: m, Input: timeline.Raw{
		Key: m.ExternalID, ReceivedAt: at, Size: int64(len(words)), Digest: sha256.Sum256([]byte(m.ExternalID)), Data: []byte(words),
	}}
}
