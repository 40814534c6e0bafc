package e2e

import (
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// status returns the status and the trouble of a message's only part.
func (r *rig) status(id string) (status, trouble string) {
	r.t.Helper()
	var m message
	r.must("GET", "/v1/messages/"+id, nil, &m)
	if len(m.Parts) != 1 {
		r.t.Fatalf("%d parts: %+v", len(m.Parts), m)
	}
	return m.Parts[0].Status, m.Parts[0].Error
}

// TestEachFailureIsShownOnItsPart: whatever a mail server does with an answer,
// right away or in a notice hours later, its part says so, the helpdesk hears
// of it, and no notice becomes a conversation.
func TestEachFailureIsShownOnItsPart(t *testing.T) {
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newMailRig(t, storeURL)
		for _, local := range []string{"fine", "dead", "full", "busy", "gone", "partial"} {
			r.imap.AddUser(local+"@customers.test", password)
		}
		r.mta.BounceAfterAccept("dead@customers.test", "5.1.1 mailbox is gone")
		r.mta.BounceAfterAccept("full@customers.test", "5.2.2 mailbox is full")
		r.mta.RefuseAtRCPT("busy@customers.test", "450 4.2.1 mailbox busy")
		r.mta.RefuseAtRCPT("gone@customers.test", "550 5.1.1 no such user")
		r.mta.RefuseAtRCPT("nobody@customers.test", "550 5.1.1 no such user")
		r.start()

		answers := map[string]string{} // from the customer's local part to the answer
		n := 0
		for _, local := range []string{"fine", "dead", "full", "busy", "gone", "partial"} {
			headers := ""
			if local == "partial" {
				headers = "Cc: nobody@customers.test\r\n"
			}
			r.imap.Deliver(support, "INBOX", letter(local+"@customers.test", local+"-1@customers.test", "From "+local, "Hello?", headers))
			n++
			var sent message
			r.must("POST", "/v1/conversations/"+r.await("message.received", n)[n-1].Data.ConversationID+"/messages",
				map[string]any{"text": "An answer."}, &sent, "Idempotency-Key", "answer-to-"+local)
			answers[local] = sent.ID
		}
		for local, want := range map[string]struct{ status, trouble string }{
			"fine": {"accepted", ""}, "dead": {"failed", "5.1.1"}, "full": {"failed", "5.2.2"}, "gone": {"failed", "5.1.1"}, "partial": {"accepted", "nobody@customers.test: 550 5.1.1"},
		} {
			testenv.WaitFor(t, testenv.Patience, "the answer to "+local+" to be "+want.status, func() bool {
				status, trouble := r.status(answers[local])
				return status == want.status && strings.Contains(trouble, want.trouble)
			})
		}
		if got := r.mailbox("partial@customers.test", 1); len(got) != 1 {
			t.Errorf("who could be reached got %d mails", len(got))
		}

		if status, _ := r.status(answers["busy"]); status == "failed" || status == "accepted" {
			t.Errorf("a mail that the server does not take for now is %s", status)
		}
		r.mta.RefuseAtRCPT("busy@customers.test", "")
		testenv.WaitFor(t, testenv.Patience, "the answer to busy to be taken in the end", func() bool {
			status, _ := r.status(answers["busy"])
			return status == "accepted"
		})
		if got := r.mailbox("busy@customers.test", 1); len(got) != 1 {
			t.Errorf("the busy one got %d mails", len(got))
		}

		if opened := r.eventsOf("conversation.opened"); len(opened) != n {
			t.Errorf("%d conversations of %d customers", len(opened), n)
		}
		failed := map[string]string{} // from the answer to whom it did not reach
		testenv.WaitFor(t, testenv.Patience, "the helpdesk to hear of the failures", func() bool {
			for _, e := range r.desk.received("message.status") {
				if e.Data.Change.Status == "failed" {
					failed[e.Data.ID] = e.Data.Change.Recipient.Value + " " + e.Data.Change.Code
				}
			}
			return len(failed) >= 4
		})
		for local, want := range map[string]string{
			"dead": "dead@customers.test 5.1.1", "full": "full@customers.test 5.2.2", "gone": " 550 5.1.1", "partial": "nobody@customers.test 550 5.1.1",
			"fine": "", "busy": "",
		} {
			if got := failed[answers[local]]; got != want {
				t.Errorf("of the answer to %s the helpdesk heard %q, want %q", local, got, want)
			}
		}
		// A dead address is flagged, a full mailbox is not.
		flagged := map[string]bool{}
		testenv.WaitFor(t, testenv.Patience, "the dead addresses to be flagged", func() bool {
			for _, e := range r.eventsOf("customer.opted_out") {
				flagged[e.Data.Address.Value] = true
			}
			return flagged["dead@customers.test"] && flagged["gone@customers.test"]
		})
		if flagged["full@customers.test"] || flagged["fine@customers.test"] || flagged["busy@customers.test"] || flagged["partial@customers.test"] {
			t.Errorf("flagged: %v", flagged)
		}
		r.stop()
	})
}
