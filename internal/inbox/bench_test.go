package inbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// BenchmarkTwentyThousandConversations tells how long the pages take where the
// inbox is large: the 95th percentile, in milliseconds.
func BenchmarkTwentyThousandConversations(b *testing.B) {
	r := newRig(b)
	const all, batch = 20_000, 500
	now := time.Now().UTC()
	for i := range all / batch {
		items := make([]normalize.Item, batch)
		for j := range items {
			n := i*batch + j
			said := fmt.Sprintf("message number %d of those who wait", n)
			items[j] = &normalize.Message{
				Direction: normalize.Inbound, Address: normalize.Email(fmt.Sprintf("c%d@example.test", n), fmt.Sprintf("Customer %d", n)),
				ExternalID: fmt.Sprint("x", n), Subject: fmt.Sprint("Matter ", n), Text: said, FullText: said, SentAt: now, ReceivedAt: now,
				Thread: normalize.Thread{Key: fmt.Sprint(n)}, Parts: []normalize.Part{{Kind: normalize.PartText, Text: said}},
			}
		}
		r.take(items...)
	}
	in := r.login()
	m := r.received(1)
	for name, page := range map[string]string{
		"list": "list", "conversation": "c/" + m.ConversationID.String(), "timeline": "c/" + m.ConversationID.String() + "/timeline",
		"search": "list?q=Customer+199", "rare": "list?q=nobody-is-called-so", "closed": "list?state=closed",
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				if code, _, _ := get(b, in, r.url+page); code != http.StatusOK {
					b.Fatal(code)
				}
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
}
