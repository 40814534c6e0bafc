package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// One helpdesk that is dead and one that does not answer hold up no other;
// and one that comes later is given what the others were.
func TestHelpdesksDoNotWaitForEachOther(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		dead, late := &backend{down: true}, &backend{}
		never := make(chan struct{})
		add := func(name string, h http.Handler) {
			s := httptest.NewServer(h)
			t.Cleanup(s.Close)
			r.desks += fmt.Sprintf("  - {name: %s, type: webhook, url: %q, secret: %s}\n", name, s.URL, secret)
		}
		add("dead", dead)
		add("slow", http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			select {
			case <-never:
			case <-req.Context().Done():
			}
		}))
		t.Cleanup(func() { close(never) }) // before its server is closed
		if err := r.app.Reload(t.Context(), r.load(r.desks)); err != nil {
			t.Fatal(err)
		}
		const threads, steps = 3, 3
		began := time.Now()
		for step := range steps {
			for thread := range threads {
				before := ""
				if step > 0 {
					before = fmt.Sprintf("t%d-%d@example.test", thread, step-1)
				}
				r.write(fmt.Sprintf("t%d-%d@example.test", thread, step), fmt.Sprintf("thread %d step %d", thread, step), before)
			}
			r.stored((step + 1) * threads)
		}
		arrived := func(b *backend, n int) {
			t.Helper()
			testenv.WaitFor(t, testenv.Patience, "all events at the helpdesk", func() bool {
				r.clock.step(time.Second)
				return len(b.of("message.received")) >= n
			})
		}
		arrived(r.desk, threads*steps)
		// The slow one is waited for several times that in all.
		if d := time.Since(began); d > 45*time.Second {
			t.Errorf("it took %v: as long as the slow one is waited for", d)
		}
		if len(dead.of("message.received")) != 0 {
			t.Error("the dead one answered")
		}

		add("late", late)
		if err := r.app.Reload(t.Context(), r.load(r.desks)); err != nil {
			t.Fatal(err)
		}
		got, err := r.app.Store().Replay(t.Context(), store.Replay{Helpdesk: "late", Since: began.Add(-time.Hour), Expire: 24 * time.Hour, By: "test"})
		if err != nil || got.Queued == 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		arrived(late, threads*steps)
		want, have := byConversation(r.desk), byConversation(late)
		if len(want) != threads || fmt.Sprint(have) != fmt.Sprint(want) {
			t.Errorf("the late one got\n%v\nwant\n%v", have, want)
		}
		dead.set(false)
		arrived(dead, threads*steps)
		if have := byConversation(dead); fmt.Sprint(have) != fmt.Sprint(want) {
			t.Errorf("the one that was dead got\n%v\nwant\n%v", have, want)
		}
	})
}

// byConversation returns the ids of the messages' events in the order of their
// first arrival.
func byConversation(b *backend) map[string][]string {
	out := map[string][]string{}
	seen := map[string]bool{}
	for _, e := range b.of("message.received") {
		if !seen[e.ID] {
			seen[e.ID] = true
			out[e.Data.ConversationID] = append(out[e.Data.ConversationID], e.ID)
		}
	}
	return out
}
