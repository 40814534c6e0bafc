package email

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/normalize"
)

// receiptsOf decodes a report on one of our mails and checks what it says.
func receiptsOf(t *testing.T, e *Email, id string, raw []byte, want ...normalize.Receipt) {
	t.Helper()
	item, err := e.Decode(normalize.Input{Raw: raw, ReceivedAt: now})
	got, ok := item.(normalize.Receipts)
	if err != nil || !ok || len(got) != len(want) {
		t.Errorf("%T %+v %v", item, item, err)
		return
	}
	for i, w := range want {
		g := got[i]
		if g.ExternalID != id || g.Recipient != w.Recipient || g.Status != w.Status || g.Code != w.Code || g.Unreachable != w.Unreachable ||
			w.Detail != "" && g.Detail != w.Detail || g.At.IsZero() {
			t.Errorf("got  %+v\nwant %+v", g, w)
		}
	}
}

// TestAmazonSESReportsInJSON, which SNS sends as mail, in its envelope or raw.
func TestAmazonSESReportsInJSON(t *testing.T) {
	e := offline(t)
	id := e.mint.id()
	ann, bob := normalize.Email("ann@customers.test", ""), normalize.Email("bob@customers.test", "")
	about := fmt.Sprintf(`"mail":{"messageId":"0101-ses","destination":["ann@customers.test"],"headers":[{"name":"Message-ID","value":"<%s>"},{"name":"Subject","value":"Your order"}]}`, id)
	for _, tc := range []struct {
		name, event string
		want        []normalize.Receipt
	}{
		{
			"no such mailbox", `{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General","timestamp":"2026-11-21T08:00:00.000Z","bouncedRecipients":[` +
				`{"emailAddress":"Ann@customers.test","action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 no such user"}]},` + about + `}`,
			[]normalize.Receipt{{Recipient: ann, Status: normalize.StatusFailed, Code: "5.1.1", Unreachable: true, Detail: "550 5.1.1 no such user"}},
		},
		{
			"given up for a full mailbox, and nobody says in which words", `{"eventType":"Bounce","bounce":{"bounceType":"Transient","bounceSubType":"MailboxFull","timestamp":"2026-11-21T08:00:00Z","bouncedRecipients":[` +
				`{"emailAddress":"ann@customers.test"},{"emailAddress":"<bob@customers.test>"}]},` + about + `}`,
			[]normalize.Receipt{{Recipient: ann, Status: normalize.StatusFailed, Code: "5.2.2"}, {Recipient: bob, Status: normalize.StatusFailed, Code: "5.2.2"}},
		},
		{
			"on its list of dead addresses", `{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"OnAccountSuppressionList","bouncedRecipients":[{"emailAddress":"ann@customers.test"}]},` + about + `}`,
			[]normalize.Receipt{{Recipient: ann, Status: normalize.StatusFailed, Code: "5.0.0", Unreachable: true}},
		},
		{
			"delivered", `{"notificationType":"Delivery","delivery":{"timestamp":"2026-11-21T08:00:00Z","recipients":["ann@customers.test"],"smtpResponse":"250 2.0.0 ok"},` + about + `}`,
			[]normalize.Receipt{{Recipient: ann, Status: normalize.StatusDelivered, Code: "2.0.0"}},
		},
		{
			"delayed", `{"eventType":"DeliveryDelay","deliveryDelay":{"delayType":"MailboxFull","delayedRecipients":[{"emailAddress":"ann@customers.test","status":"4.2.2"}]},` + about + `}`,
			[]normalize.Receipt{{Recipient: ann, Status: normalize.StatusAccepted, Code: "4.2.2"}},
		},
		{
			"a complaint", `{"notificationType":"Complaint","complaint":{"complaintFeedbackType":"abuse","complainedRecipients":[{"emailAddress":"ann@customers.test"}]},` + about + `}`,
			[]normalize.Receipt{{Recipient: ann, Status: normalize.StatusDelivered, Code: complaintCode, Unreachable: true, Detail: "reported as unwanted (abuse)"}},
		},
		{
			"not sent for a virus", `{"eventType":"Reject","reject":{"reason":"Bad content"},` + about + `}`,
			[]normalize.Receipt{{Recipient: ann, Status: normalize.StatusFailed, Code: "5.0.0", Detail: "Bad content"}},
		},
		{"a link was followed", `{"eventType":"Click",` + about + `}`, []normalize.Receipt{{Recipient: ann, Status: normalize.StatusDelivered}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			head := []string{
				"From: Shop <no-reply@sns.amazonaws.com>", "To: " + desk, "Subject: AWS Notification Message", "Date: Sat, 21 Nov 2026 08:00:00 +0000",
				"x-amz-sns-message-id: 4711", "Content-Type: text/plain; charset=UTF-8", "",
			}
			footer := []string{"", "--", "To stop these mails, follow {this} link."}
			inside, err := json.Marshal(map[string]string{"Type": "Notification", "Message": tc.event, "TopicArn": "arn:x"})
			if err != nil {
				t.Fatal(err)
			}
			broken := strings.ReplaceAll(tc.event, "customers", "cust!\r\n omers")
			broken = strings.ReplaceAll(broken, `":`, "\"\r\n:")
			for form, body := range map[string]string{"raw": tc.event, "in the envelope": string(inside), "broken on its way": broken} {
				receiptsOf(t, e, id, eml(append(append(head, body), footer...)...), tc.want...)
				other := strings.ReplaceAll(body, "db.", "xx.")
				item, err := e.Decode(normalize.Input{Raw: eml(append(head, other)...)})
				if ignored, ok := item.(*normalize.Ignored); err != nil || !ok || !strings.HasSuffix(ignored.Reason, "_unknown") {
					t.Errorf("%s, not ours: %T %v", form, item, err)
				}
				// A person who shows what they have got is heard.
				shown := eml("From: "+anna, "Subject: What is this?", "", body)
				if m := decodeMessage(t, e, shown); m.FullText == "" {
					t.Errorf("%s, by a person: %+v", form, m)
				}
			}
		})
	}
}

