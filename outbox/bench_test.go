package outbox_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/deskbridge/deskbridge/internal/store/storetest"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/outbox"
)

// BenchmarkDeliver is a dispatcher at work: claim, begin, a vendor that
// accepts at once, settle. One operation is one answer delivered.
func BenchmarkDeliver(b *testing.B) {
	for _, e := range []struct {
		name string
		url  func(testing.TB) string
	}{
		{"sqlite", func(t testing.TB) string { return "sqlite://" + filepath.Join(t.TempDir(), "x.db") }},
		{"postgres", testenv.Postgres},
	} {
		for _, parallel := range []int{8, 64} {
			b.Run(fmt.Sprintf("%s/parallel=%d", e.name, parallel), func(b *testing.B) {
				box := storetest.NewBox(b, e.url(b))
				r := &rig{Box: box, t: b, clock: &clock{now: box.Now}, vendor: &vendor{}}
				r.vendor.limits.Parallel = parallel
				for i := range b.N {
					r.Send(fmt.Sprint("c", i%500))
				}
				b.ResetTimer()
				stop := r.deliver()
				r.eventually("all sent", func() bool { return r.vendor.requests() == b.N })
				b.StopTimer()
				stop()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
				if due, err := r.NextDue(b.Context(), outbox.Deliver, "mail"); err != nil || !due.IsZero() {
					b.Errorf("work is left: %s %v", due, err)
				}
			})
		}
	}
}
