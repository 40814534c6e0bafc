package twilio_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/channel/twilio"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/normalize"
)

// An answer without an end does not fill the memory.
func TestAnAnswerWithoutEnd(t *testing.T) {
	endless := func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(q *http.Request) (*http.Response, error) {
			res, err := next.RoundTrip(q)
			if err == nil {
				_ = res.Body.Close()
				res.Body = io.NopCloser(spaces{})
			}
			return res, err
		})
	}
	r := newRig(t, options{wrap: endless})
	ended := make(chan error, 1)
	go func() {
		_, err := r.phone.Send(t.Context(), r.answer(nil, text("Hello")))
		ended <- err
	}()
	select {
	case err := <-ended:
		if e := connectors.Classify(err); err == nil || e.Class != connectors.Ambiguous {
			t.Errorf("%v, want %s", err, connectors.Ambiguous)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("it is read for ever")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }

// spaces are what JSON may begin with, without an end.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

// A lost answer is found in Twilio's list, unless that leaves a doubt.
func TestResolve(t *testing.T) {
	lose := fault.Fault{Kind: fault.Lose, Path: "/Messages.json"}
	t.Run("taken", func(t *testing.T) {
		r := newRig(t, options{})
		r.vendor.Deliver(func(simulator.Message) []simulator.Report { return nil })
		r.send(r.answer(nil, text("OK"))) // the same words, and its answer is known
		r.vendor.Faults.Add(lose)
		o := r.answer(nil, text("OK"))
		if _, err := r.phone.Send(t.Context(), o); connectors.Classify(err).Class != connectors.Ambiguous {
			t.Fatalf("a lost answer is %v", err)
		}
		sent, found, err := r.phone.Resolve(t.Context(), o)
		if err != nil || !found || sent.ExternalID != r.vendor.Messages()[1].SID {
			t.Errorf("found %v %+v, %v", found, sent, err)
		}
	})
	t.Run("not taken", func(t *testing.T) {
		r := newRig(t, options{})
		r.send(r.answer(nil, text("Something else")))
		r.vendor.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "/Messages.json", Status: 502})
		o := r.answer(nil, text("OK"))
		if _, err := r.phone.Send(t.Context(), o); connectors.Classify(err).Class != connectors.Ambiguous {
			t.Fatalf("a gateway's failure is %v", err)
		}
		if _, found, err := r.phone.Resolve(t.Context(), o); found || err != nil {
			t.Errorf("found %v, %v", found, err)
		}
	})
	t.Run("two that fit", func(t *testing.T) {
		r := newRig(t, options{})
		r.vendor.Faults.Add(lose, lose)
		o := r.answer(nil, text("OK"))
		for range 2 {
			if _, err := r.phone.Send(t.Context(), o); connectors.Classify(err).Class != connectors.Ambiguous {
				t.Fatalf("a lost answer is %v", err)
			}
		}
		if _, found, err := r.phone.Resolve(t.Context(), o); found || err != nil {
			t.Errorf("found %v, %v: which of the two it is nobody knows", found, err)
		}
	})
	t.Run("within a template, of another one", func(t *testing.T) {
		r := newRig(t, options{config: func(c *twilio.Config) { c.WhatsAppTemplate = "HX17" }})
		m := r.receive(simulator.Inbound{From: whatsAppAnna, To: whatsAppOurs, Body: "?"})
		m.ReplyWindow = &normalize.ReplyWindow{Until: time.Now().Add(-time.Minute), Remaining: -1}
		r.vendor.Faults.Add(lose, lose)
		other, o := r.answer(m, text("It is\nhere")), r.answer(m, text("It is on\nits way"))
		for _, o := range []*channel.Outbound{other, o} {
			if _, err := r.phone.Send(t.Context(), o); err == nil {
				t.Fatal("the answer was lost")
			}
		}
		o.Message.ReplyWindow = nil // it is not known any more
		sent, found, err := r.phone.Resolve(t.Context(), o)
		if err != nil || !found || sent.ExternalID != r.vendor.Messages()[1].SID {
			t.Errorf("found %v %+v, %v", found, sent, err)
		}
	})
	t.Run("long before", func(t *testing.T) {
		r := newRig(t, options{})
		r.vendor.Faults.Add(lose)
		o := r.answer(nil, text("OK"))
		if _, err := r.phone.Send(t.Context(), o); err == nil {
			t.Fatal("the answer was lost")
		}
		o.Begun = o.Begun.Add(time.Hour)
		if _, found, err := r.phone.Resolve(t.Context(), o); found || err != nil {
			t.Errorf("found %v, %v: that was another attempt", found, err)
		}
	})
}