// TestReportsThatAreSentOn by a system that puts words of its own above them.
func TestReportsThatAreSentOn(t *testing.T) {
	e := offline(t)
	id := e.mint.id()
	gone := normalize.Receipt{Recipient: normalize.Email("gone@customers.test", ""), Status: normalize.StatusFailed, Code: "5.1.1", Unreachable: true}
	report := string(postfixBounce("X: y", id, failedGroup))
	inWords := strings.Join([]string{
		"Return-Path: <>", "From: MAILER-DAEMON@inner.test", "To: admin@mx.test", "Subject: failure notice", "", "I could not deliver your message:", "",
		"<gone@customers.test>:", "550 5.1.1 no such user", "", "--- Below this line is a copy of the message.", "", "Message-ID: <" + id + ">", "From: " + desk, "", "Hello",
	}, "\r\n")
	own := []string{"Our help pages say what to do: https://help.mx.test", "Questions? help@mx.test", ""}
	for name, raw := range map[string][]byte{
		"as text":          eml(append(append(system("Undelivered Mail Returned to Sender", ""), own...), report)...),
		"as text in words": eml(append(append(system("Undelivered Mail", ""), own...), inWords)...),
		"as a mail": eml(append(append(system("Undelivered Mail", "Content-Type: multipart/mixed; boundary=out", "", "--out", ""), own...),
			"--out", "Content-Type: message/rfc822", "", report, "--out--")...),
	} {
		t.Run(name, func(t *testing.T) {
			receiptsOf(t, e, id, raw, gone)
			for _, from := range []string{anna, desk} {
				by := strings.Replace(strings.Replace(string(raw), "Return-Path: <>", "Return-Path: <anna@customers.test>", 1), "From: Mail Delivery System <MAILER-DAEMON@mx.test>", "From: "+from, 1)
				if item, err := e.Decode(normalize.Input{Raw: []byte(by)}); err != nil {
					t.Error(err)
				} else if m, ok := item.(*normalize.Message); !ok || m.FullText == "" {
					t.Errorf("sent on by %s: %T %+v", from, item, item)
				}
			}
		})
	}
}

