package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/outbox"
)

// spending: a day's limit holds for all nodes together and over a restart, and
// frees as time goes by.
func spending(t *testing.T, h *harness) {
	limit := outbox.Budget{Requests: 5, Recipients: 8}
	nodes := []*store.DB{h.db, h.open(t)}
	spend := func(node, requests, recipients int, at time.Time) time.Duration {
		t.Helper()
		wait, err := nodes[node].Spend(h.ctx(), "support", outbox.Budget{Requests: requests, Recipients: recipients}, limit, at)
		h.must(err)
		return wait
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for i := range 10 {
		all.Go(func() {
			wait, err := nodes[i%2].Spend(h.ctx(), "support", outbox.Budget{Requests: 1, Recipients: 1}, limit, h.now)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if wait == 0 {
				taken++
			}
		})
	}
	all.Wait()
	if taken != 5 {
		t.Errorf("%d of 10 were let through, want 5", taken)
	}
	wait := spend(1, 0, 0, h.now)
	if wait < 24*time.Hour || wait > 24*time.Hour+10*time.Minute {
		t.Errorf("wait %v, want a day", wait)
	}
	later := h.now.Add(wait)
	if again := spend(0, 1, 9, later); again != 0 {
		t.Errorf("more recipients than the limit, alone: wait %v", again)
	}
	if again := spend(0, 1, 1, later.Add(time.Hour)); again < 22*time.Hour {
		t.Errorf("recipients are not counted: wait %v", again)
	}
	limit = outbox.Budget{Requests: 5}
	if again := spend(1, 1, 50, later.Add(time.Hour)); again != 0 {
		t.Errorf("any number of recipients: wait %v", again)
	}
	if _, err := h.db.Spend(h.ctx(), "nobody", outbox.Budget{Requests: 1}, limit, h.now); err == nil {
		t.Error("an account that is not there may spend")
	}
}
