package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// enqueueRace lets answers come in while the last one of their conversation is
// settled, from two nodes. Nobody looks at a queue that believes to be empty.
func enqueueRace(t *testing.T, b *Box) {
	other := &Box{DB: openDB(t, b.URL), URL: b.URL, Now: b.Now, t: t}
	for range 40 {
		b.Send("ann")
		job := b.Started(b.Take("mail"))
		var wg sync.WaitGroup
		wg.Go(func() { other.Send("ann") })
		wg.Go(func() {
			if err := b.Settle(t.Context(), outbox.DeliverPolicy.Settle(job, true, accepted, b.Now)); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		next := b.Claims("mail", 10)
		if len(next) != 1 {
			t.Fatalf("%d jobs to claim: the answer that came meanwhile is forgotten", len(next))
		}
		b.End(b.Started(next[0]), accepted)
	}
}

// claimRace has two nodes empty the same queues.
func claimRace(t *testing.T, b *Box) {
	const conversations, each = 12, 5
	for c := range conversations {
		for range each {
			b.Send(string(rune('a' + c)))
		}
	}
	nodes := []*Box{b, {DB: openDB(t, b.URL), URL: b.URL, Now: b.Now, t: t}}
	var mu sync.Mutex
	seen := map[normalize.ID]int{}
	last := map[normalize.ID]normalize.ID{}
	var wg sync.WaitGroup
	deadline := time.Now().Add(60 * time.Second)
	for _, n := range nodes {
		for range 3 {
			wg.Go(func() {
				for time.Now().Before(deadline) {
					jobs, err := n.Claim(t.Context(), outbox.Deliver, "mail", n.Now, time.Hour, 4)
					if err != nil {
						t.Error(err)
						return
					}
					for _, j := range jobs {
						if _, err := n.Begin(t.Context(), j.ID, j.Fence, n.Now); err != nil {
							t.Errorf("begin: %v", err)
						}
						mu.Lock()
						seen[j.ID]++
						if j.ID < last[j.Conversation] {
							t.Errorf("conversation %s out of order", j.Conversation)
						}
						last[j.Conversation] = j.ID
						mu.Unlock()
						if err := n.Settle(t.Context(), outbox.DeliverPolicy.Settle(j, true, accepted, n.Now)); err != nil && !errors.Is(err, outbox.ErrLost) {
							t.Errorf("settle: %v", err)
						}
					}
					mu.Lock()
					stop := len(seen) == conversations*each
					mu.Unlock()
					if stop {
						return
					}
				}
			})
		}
	}
	wg.Wait()
	for id, n := range seen {
		if n != 1 {
			t.Errorf("job %s was claimed %d times", id, n)
		}
	}
	if len(seen) != conversations*each {
		t.Errorf("%d jobs done of %d", len(seen), conversations*each)
	}
}
