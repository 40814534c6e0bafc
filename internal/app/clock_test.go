package app_test

import (
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// A clock that steps back by an hour holds up neither what arrives nor what is
// answered, and the timeline keeps its order.
func TestClockStepsBack(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.write("before@example.test", "before", "")
		first := r.stored(1)[0]
		testenv.WaitFor(t, testenv.Patience, "the first mail at the helpdesk", func() bool { return len(r.desk.of("message.received")) == 1 })

		r.clock.step(-time.Hour)
		r.write("after@example.test", "after", "before@example.test")
		last := r.stored(2)[1]
		if last.Conversation != first.Conversation {
			t.Errorf("the answer is in conversation %s, want %s", last.Conversation, first.Conversation)
		}
		testenv.WaitFor(t, testenv.Patience, "the second mail at the helpdesk", func() bool { return len(r.desk.of("message.received")) == 2 })
		m, _, err := r.app.Reply(t.Context(), timeline.Answer{Conversation: first.Conversation, Text: "answer"})
		if err != nil {
			t.Fatal(err)
		}
		testenv.WaitFor(t, testenv.Patience, "the answer at the customer", func() bool { return len(r.mail.Inbox("li@example.test")) == 1 })

		c, err := r.app.Store().Conversation(t.Context(), first.Conversation)
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		var before normalize.ID
		for {
			page, err := r.app.Store().Timeline(t.Context(), c.Customer.ID, before, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			before = page[0].ID
			order = append(order, page[0].Text)
		}
		if len(order) != 3 || order[0] != "answer" || before >= m.ID {
			t.Errorf("timeline, newest first: %q", order)
		}
	})
}
