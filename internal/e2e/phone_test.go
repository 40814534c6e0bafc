package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// callOf is what the API says of a phone call.
type callOf struct {
	ID    string `json:"id"`
	Parts []struct {
		Kind, Text, Event, Status string
		Call                      *struct {
			State    string `json:"state"`
			Duration int    `json:"duration_seconds"`
		}
		Media *struct{ URL string }
	} `json:"parts"`
}

// TestPhonesAreServed: text messages and calls become a timeline, answers go
// out once and their fate is known though answers of Twilio's are lost and the
// daemon is killed.
func TestPhonesAreServed(t *testing.T) {
	const (
		ours, anna, ben = "+15550100123", "+15550100777", "+4915112345678"
		sid, token      = "AC0123456789abcdef0123456789abcdef", "tokentokentokentokentokentoken12"
	)
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newRig(t, storeURL)
		vendor, err := twilio.Start(twilio.Options{
			AccountSID: sid, AuthToken: token, Senders: []string{ours, "whatsapp:" + ours},
			Hook: "http://" + r.listen + "/webhooks/phone#rc=5&rp=5xx,ct,rt", Pause: 500 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = vendor.Close() }()
		r.configure(fmt.Sprintf(`
  - name: phone
    type: twilio
    account_sid: %s
    auth_token: %s
    from: %q
    api_url: %q
    voice: {enabled: true, forward_to: "+15550100199", voicemail: {transcribe: true}, answer: say}`, sid, token, ours, vendor.URL()))
		r.start()
		find := func(externalID string) (found message) {
			t.Helper()
			testenv.WaitFor(t, testenv.Patience, "the message to be known", func() bool {
				list := r.eventsOf("message.received")
				i := slices.IndexFunc(list, func(e event) bool { return e.Data.ExternalID == externalID })
				if i >= 0 {
					found = list[i].Data
				}
				return i >= 0
			})
			return found
		}
		receive := func(in twilio.Inbound) message {
			t.Helper()
			id, err := vendor.Receive(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			return find(id)
		}
		becomes := func(m message, want string) {
			t.Helper()
			testenv.WaitFor(t, testenv.Patience, "the answer to be "+want, func() bool { status, _ := r.status(m.ID); return status == want })
		}
		answer := func(to message, text string) (sent message) {
			t.Helper()
			r.must("POST", "/v1/conversations/"+to.ConversationID+"/messages", map[string]any{"text": text}, &sent, "Idempotency-Key", text)
			return sent
		}

		question := receive(twilio.Inbound{From: anna, To: ours, Body: "Is it here?", Media: []twilio.Medium{{ContentType: "image/png", Content: []byte("\x89PNG\r\n\x1a\n")}}})
		testenv.WaitFor(t, testenv.Patience, "the picture to be fetched", func() bool {
			var now message
			r.must("GET", "/v1/messages/"+question.ID, nil, &now)
			return len(now.Parts) == 2 && now.Parts[1].Kind == "image" && now.Parts[1].Status == "received"
		})
		becomes(answer(question, "one"), "delivered")

		// Twilio's answer is lost, and the daemon killed in the middle: what
		// became of it is told by Twilio's callbacks.
		vendor.Deliver(func(twilio.Message) []twilio.Report {
			return []twilio.Report{{Status: "delivered", After: time.Second}, {Status: "sent"}} // in the wrong order
		})
		vendor.Faults.Add(fault.Fault{Path: "Messages.json", Kind: fault.Hang})
		second := answer(question, "two")
		testenv.WaitFor(t, testenv.Patience, "Twilio to have taken it", func() bool { return len(vendor.Messages()) == 2 })
		r.kill()
		r.start()
		becomes(second, "delivered")
		vendor.Faults.Add(fault.Fault{Path: "Messages.json", Kind: fault.Refuse, Status: 429, RetryAfter: time.Second, Body: `{"code":20429,"status":429}`})
		becomes(answer(question, "three"), "delivered")

		// Nobody takes the call; what the caller says comes later.
		called, err := vendor.Call(t.Context(), twilio.Caller{From: ben, To: ours, Voice: []byte("ID3 hello"), Transcript: "not asked for: a German caller"})
		if err != nil {
			t.Fatal(err)
		}
		call := find(called.SID)
		testenv.WaitFor(t, testenv.Patience, "the recording to be fetched", func() bool {
			var now callOf
			r.must("GET", "/v1/messages/"+call.ID, nil, &now)
			p := now.Parts[0]
			return len(now.Parts) == 1 && p.Kind == "call" && p.Call != nil && p.Call.State == "missed" && p.Media != nil && p.Status == "received" && p.Text == ""
		})
		becomes(answer(call, "Ihr Paket ist da"), "delivered")
		var last twilio.Call
		testenv.WaitFor(t, testenv.Patience, "our call to end", func() bool {
			calls := vendor.Calls()
			last = calls[len(calls)-1]
			return len(calls) == 2 && last.Status == "completed"
		})
		if last.To != ben || last.From != ours || !slices.Equal(last.Said, []string{"de-DE: Ihr Paket ist da"}) {
			t.Errorf("the customer was called: %+v", last)
		}

		// An agent takes it, and they talk.
		called, err = vendor.Call(t.Context(), twilio.Caller{From: anna, To: ours, Agent: "completed", Talk: 61})
		if err != nil {
			t.Fatal(err)
		}
		call = find(called.SID)
		testenv.WaitFor(t, testenv.Patience, "the call to have ended", func() bool {
			var now callOf
			r.must("GET", "/v1/messages/"+call.ID, nil, &now)
			c := now.Parts[0].Call
			return c != nil && c.State == "ended" && c.Duration == 61
		})

		// STOP is heeded before Twilio has to refuse.
		stop := receive(twilio.Inbound{From: anna, To: ours, Body: "STOP"})
		if status, err := r.call("POST", "/v1/conversations/"+question.ConversationID+"/messages", map[string]any{"text": "four"}, nil); err == nil {
			t.Errorf("an answer after STOP was taken: %d", status)
		}
		if stop.ConversationID != question.ConversationID {
			t.Error("STOP opened another conversation")
		}
		receive(twilio.Inbound{From: anna, To: ours, Body: "START"})
		receive(twilio.Inbound{From: anna, To: ours, Body: "By the way"}) // after a call, it is writing that asks for writing
		becomes(answer(question, "five"), "delivered")

		// WhatsApp has verified the number, so this is the same customer.
		chat := receive(twilio.Inbound{From: "whatsapp:" + anna, To: "whatsapp:" + ours, Body: "And here?", Name: "Anna"})
		testenv.WaitFor(t, testenv.Patience, "the two addresses to be one customer's", func() bool {
			var a, b message
			r.must("GET", "/v1/messages/"+chat.ID, nil, &a)
			r.must("GET", "/v1/messages/"+question.ID, nil, &b)
			return a.Customer.ID == b.Customer.ID && len(a.Customer.Addresses) == 2
		})
		becomes(answer(chat, "six"), "delivered")

		var said []string
		for _, m := range vendor.Messages() {
			said = append(said, m.Body)
		}
		if want := []string{"one", "two", "three", "five", "six"}; !slices.Equal(said, want) {
			t.Errorf("Twilio was given %q, want %q", said, want)
		}
		r.stop()
	})
}
