package twilio_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/twilio"
	"github.com/deskbridge/deskbridge/connectors/connectortest"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/normalize"
)

// Every request that we make is one that Twilio describes.
func TestOurRequestsAreAsTwilioDescribesThem(t *testing.T) {
	d := connectortest.Describe(t, "twilio-core.json", func(r *http.Request) bool {
		// It cannot tell {Sid}.json from {AccountSid}/... below it.
		return strings.HasSuffix(r.URL.Path, "/Accounts/"+accountSID+".json")
	})
	o := voice(func(v *twilio.Voice) { v.Answer = "say" })
	o.vendor = func(o *simulator.Options) {
		o.Services = map[string][]string{"MG0123456789abcdef0123456789abcdef": {ours, whatsAppOurs}}
	}
	o.wrap = d.Wrap
	withVoice := o.config
	o.config = func(c *twilio.Config) {
		withVoice(c)
		c.MessagingServiceSID, c.WhatsAppTemplate = "MG0123456789abcdef0123456789abcdef", "HX0123456789abcdef0123456789abcdef"
	}
	r := newRig(t, o)
	if _, err := r.phone.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.send(r.answer(nil, text("Hello")))
	r.send(r.answer(nil, normalize.Part{Kind: normalize.PartImage, Media: &normalize.Media{Name: "a.png", ContentType: "image/png"}}))
	question := r.receive(simulator.Inbound{From: whatsAppAnna, To: whatsAppOurs, Body: "?"})
	r.send(r.answer(question, text("Hello")))
	question.ReplyWindow = &normalize.ReplyWindow{}
	r.send(r.answer(question, text("Hello")))
	spoken := &normalize.Message{Address: normalize.Address{Kind: normalize.KindPhone, Value: anna}, Thread: normalize.Thread{ID: "voice:" + ours}}
	r.send(r.answer(spoken, text("Hello")))
	for _, q := range []*normalize.Message{nil, spoken} {
		r.vendor.Faults.Add(fault.Fault{Kind: fault.Lose})
		lost := r.answer(q, text("Lost"))
		if _, err := r.phone.Send(t.Context(), lost); connectors.Classify(err).Class != connectors.Ambiguous {
			t.Fatal(err)
		}
		if _, found, err := r.phone.Resolve(t.Context(), lost); !found || err != nil {
			t.Errorf("found %v, %v", found, err)
		}
	}
	d.Expect(
		"POST /2010-04-01/Accounts/{AccountSid}/Messages.json", "GET /2010-04-01/Accounts/{AccountSid}/Messages.json",
		"POST /2010-04-01/Accounts/{AccountSid}/Calls.json", "GET /2010-04-01/Accounts/{AccountSid}/Calls.json",
	)
}
