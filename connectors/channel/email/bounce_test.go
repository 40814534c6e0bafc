package email

import (
	"encoding/base64"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// system is the header of a notice as most mail systems write it.
func system(subject string, more ...string) []string {
	return append([]string{"Return-Path: <>", "From: Mail Delivery System <MAILER-DAEMON@mx.test>", "To: " + desk, "Subject: " + subject, "Date: Sat, 21 Nov 2026 08:00:00 +0000"}, more...)
}

func TestBouncesInWords(t *testing.T) {
	e := offline(t)
	id := e.mint.id()
	copyOf := []string{
		"", "Return-Path: <" + desk + ">", "Received: from a by b; Sat, 21 Nov 2026 07:59:59 +0000", "Message-ID: <" + id + ">",
		"References: <" + e.mint.id() + ">", "From: " + desk, "To: somebody@customers.test", "", "Hello",
	}
	for _, tc := range []struct {
		name   string
		header []string
		words  []string
		want   []normalize.Receipt
	}{
		{"qmail, two recipients", system("failure notice"), []string{
			"Hi. This is the qmail-send program at mx.test.", "I'm afraid I wasn't able to deliver your message to the following addresses.",
			"This is a permanent error; I've given up. Sorry it didn't work out.", "",
			"<gone@customers.test>:", "192.0.2.1 does not like recipient.", "Remote host said: 550 5.1.1 User unknown", "Giving up on 192.0.2.1.", "",
			"<full@customers.test>:", "192.0.2.1 failed after I sent the message.", "Remote host said: 552 Mailbox is over quota", "",
			"--- Below this line is a copy of the message.",
		}, []normalize.Receipt{
			{Recipient: normalize.Email("gone@customers.test", ""), Status: normalize.StatusFailed, Code: "5.1.1", Unreachable: true},
			{Recipient: normalize.Email("full@customers.test", ""), Status: normalize.StatusFailed, Code: "5.2.2"},
		}},
		{"old sendmail", system("Returned mail: Host unknown"), []string{
			"   ----- Transcript of session follows -----", "550 <ann@nowhere.test>... Host unknown", "", "   ----- Unsent message follows -----",
		}, []normalize.Receipt{{Recipient: normalize.Email("ann@nowhere.test", ""), Status: normalize.StatusFailed, Code: "5.1.2", Unreachable: true}}},
		{"Exim's warning", system("Warning: message 1abc delayed 24 hours"), []string{
			"A message that you have sent could not yet be delivered to one or more of its", "recipients after more than 24 hours on the queue.", "",
			"The address to which the message has not yet been delivered is:", "", "  slow@customers.test", "    host mx.customers.test [192.0.2.7]: connection timed out", "",
			"No action is required on your part. Delivery attempts will continue for", "some time.", "", "------ This is a copy of the message, including all the headers. ------",
		}, []normalize.Receipt{{Recipient: normalize.Email("slow@customers.test", ""), Status: normalize.StatusAccepted, Code: "4.4.1"}}},
		{"Exchange 5.5", system("Undeliverable: Re: order"), []string{
			"Your message", "", "  To:      " + desk, "  Subject: Re: order", "", "did not reach the following recipient(s):", "",
			"gone@customers.test on Sat, 21 Nov 2026 08:00:00 +0000", "    The recipient name is not recognized",
		}, []normalize.Receipt{{Recipient: normalize.Email("gone@customers.test", ""), Status: normalize.StatusFailed, Code: "5.1.1", Unreachable: true}}},
		{"a report without its frame", system("Undelivered Mail Returned to Sender"), []string{
			"--B", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.test", "", "Final-Recipient: rfc822; gone@customers.test", "Action: failed",
			"Status: 5.0.0", "Diagnostic-Code: smtp; 554 5.7.1 rejected as spam, user unknown", "", "--B",
		}, []normalize.Receipt{{Recipient: normalize.Email("gone@customers.test", ""), Status: normalize.StatusFailed, Code: "5.7.1"}}},
		{"refused for now, and nobody says the address is dead", system("Mail delivery failed"), []string{
			"could not be delivered to:", "", "  ann@customers.test", "  450 4.1.1 <ann@customers.test>: User unknown",
		}, []normalize.Receipt{{Recipient: normalize.Email("ann@customers.test", ""), Status: normalize.StatusFailed, Code: "4.1.1"}}},
		{
			"only the returned mail names whom it was for", system("Undeliverable Message"),
			[]string{"Message could not be delivered to mobile.", "Error: No such subscriber", "", "Original Message:"},
			[]normalize.Receipt{{Recipient: normalize.Email("somebody@customers.test", ""), Status: normalize.StatusFailed, Code: "5.0.0"}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			plain := append(append(append(tc.header, ""), tc.words...), copyOf...)
			wrapped := append(append(tc.header, "Content-Transfer-Encoding: base64", ""), base64.StdEncoding.EncodeToString([]byte(strings.Join(append(tc.words, copyOf...), "\r\n"))))
			for form, lines := range map[string][]string{"plain": plain, "base64": wrapped} {
				item, err := e.Decode(normalize.Input{Raw: eml(lines...), ReceivedAt: now})
				got, ok := item.(normalize.Receipts)
				if err != nil || !ok || len(got) != len(tc.want) {
					t.Fatalf("%s: %T %+v %v", form, item, item, err)
				}
				for i, want := range tc.want {
					g := got[i]
					if g.ExternalID != id || g.Recipient != want.Recipient || g.Status != want.Status || g.Code != want.Code || g.Unreachable != want.Unreachable || g.At.IsZero() {
						t.Errorf("%s: got  %+v\nwant %+v", form, g, want)
					}
				}
			}
			// The same of a mail that is not ours opens no conversation.
			item, err := e.Decode(normalize.Input{Raw: []byte(strings.ReplaceAll(string(eml(plain...)), "<db.", "<xx."))})
			if ignored, ok := item.(*normalize.Ignored); err != nil || !ok || ignored.Reason != "bounce_unknown" {
				t.Errorf("not ours: %T %v", item, err)
			}
		})
	}
}

// TestPeopleWhoWriteAboutBouncesAreHeard: whatever a person quotes, it is a
// message.
func TestPeopleWhoWriteAboutBouncesAreHeard(t *testing.T) {
	e := offline(t)
	id := e.mint.id()
	report := []string{
		"Delivery to the following recipient failed permanently:", "", "  gone@customers.test", "", "550 5.1.1 user unknown",
		"Final-Recipient: rfc822; gone@customers.test", "Action: failed", "Status: 5.1.1", "", "Message-ID: <" + id + ">",
	}
	attached := []string{
		"Content-Type: multipart/mixed; boundary=b", "", "--b", "", "What does this mean?", "--b", "Content-Type: message/delivery-status", "",
		"Reporting-MTA: dns; mx.test", "", "Final-Recipient: rfc822; gone@customers.test", "Action: failed", "Status: 5.1.1", "", "--b",
		"Content-Type: message/rfc822", "", string(postfixBounce("X: y", id, failedGroup)), "--b--",
	}
	for name, lines := range map[string][]string{
		"forwarded in the text":        append([]string{"From: " + anna, "Return-Path: <anna@customers.test>", "Subject: Undelivered Mail Returned to Sender", ""}, report...),
		"forwarded as attachments":     append([]string{"From: " + anna, "Subject: Fwd: Undelivered Mail"}, attached...),
		"a postmaster's own question":  append([]string{"From: Postmaster <postmaster@customers.test>", "Return-Path: <postmaster@customers.test>", "Subject: Re: your mail is undeliverable", "In-Reply-To: <" + id + ">", ""}, report...),
		"a postmaster's first mail":    {"From: Postmaster <postmaster@customers.test>", "Return-Path: <postmaster@customers.test>", "Subject: Mail could not be delivered", "", "Your mail to bob@customers.test could not be delivered. Can you call me?"},
		"an absence that names others": {"From: " + anna, "Return-Path: <>", "Auto-Submitted: auto-replied", "Subject: Automatic reply", "", "I am away. Write to", "bob@customers.test", "instead."},
	} {
		item, err := e.Decode(normalize.Input{Raw: eml(lines...), ReceivedAt: now})
		if m, ok := item.(*normalize.Message); err != nil || !ok || m.FullText == "" {
			t.Errorf("%s: %T %+v %v", name, item, item, err)
		}
	}
}

func TestReadReceiptsAndComplaints(t *testing.T) {
	e := offline(t)
	id := e.mint.id()
	report := func(kind, part string, fields ...string) []byte {
		return eml(append(append([]string{
			"From: " + anna, "Date: Sat, 21 Nov 2026 08:00:00 +0000", "Content-Type: multipart/report; report-type=" + kind + "; boundary=b", "",
			"--b", "", "Said to people.", "--b", "Content-Type: message/" + part, "",
		}, fields...), "", "--b", "Content-Type: text/rfc822-headers", "", "Message-ID: <"+id+">", "To: anna@customers.test", "", "--b--")...)
	}
	who := normalize.Email("anna@customers.test", "")
	for _, tc := range []struct {
		name string
		raw  []byte
		want *normalize.Receipt
		why  string
	}{
		{
			"read", report("disposition-notification", "disposition-notification", "Final-Recipient: rfc822;anna@customers.test", "Original-Message-ID: <"+id+">", "Disposition: manual-action/MDN-sent-manually; displayed"),
			&normalize.Receipt{Recipient: who, Status: normalize.StatusRead}, "",
		},
		{
			"deleted unread", report("disposition-notification", "disposition-notification", "Final-Recipient: rfc822;anna@customers.test", "Disposition: automatic-action/MDN-sent-automatically; deleted/error"),
			&normalize.Receipt{Recipient: who, Status: normalize.StatusDelivered}, "",
		},
		{
			"a complaint", report("feedback-report", "feedback-report", "Feedback-Type: abuse", "Version: 1", "Original-Rcpt-To: <anna@customers.test>"),
			&normalize.Receipt{Recipient: who, Status: normalize.StatusDelivered, Code: "complaint", Unreachable: true}, "",
		},
		{
			"a complaint with a redacted address", report("feedback-report", "feedback-report", "Feedback-Type: opt-out", "Version: 1"),
			&normalize.Receipt{Recipient: who, Status: normalize.StatusDelivered, Code: "complaint", Unreachable: true}, "",
		},
		{"read, not ours", []byte(strings.ReplaceAll(string(report("disposition-notification", "disposition-notification", "Disposition: a/b; displayed")), "db.", "xx.")), nil, "read_receipt_unknown"},
		{"a complaint, not ours", []byte(strings.ReplaceAll(string(report("feedback-report", "feedback-report", "Feedback-Type: abuse")), "db.", "xx.")), nil, "complaint_unknown"},
	} {
		item, err := e.Decode(normalize.Input{Raw: tc.raw, ReceivedAt: now})
		if err != nil {
			t.Fatal(err)
		}
		if ignored, ok := item.(*normalize.Ignored); tc.want == nil {
			if !ok || ignored.Reason != tc.why {
				t.Errorf("%s: %T %+v", tc.name, item, item)
			}
			continue
		}
		got, ok := item.(normalize.Receipts)
		if !ok || len(got) != 1 {
			t.Errorf("%s: %T %+v", tc.name, item, item)
			continue
		}
		g := got[0]
		if g.ExternalID != id || g.Recipient != tc.want.Recipient || g.Status != tc.want.Status || g.Code != tc.want.Code || g.Unreachable != tc.want.Unreachable {
			t.Errorf("%s: %+v", tc.name, g)
		}
	}
}

// TestCraftedNoticesCostLittle: reading them takes time that grows with their
// size only. It is the processor's time that counts, and the limit is far above
// what they take: a busy machine changes nothing.
func TestCraftedNoticesCostLittle(t *testing.T) {
	head := strings.Join(system("Undelivered Mail"), "\r\n") + "\r\n"
	id := offline(t).mint.id()
	for name, body := range map[string]string{
		"recipients without end":     "\r\n" + strings.Repeat("<a@b.test>: 550 5.1.1 unknown\r\n", 200_000),
		"different recipients":       "\r\n" + manyLines(50_000),
		"one line of addresses":      "\r\n" + strings.Repeat("to a@b.test ", 400_000),
		"at signs":                   "\r\n" + strings.Repeat("@", 4<<20),
		"dots and an at":             "\r\n" + strings.Repeat("a.", 1<<20) + "@" + strings.Repeat("a.", 1<<20),
		"words that nearly match":    "\r\n" + strings.Repeat("mailbox user account ", 200_000),
		"dashes":                     "\r\n" + strings.Repeat("-", 4<<20),
		"ids":                        "\r\n" + strings.Repeat("Message-ID: <"+id+"x\r\n", 50_000),
		"groups with a recipient":    "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n" + strings.Repeat("Final-Recipient: rfc822; a@b.test\r\nAction: failed\r\n\r\n", 100_000),
		"groups that nothing parts":  "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n" + strings.Repeat("Action: failed\r\n", 1900),
		"complaints of many":         "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n" + strings.Repeat("Original-Rcpt-To: a@b.test\r\n", 1900),
		"many parts of short notice": "Content-Type: multipart/report; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: text/html\r\n\r\n<p>could not be delivered\r\n", 900),
	} {
		e, start := offline(t), processorTime(t)
		_, _ = e.Decode(normalize.Input{Raw: []byte(head + body)})
		if d := processorTime(t) - start; d > 20*time.Second {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// processorTime is what the process has used so far.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func manyLines(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("<a" + strings.Repeat("x", i%50) + string(rune('a'+i%26)) + "@b.test>: 550 unknown\r\n")
	}
	return b.String()
}
