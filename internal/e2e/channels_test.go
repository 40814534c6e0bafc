package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// newTown makes a rig whose daemon has an account with each simulated vendor.
func newTown(t *testing.T, storeURL func(t *testing.T, dir string) string, o vendors.Options) (*rig, *vendors.Town) {
	t.Helper()
	r := newRig(t, storeURL)
	o.Listen = r.listen
	town, err := vendors.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.kill()
		if err := town.Close(); err != nil {
			t.Error(err)
		}
	})
	r.configure(town.Config())
	return r, town
}

// TestEveryChannelCarriesBothWays: a customer writes on each channel, the
// helpdesk gets it as this customer's, and the answer reaches the customer.
func TestEveryChannelCarriesBothWays(t *testing.T) {
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r, town := newTown(t, storeURL, vendors.Options{})
		r.start()
		for i, l := range town.Lines {
			if err := l.Write(t.Context(), i, "question on "+l.Name); err != nil {
				t.Errorf("%s: %v", l.Name, err)
			}
		}
		questions := map[string]message{} // by text
		for _, e := range r.await("message.received", len(town.Lines)) {
			questions[e.Data.Text] = e.Data
		}
		for i, l := range town.Lines {
			q, ok := questions["question on "+l.Name]
			if _, value := l.Address(i); !ok || q.Address.Value != value {
				t.Errorf("%s: the helpdesk got %+v, want it from %s", l.Name, q, value)
				continue
			}
			r.must("POST", "/v1/conversations/"+q.ConversationID+"/messages", map[string]any{"text": "answer on " + l.Name}, nil,
				"Idempotency-Key", "answer-on-"+l.Name)
		}
		for i, l := range town.Lines {
			testenv.WaitFor(t, time.Minute, "the answer on "+l.Name, func() bool { return len(l.Got()) > 0 })
			if got := l.Got(); len(got) != 1 || got[0].Customer != i || got[0].Text != "answer on "+l.Name {
				t.Errorf("%s: customer %d got %s", l.Name, i, fmt.Sprint(got))
			}
		}
		r.stop()
	})
}
