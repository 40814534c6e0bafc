package e2e

import (
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

const away = `require ["vacation"];
vacation :days 1 :subject "On holiday" "I am back in a week.";
`

// answer has an agent answer the n-th message received and returns the answer.
func (r *rig) answer(n int, key string) message {
	r.t.Helper()
	var sent message
	r.must("POST", "/v1/conversations/"+r.await("message.received", n)[n-1].Data.ConversationID+"/messages",
		map[string]any{"text": "An answer."}, &sent, "Idempotency-Key", key)
	return sent
}

// accepted waits until an answer has been accepted, and nothing is wrong with it.
func (r *rig) accepted(m message) {
	r.t.Helper()
	testenv.WaitFor(r.t, testenv.Patience, "the answer to be accepted", func() bool {
		status, trouble := r.status(m.ID)
		return status == "accepted" && trouble == ""
	})
}

// TestVacationAnswerIsShownAndNeverAnswered: what Dovecot's Sieve answers for a
// customer on holiday is in the conversation, marked automated.
func TestVacationAnswerIsShownAndNeverAnswered(t *testing.T) {
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newMailRig(t, storeURL)
		r.imap.AddUser("away@customers.test", password)
		r.mta.Sieve("away@customers.test", away)
		r.start()
		r.imap.Deliver(support, "INBOX", letter("away@customers.test", "away-1@customers.test", "A question", "Hello?"))
		sent := r.answer(1, "answer-to-away")

		got := r.await("message.received", 2)[1].Data
		if got.ConversationID != sent.ConversationID || !got.Automated || got.Address.Value != "away@customers.test" || got.Subject != "On holiday" {
			t.Errorf("the vacation answer is %+v", got)
		}
		r.accepted(sent) // which the answer to it may overtake
		r.mailbox("away@customers.test", 1)
		if n := len(r.eventsOf("message.sent")); n != 1 {
			t.Errorf("%d messages went out", n)
		}
		if n := len(r.eventsOf("conversation.opened")); n != 1 {
			t.Errorf("%d conversations", n)
		}
		r.stop()
	})
}

// TestDelayIsToldAndEndsWell: a server further on does not take the mail for
// now. Postfix says so in a notice, goes on trying and succeeds: the helpdesk
// hears of the delay, and nothing ever failed.
func TestDelayIsToldAndEndsWell(t *testing.T) {
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newMailRig(t, storeURL)
		r.imap.AddUser("slow@customers.test", password)
		hop := r.mta.Via("slow@customers.test")
		hop.Answer(450, smtp.EnhancedCode{4, 2, 1}, "mailbox busy")
		r.start()
		r.imap.Deliver(support, "INBOX", letter("slow@customers.test", "slow-1@customers.test", "A question", "Hello?"))
		sent := r.answer(1, "answer-to-slow")

		testenv.WaitFor(t, testenv.Patience, "the helpdesk to hear of the delay", func() bool {
			for _, e := range r.desk.received("message.status") {
				if c := e.Data.Change; e.Data.ID == sent.ID && c.Status == "accepted" && c.Code == "4.2.1" && c.Recipient.Value == "slow@customers.test" {
					return true
				}
			}
			return false
		})
		if n := r.imap.Count("slow@customers.test", "INBOX"); n != 0 {
			t.Errorf("%d mails went through", n)
		}
		hop.Answer(0, smtp.EnhancedCode{}, "")
		testenv.WaitFor(t, testenv.Patience, "the mail to arrive", func() bool { return r.imap.Count("slow@customers.test", "INBOX") == 1 })
		r.accepted(sent)
		for _, e := range r.eventsOf("message.status") {
			if s := e.Data.Change.Status; s == "failed" || s == "uncertain" {
				t.Errorf("the helpdesk was told of %s", s)
			}
		}
		if n := len(r.eventsOf("message.received")); n != 1 {
			t.Errorf("%d messages: the notice is one", n)
		}
		if hop.Asked() < 2 {
			t.Error("the server was asked once")
		}
		r.stop()
	})
}
