package e2e

import (
	"bytes"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// letter is a plain mail; the subject doubles as its mark.
func letter(from, id, subject, body string, headers ...string) []byte {
	return fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nMessage-ID: <%s>\r\nSubject: %s\r\nDate: %s\r\n%sMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n",
		from, support, id, subject, time.Now().Add(-time.Hour).Format(time.RFC1123Z), strings.Join(headers, ""), body)
}

// eventsOf pulls all events of a type through the API, checking that the
// cursor neither repeats nor skips.
func (r *rig) eventsOf(typ string) []event {
	r.t.Helper()
	var all []event
	seen := map[string]bool{}
	cursor := ""
	for {
		var page struct {
			Items []event `json:"items"`
			Next  *string `json:"next"`
		}
		r.must("GET", "/v1/events?limit=200&after="+url.QueryEscape(cursor), nil, &page)
		for _, e := range page.Items {
			if seen[e.ID] {
				r.t.Fatalf("event %s came twice", e.ID)
			}
			seen[e.ID] = true
			if e.Type == typ {
				all = append(all, e)
			}
		}
		if page.Next == nil || len(page.Items) == 0 {
			return all
		}
		cursor = *page.Next
	}
}

// await waits until the helpdesk has n events of a type.
func (r *rig) await(typ string, n int) []event {
	r.t.Helper()
	testenv.WaitFor(r.t, testenv.Patience, fmt.Sprintf("%d %s at the helpdesk", n, typ), func() bool { return len(r.desk.received(typ)) >= n })
	return r.desk.received(typ)
}

func (r *mailRig) mailbox(user string, n int) []*mail.Message {
	r.t.Helper()
	testenv.WaitFor(r.t, testenv.Patience, fmt.Sprintf("%d mails for %s", n, user), func() bool { return r.imap.Count(user, "INBOX") >= n })
	var list []*mail.Message
	for _, raw := range r.imap.Messages(user, "INBOX") {
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			r.t.Fatalf("a customer got a mail that cannot be read: %v\n%s", err, raw)
		}
		list = append(list, m)
	}
	return list
}

func TestMailReachesTheHelpdeskAndTheAnswerGoesBack(t *testing.T) {
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newMailRig(t, storeURL)
		zhang := "zhang@customers.test"
		r.imap.AddUser(zhang, password)
		r.start()
		r.imap.Deliver(support, "INBOX", letter("=?utf-8?B?5byg5LiJ?= <"+zhang+">", "first@customers.test", "Where is my order?", "It has not come.\r\n你好"))
		got := r.await("message.received", 1)[0].Data
		if got.Subject != "Where is my order?" || !strings.Contains(got.Text, "你好") || got.Address.Value != zhang || !got.RawAvailable {
			t.Fatalf("the helpdesk got %+v", got)
		}

		var sent message
		r.must("POST", "/v1/conversations/"+got.ConversationID+"/messages",
			map[string]any{"text": "It is on its way.", "author": map[string]string{"name": "Ann"}}, &sent, "Idempotency-Key", "answer-0001")
		var again message
		r.must("POST", "/v1/conversations/"+got.ConversationID+"/messages",
			map[string]any{"text": "It is on its way.", "author": map[string]string{"name": "Ann"}}, &again, "Idempotency-Key", "answer-0001")
		if again.ID != sent.ID {
			t.Errorf("the same Idempotency-Key made %s and %s", sent.ID, again.ID)
		}

		m := r.mailbox(zhang, 1)[0]
		if m.Header.Get("In-Reply-To") != "<first@customers.test>" || m.Header.Get("Subject") != "Re: Where is my order?" {
			t.Errorf("the answer is not in the customer's thread: %v", m.Header)
		}
		testenv.WaitFor(t, testenv.Patience, "the copy in Sent", func() bool { return r.imap.Count(support, "Sent") == 1 })
		testenv.WaitFor(t, testenv.Patience, "status accepted", func() bool {
			var now message
			r.must("GET", "/v1/messages/"+sent.ID, nil, &now)
			return now.Parts[0].Status == "accepted"
		})

		// The customer answers: same conversation, and it proves delivery.
		id := strings.Trim(m.Header.Get("Message-ID"), "<>")
		r.imap.Deliver(support, "INBOX", letter(zhang, "second@customers.test", "Re: Where is my order?", "Thank you!", "In-Reply-To: <"+id+">\r\n"))
		back := r.await("message.received", 2)[1].Data
		if back.ConversationID != got.ConversationID || back.Customer.ID != got.Customer.ID {
			t.Errorf("the customer's answer is in conversation %s of %s, want %s of %s", back.ConversationID, back.Customer.ID, got.ConversationID, got.Customer.ID)
		}
		for _, flags := range r.imap.Flags(support, "INBOX") {
			if len(flags) > 0 {
				t.Errorf("a mail in the mailbox got flags %v", flags)
			}
		}
		if out := r.run("timeline", zhang); !strings.Contains(out, "It is on its way.") || !strings.Contains(out, "Thank you!") {
			t.Errorf("timeline:\n%s", out)
		}
		if out := r.run("explain", sent.ID); !strings.Contains(out, "accepted") {
			t.Errorf("explain:\n%s", out)
		}
		r.stop()
	})
}
