package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// varied gives a message words of its own: sixty of a vocabulary of 20,000, of
// which some come often.
func varied(i int64) timeline.Ingest {
	in := benchMessage(i)
	var b strings.Builder
	for range 60 {
		fmt.Fprintf(&b, "w%dord%d ", int(rand.ExpFloat64()*2000)%20_000, i%7)
	}
	m, ok := in.Entries[0].Item.(*normalize.Message)
	if !ok {
		panic("no message")
	}
	m.Text, m.FullText, m.Parts[0].Text = b.String(), b.String(), b.String()
	return in
}

// BenchmarkIngestIndexed compares the ingest while nothing, and while the
// search, follows it.
func BenchmarkIngestIndexed(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, indexed := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/%t", engine, indexed), func(b *testing.B) {
				url := "sqlite://" + filepath.Join(b.TempDir(), "x.db")
				if engine == "postgres" {
					url = testenv.Postgres(b)
				}
				db := benchDB(b, url)
				if indexed {
					if _, err := db.Index(b.Context()); err != nil {
						b.Fatal(err)
					}
					ctx, stop := context.WithCancel(b.Context())
					ended := make(chan struct{})
					go func() { defer close(ended); db.KeepIndex(ctx, func() bool { return true }) }()
					b.Cleanup(func() { stop(); <-ended })
				}
				parallel(b, 64, func(i int64) error {
					_, err := timeline.Commit(b.Context(), db, varied(i))
					return err
				})
			})
		}
	}
}

// BenchmarkIndex tells what indexing a message takes, and how many bytes.
func BenchmarkIndex(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			url := "sqlite://" + filepath.Join(b.TempDir(), "x.db")
			if engine == "postgres" {
				url = testenv.Postgres(b)
			}
			db := benchDB(b, url)
			if _, err := db.Index(b.Context()); err != nil {
				b.Fatal(err)
			}
			for i := range b.N {
				if _, err := timeline.Commit(b.Context(), db, varied(int64(i))); err != nil {
					b.Fatal(err)
				}
			}
			before := sizeOf(b, db)
			b.ResetTimer()
			for n := 1; n > 0; {
				var err error
				if n, err = db.Index(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(sizeOf(b, db)-before)/float64(b.N), "B/msg")
		})
	}
}
