package email

import (
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/normalize"
)

// postfixBounce is laid out as Postfix 3.7 writes it.
func postfixBounce(envelope, inner string, groups ...string) []byte {
	return eml("Return-Path: <>", "From: MAILER-DAEMON@mx.test (Mail Delivery System)", "To: "+desk,
		"Subject: Undelivered Mail Returned to Sender", "Auto-Submitted: auto-replied", "MIME-Version: 1.0",
		"Date: Sat, 21 Nov 2026 08:00:00 +0000", "Message-ID: <20261121@mx.test>",
		`Content-Type: multipart/report; report-type=delivery-status;`, ` boundary="B/mx.test"`, "",
		"This is a MIME-encapsulated message.", "", "--B/mx.test", "Content-Description: Notification", "",
		"I'm sorry to have to inform you that your message could not be delivered.", "",
		"--B/mx.test", "Content-Description: Delivery report", "Content-Type: message/delivery-status", "",
		"Reporting-MTA: dns; mx.test", envelope, "Arrival-Date: Sat, 21 Nov 2026 07:59:59 +0000", "",
		strings.Join(groups, "\r\n\r\n"), "",
		"--B/mx.test", "Content-Description: Undelivered Message Headers", "Content-Type: text/rfc822-headers", "",
		"Message-ID: <"+inner+">", "Subject: Re: order", "", "--B/mx.test--")
}

const failedGroup = "Final-Recipient: rfc822; gone@customers.test\r\nOriginal-Recipient: rfc822;Gone@customers.test\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 <gone@customers.test>: Recipient address\r\n    rejected: User unknown"

func TestBounceBecomesReceipts(t *testing.T) {
	e := offline(t)
	id := e.mint.id()
	gone := []normalize.Receipt{{
		Recipient: normalize.Email("gone@customers.test", ""), Status: normalize.StatusFailed, Code: "5.1.1", Unreachable: true,
		Detail: "550 5.1.1 <gone@customers.test>: Recipient address rejected: User unknown",
	}}
	several := []normalize.Receipt{
		{Recipient: normalize.Email("slow@customers.test", ""), Status: normalize.StatusAccepted, Code: "4.4.1"},
		{Recipient: normalize.Email("full@customers.test", ""), Status: normalize.StatusFailed, Code: "5.2.2", Detail: "552 5.2.2 full"},
		{Recipient: normalize.Email("fine@customers.test", ""), Status: normalize.StatusDelivered, Code: "2.0.0"},
	}
	loose := gone[0]
	loose.Detail = "550 5.1.1 no such user"
	for _, tc := range []struct {
		name string
		raw  []byte
		want []normalize.Receipt
	}{
		{"failed, by the envelope id", postfixBounce("Original-Envelope-Id: "+id, "rewritten@mx.test", failedGroup), gone},
		{"by the returned header, case folded", postfixBounce("X-Postfix-Queue-Id: 4711", strings.ToUpper(id), failedGroup), gone},
		{"several", postfixBounce("X: y", id,
			"Final-Recipient: rfc822; slow@customers.test\r\nAction: delayed\r\nStatus: 4.4.1",
			"Final-Recipient: rfc822; full@customers.test\r\nAction: failed (over quota)\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 552 5.2.2 full",
			"Final-Recipient: rfc822; fine@customers.test\r\nAction: delivered\r\nStatus: 2.0.0",
			"Final-Recipient: rfc822; odd@customers.test\r\nAction: exploded\r\nStatus: 5.0.0"), several},
		{
			"no report, but X-Failed-Recipients", eml("Return-Path: <>", "From: mailer-daemon@mx.test", "Date: Sat, 21 Nov 2026 08:00:00 +0000",
				"X-Failed-Recipients: gone@customers.test", "", "The following address failed:", "550 5.1.1 no such user", "", "> Message-ID: <"+id+">."),
			[]normalize.Receipt{loose},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			item, err := e.Decode(normalize.Input{Raw: tc.raw, ReceivedAt: now})
			got, ok := item.(normalize.Receipts)
			if err != nil || !ok || len(got) != len(tc.want) {
				t.Fatalf("%T %+v %v", item, item, err)
			}
			for i, want := range tc.want {
				want.ExternalID, want.ReceivedAt, want.At = id, now, got[i].At
				if got[i] != want || want.At.IsZero() {
					t.Errorf("got  %+v\nwant %+v", got[i], want)
				}
			}
		})
	}
}

// TestReportsOnOthersMailOpenNoConversation, since no person wrote them. One
// that names our mail and says nothing of it is for people to read.
func TestReportsOnOthersMailOpenNoConversation(t *testing.T) {
	e := offline(t)
	for name, raw := range map[string][]byte{
		"of another program's mail": postfixBounce("X: y", "1@example.test", failedGroup),
		"with a forged token":       postfixBounce("X: y", "db.aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb@example.test", failedGroup),
	} {
		item, err := e.Decode(normalize.Input{Raw: raw})
		if ignored, ok := item.(*normalize.Ignored); err != nil || !ok || ignored.Reason != "bounce_unknown" {
			t.Errorf("%s: %T %v", name, item, err)
		}
	}
	m := decodeMessage(t, e, postfixBounce("X: y", e.mint.id()))
	if !m.Automated || m.Direction != normalize.Inbound || !strings.Contains(m.FullText, "I'm sorry") {
		t.Errorf("without recipients: %+v", m)
	}
}

func TestReportThatEndsInProseIsRead(t *testing.T) {
	e := offline(t)
	raw := postfixBounce("X: y", e.mint.id(), failedGroup, "and then it just goes on")
	item, err := e.Decode(normalize.Input{Raw: raw})
	if r, ok := item.(normalize.Receipts); err != nil || !ok || len(r) != 1 {
		t.Errorf("%T %v", item, err)
	}
	if g := fieldGroups([]byte("A: b\n\nno field, and no empty line after it")); len(g) != 1 {
		t.Errorf("%d groups", len(g))
	}
}