// TestListsThatRefuse: the mail reached nobody, and the list is what refused.
func TestListsThatRefuse(t *testing.T) {
	e := offline(t)
	id := e.mint.id()
	list := normalize.Email("talk@lists.test", "")
	refused := normalize.Receipt{Recipient: list, Status: normalize.StatusFailed, Code: "5.7.2"}
	held := normalize.Receipt{Recipient: list, Status: normalize.StatusAccepted, Code: "4.7.2"}
	for _, tc := range []struct {
		name   string
		header []string
		words  string
		want   normalize.Receipt
	}{
		{"no member, says fml", []string{"From: talk-admin@lists.test", "Subject: You " + desk + " are not member (talk ML)", "X-MLServer: fml 4"}, "You are not a member of this mailing list <talk@lists.test>.", refused},
		{
			"refused by Mailman",
			[]string{"From: talk-bounces@lists.test", "Subject: Request to mailing list Talk rejected", "X-Mailman-Version: 2.1.39", "List-Id: <talk.lists.test>", "Precedence: bulk"},
			"Your request to the Talk mailing list\n\n    Posting of your message titled \"Re: order\"\n\nhas been rejected by the list moderator.\n\nThe moderator gave as the reason:\n\n\"No replies here\"\n\ntalk-owner@lists.test", refused,
		},
		{
			"held by Mailman",
			[]string{"From: talk-bounces@lists.test", "Subject: Your message to Talk awaits moderator approval", "X-Mailman-Version: 2.1.39", "List-Post: <mailto:talk@lists.test>", "Precedence: bulk"},
			"Your mail to 'Talk' with the subject\n\n    Re: order\n\nIs being held until the list moderator can review it for approval.", held,
		},
		{
			"refused by Sympa",
			[]string{"From: SYMPA <sympa@lists.test>", "Subject: Message rejected", "Auto-Submitted: auto-replied"},
			"Your message to the list talk@lists.test was not distributed: sending to this list is restricted to list members.", refused,
		},
		{"not allowed by LISTSERV", []string{"From: LISTSERV <LISTSERV@lists.test>", "Subject: Rejected posting to talk@lists.test", "Auto-Submitted: auto-generated"}, "You are not authorized to send mail to the list talk@lists.test from this account.", refused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			head := append(tc.header, "To: "+desk, "Date: Sat, 21 Nov 2026 08:00:00 +0000")
			receiptsOf(t, e, id, eml(append(head, "In-Reply-To: <"+id+">", "", tc.words)...), tc.want)
			// It may be on any mail where it names none of ours.
			if m := decodeMessage(t, e, eml(append(head, "", tc.words)...)); !m.Automated {
				t.Errorf("%+v", m)
			}
		})
	}
	member := eml("From: "+anna, "List-Id: <talk.lists.test>", "List-Post: <mailto:talk@lists.test>", "Precedence: list", "In-Reply-To: <"+id+">", "", "They say that you are not a member of this mailing list <talk@lists.test>.")
	if m := decodeMessage(t, e, member); m.Address.Value != "anna@customers.test" {
		t.Errorf("what a member writes: %+v", m)
	}
	office := eml("From: sales-admin@customers.test", "Auto-Submitted: auto-replied", "In-Reply-To: <"+id+">", "", "You are not authorized to send a message to this group mailbox.")
	if m := decodeMessage(t, e, office); m.FullText == "" {
		t.Errorf("an office's automatic answer: %+v", m)
	}
}

// TestTheRecipientIsWhomWeWroteTo, wherever their mail was sent on to, and the
// report says that as well.
func TestTheRecipientIsWhomWeWroteTo(t *testing.T) {
	e := offline(t)
	id := e.mint.id()
	ann := normalize.Email("ann@customers.test", "")
	dead := normalize.Receipt{Recipient: ann, Status: normalize.StatusFailed, Code: "5.1.1", Unreachable: true}
	alias := dead
	alias.Final, alias.Detail = normalize.Email("a.b@elsewhere.test", ""), "550 5.1.1 unknown"
	const group = "Final-Recipient: rfc822; %s\r\nOriginal-Recipient: rfc822;%s\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 unknown"
	receiptsOf(t, e, id, postfixBounce("X: y", id, fmt.Sprintf(group, "A.B@elsewhere.test", "ann@customers.test")), alias)

	alias.Detail = ""
	silent := "Final-Recipient: rfc822; a.b@elsewhere.test\r\nOriginal-Recipient: rfc822;ann@customers.test\r\nAction: failed\r\nStatus: 5.1.1"
	receiptsOf(t, e, id, postfixBounce("X: y", id, silent), alias)

	same := dead
	same.Detail = "550 5.1.1 unknown"
	receiptsOf(t, e, id, postfixBounce("X: y", id, fmt.Sprintf(group, "Ann@Customers.test", "ann@customers.test")), same)
	same.Recipient = normalize.Email("a..nn.@customers.test", "")
	receiptsOf(t, e, id, postfixBounce("X: y", id, fmt.Sprintf(group, `"a..nn."@customers.test`, "a..nn.@customers.test")), same)
	receiptsOf(t, e, id, postfixBounce("X: y", id, fmt.Sprintf("Final-Recipient: rfc822; %s\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 unknown", `<"a..nn."@customers.test>`)), same)

	exim := append(system("Mail delivery failed: returning message to sender", "X-Failed-Recipients: a.b@elsewhere.test"), "",
		"A message that you sent could not be delivered. The following address failed:", "", "  ann@customers.test", "    550 5.1.1 unknown user", "",
		"------ This is a copy of the message, including all the headers. ------", "", "Message-ID: <"+id+">", "From: "+desk, "To: ann@customers.test", "", "Hello")
	receiptsOf(t, e, id, eml(exim...), dead)
}
