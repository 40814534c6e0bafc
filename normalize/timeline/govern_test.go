package timeline_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Two machines that answer each other come to an end, whatever the clock does.
func TestAStormEnds(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		desk := r.desk(map[string]*testChannel{
			"chat": {prefix: "chat-", domain: ".test"}, "sms": {prefix: "sms-", domain: ".test"},
		})
		desk.MaxPerPeerHour = 3
		r.now = r.now.Add(-72 * time.Hour) // ids never step back, also not for other tests
		ann, bob := r.ask("ann@chat.test"), r.ask("bob@chat.test")
		answer := func(c *normalize.Conversation, change ...func(*timeline.Answer)) error {
			r.now = r.now.Add(time.Second)
			a := timeline.Answer{Conversation: c.ID, Text: "we are on holiday"}
			for _, f := range change {
				f(&a)
			}
			_, _, err := desk.Reply(t.Context(), a)
			return err
		}
		storm := func(when string) {
			t.Helper()
			for range 3 {
				r.must(answer(ann))
			}
			var refused *timeline.Refused
			if err := answer(ann); !errors.As(err, &refused) || refused.Reason != "too_many" ||
				!strings.Contains(refused.Detail, "ann@chat.test") || !strings.Contains(refused.Detail, "max_per_peer_hour") {
				t.Fatalf("%s, the fourth message to one customer: %v", when, err)
			}
		}
		once := func(a *timeline.Answer) { a.IdempotencyKey, a.Hash = "once", sha256.Sum256([]byte("once")) }
		r.must(answer(bob, once))
		storm("at first")

		// Nobody else is held up, and nothing but messages counts.
		for range 5 {
			r.must(answer(ann, func(a *timeline.Answer) { a.Note = true }))
		}
		r.must(answer(ann, func(a *timeline.Answer) { a.Channel = "sms" }))
		r.must(answer(bob))
		r.must(answer(bob))
		r.must(answer(bob, once)) // what was accepted stays accepted
		if err := answer(bob); err == nil {
			t.Error("the fourth message to the other customer went through")
		}

		r.now = r.now.Add(time.Hour)
		storm("after an hour")
		r.now = r.now.Add(-26 * time.Hour)
		storm("with the clock a day back")
		r.now = r.now.Add(-time.Second)
		desk.MaxPerPeerHour = -1 // what the channel says
		r.must(answer(ann))
		if err := answer(ann); err == nil {
			t.Error("the fifth message of an hour went through")
		}
		desk.MaxPerPeerHour = 0
		r.must(answer(ann))
	})
}
