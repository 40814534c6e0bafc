package e2e

import (
	"testing"

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

// TestEveryChannelCarriesBothWays: a customer writes on each channel and sends a
// picture, the helpdesk gets both as this customer's, and the answer and its
// picture reach the customer.
func TestEveryChannelCarriesBothWays(t *testing.T) {
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r, town := newTown(t, storeURL, vendors.Options{})
		r.start()
		for i, l := range town.Lines {
			if err := l.Write(t.Context(), i, "question on "+l.Name); err != nil {
				t.Errorf("%s: %v", l.Name, err)
			}
			if err := l.Show(t.Context(), i, picture("photo on "+l.Name)); err != nil {
				t.Errorf("%s: %v", l.Name, err)
			}
		}
		questions := map[string]message{} // by what they say
		for _, e := range r.await("message.received", 2*len(town.Lines)) {
			questions[r.mustSay(e.Data)] = e.Data
		}
		for i, l := range town.Lines {
			q, p := questions["question on "+l.Name], questions["photo on "+l.Name]
			if _, value := l.Address(i); q.Address.Value != value || p.Address.Value != value {
				t.Errorf("%s: the helpdesk got %+v and %+v, want them from %s", l.Name, q, p, value)
				continue
			}
			file, err := r.upload(picture("map on " + l.Name))
			if err != nil {
				t.Fatal(err)
			}
			r.must("POST", "/v1/conversations/"+q.ConversationID+"/messages", map[string]any{"text": "answer on " + l.Name, "attachments": []string{file}}, nil,
				"Idempotency-Key", "answer-on-"+l.Name)
		}
		for i, l := range town.Lines {
			want := "answer on " + l.Name + "map on " + l.Name // in one mail, or in two messages
			told := func() (words string) {
				for _, g := range l.Got() {
					if g.Customer != i {
						t.Errorf("%s: customer %d got %q", l.Name, g.Customer, g.Text)
					}
					words += r.told(g)
				}
				return words
			}
			testenv.WaitFor(t, testenv.Patience, "the answer on "+l.Name, func() bool { return len(told()) >= len(want) })
			if got := told(); got != want {
				t.Errorf("%s: customer %d got %q, want %q", l.Name, i, got, want)
			}
		}
		r.stop()
	})
}
