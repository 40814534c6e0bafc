package email

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/normalize"
)

// clean fails when anything in v is not what the model promises.
func clean(t *testing.T, what, s string) {
	t.Helper()
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		t.Fatalf("%s is not clean: %q", what, s)
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add(postfixBounce("X: y", offline(f).mint.id(), failedGroup))
	e := offline(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		in := normalize.Input{Raw: raw, ReceivedAt: now}
		item, err := e.Decode(in)
		if peeked := e.Peek(in); peeked != nil {
			clean(t, "subject", peeked.Subject)
		}
		if err != nil {
			clean(t, "the reason", err.Error())
			return
		}
		m, ok := item.(*normalize.Message)
		if !ok {
			return
		}
		if m.Address.IsZero() || m.ExternalID == "" || len(m.Thread.To) == 0 {
			t.Fatalf("incomplete: %+v", m)
		}
		total := 0
		for _, p := range m.Parts {
			if p.Media != nil {
				total += len(p.Media.Data)
				clean(t, "a file name", p.Media.Name)
				clean(t, "a content type", p.Media.ContentType)
				clean(t, "a content id", p.Media.ContentID)
				if strings.ContainsAny(p.Media.Name, "/\\") {
					t.Fatalf("a path as a name: %q", p.Media.Name)
				}
			}
		}
		if total > len(raw) {
			t.Fatalf("%d bytes of media out of a mail of %d", total, len(raw))
		}
		for what, s := range map[string]string{"text": m.Text, "full text": m.FullText, "html": m.HTML, "subject": m.Subject, "id": m.ExternalID, "from": m.Address.String(), "reply to": m.Thread.ReplyTo, "references": strings.Join(m.Thread.References, " ")} {
			clean(t, what, s)
		}
		for _, a := range append(m.Thread.To, m.Thread.Cc...) {
			clean(t, "address", a.String())
		}
		if again, err := e.Decode(in); err != nil || !sameJSON(t, item, again) {
			t.Fatal("decoding is not pure")
		}
	})
}

func sameJSON(t *testing.T, a, b any) bool {
	t.Helper()
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

func FuzzDSN(f *testing.F) {
	e := offline(f)
	id := e.mint.id()
	f.Add(failedGroup)
	f.Add("Action: delayed\r\nFinal-Recipient: rfc822; =?utf-8?q?x=00@y?=\r\nStatus: 4.4.7")
	f.Fuzz(func(t *testing.T, group string) {
		item, err := e.Decode(normalize.Input{Raw: postfixBounce("Original-Envelope-Id: "+id, "x@y", group), ReceivedAt: now})
		if err != nil {
			return
		}
		receipts, _ := item.(normalize.Receipts)
		if len(receipts) > maxAddresses {
			t.Fatalf("%d receipts", len(receipts))
		}
		for _, r := range receipts {
			if r.ExternalID != id || r.Status == "" {
				t.Fatalf("%+v", r)
			}
			clean(t, "recipient", r.Recipient.String())
			clean(t, "code", r.Code)
			clean(t, "detail", r.Detail)
		}
	})
}

// FuzzNotice feeds the reader of bounces in words what a mail system says.
func FuzzNotice(f *testing.F) {
	e := offline(f)
	id := e.mint.id()
	for _, s := range []string{
		"<gone@customers.test>:\nRemote host said: 550 5.1.1 User unknown\n\n--- Below this line is a copy of the message.\n\nReceived: x",
		"----- Transcript of session follows -----\n550 <a@b.test>... Host unknown", "  a@b.test on Sat, 21 Nov\n quota", "Final-Recipient: rfc822;a@b.test\nAction: failed",
		"to: \"x\"@y.test\nOriginal message follows.\nTo: a@b.test",
		"Ours.\n\nReturn-Path: <>\nFrom: MAILER-DAEMON@b.test\nSubject: failure notice\n\n<gone@customers.test>:\n550 unknown",
		"You are not a member of this mailing list <talk@lists.test>.", "收件人：a@b.test\n邮箱已满",
	} {
		f.Add("failure notice", s, "")
		f.Add("Mail delivery failed", s, "a@b.test")
	}
	f.Fuzz(func(t *testing.T, subject, words, failed string) {
		lines := []string{"From: mailer-daemon@mx.test", "Subject: " + subject, "X-Failed-Recipients: " + failed, "", words, "", "Message-ID: <" + id + ">"}
		root, err := readTree(eml(lines...))
		if err != nil {
			return
		}
		n := readNotice(root)
		if n == nil {
			return
		}
		seen := map[string]bool{}
		for _, r := range n.receipts {
			if r.Status == "" || r.Unreachable && r.Status == normalize.StatusAccepted || seen[r.Recipient.Value] {
				t.Fatalf("%+v", n.receipts)
			}
			seen[r.Recipient.Value] = true
			if !r.Recipient.IsZero() && !validMailbox(r.Recipient.Value) {
				t.Fatalf("%+v", r)
			}
			clean(t, "recipient", r.Recipient.String())
			clean(t, "code", r.Code)
			clean(t, "detail", r.Detail)
		}
	})
}

// FuzzSES feeds the reader of Amazon SES's reports the JSON in them.
func FuzzSES(f *testing.F) {
	e := offline(f)
	id := e.mint.id()
	f.Add(`{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"NoEmail","bouncedRecipients":[{"emailAddress":"a@b.test","status":"5.1.1"}]}}`)
	f.Add(`{"Type":"Notification","Message":"{\"eventType\":\"Complaint\",\"complaint\":{\"complainedRecipients\":[{\"emailAddress\":\"a@b.test\"}]}}"}`)
	f.Add(`{"eventType":"Delivery","delivery":{"recipients":["a@b.test"],"smtpResponse":"250 2.0.0 ok","timestamp":"2026-11-21T08:00:00Z"}}`)
	f.Add("{\"eventType\":\"DeliveryDelay\",\"deliveryDelay\":{\"delayedRecipients\":[{\"emailAddress\":\"a@b!\r\n .test\",\"status\":\"4.2.2\"}]}}")
	f.Fuzz(func(t *testing.T, body string) {
		item, err := e.Decode(normalize.Input{Raw: eml("From: no-reply@sns.amazonaws.com", "x-amz-sns-message-id: 1", "", body, "Message-ID: <"+id+">"), ReceivedAt: now})
		if err != nil {
			return
		}
		receipts, _ := item.(normalize.Receipts)
		for _, r := range receipts {
			if r.ExternalID != id || r.Status == "" || r.Unreachable && r.Status == normalize.StatusAccepted || !validMailbox(r.Recipient.Value) {
				t.Fatalf("%+v", r)
			}
			clean(t, "recipient", r.Recipient.String())
			clean(t, "code", r.Code)
			clean(t, "detail", r.Detail)
		}
	})
}

// FuzzReport feeds the readers of read receipts and complaints their fields.
func FuzzReport(f *testing.F) {
	e := offline(f)
	id := e.mint.id()
	f.Add("disposition-notification", "Final-Recipient: rfc822;a@b.test\r\nDisposition: a/b; displayed")
	f.Add("feedback-report", "Feedback-Type: abuse\r\nOriginal-Rcpt-To: <a@b.test>")
	f.Fuzz(func(t *testing.T, kind, fields string) {
		item, err := e.Decode(normalize.Input{Raw: eml("From: a@b.test", "Content-Type: multipart/report; boundary=b", "", "--b", "Content-Type: message/"+kind, "",
			fields, "", "--b", "Content-Type: text/rfc822-headers", "", "Message-ID: <"+id+">", "", "--b--"), ReceivedAt: now})
		if err != nil {
			return
		}
		receipts, _ := item.(normalize.Receipts)
		for _, r := range receipts {
			if r.ExternalID != id || r.Status == "" {
				t.Fatalf("%+v", r)
			}
			clean(t, "recipient", r.Recipient.String())
			clean(t, "code", r.Code)
			clean(t, "detail", r.Detail)
		}
	})
}

func FuzzDecodeHeader(f *testing.F) {
	for _, s := range []string{"=?utf-8?q?=", "=?GBK?B?1tDO?= =?GBK?B?xA==?=", "\xd6\xd0\xce\xc4", "=?x?Q?=?=", "=?iso-2022-jp?B?GyRC?="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := decodeHeader(s); !utf8.ValidString(d) || len(d) > 4*len(s)+4 {
			t.Fatalf("%q gives %q", s, d)
		}
		for name, v := range second(parseParams(s)) {
			if !utf8.ValidString(v) {
				t.Fatalf("%q gives %q=%q", s, name, v)
			}
		}
		for _, a := range parseAddresses(s) {
			if !validMailbox(a.Value) || a.Name != strings.TrimSpace(a.Name) {
				t.Fatalf("%q gives %+v", s, a)
			}
			clean(t, "name", a.Name)
		}
	})
}

// FuzzCompose lets an agent write anything: what arrives is what was written.
func FuzzCompose(f *testing.F) {
	f.Add("subject", "text\n.\n--=_boundary", "name.pdf")
	f.Add("主题 =?utf-8?q?x?=", "正文\r\nFrom x", "文件.pdf")
	e := offline(f)
	f.Fuzz(func(t *testing.T, subject, words, name string) {
		o := outbound(t, e, nil, textPart(words), attachment(name, "application/pdf", "%PDF"))
		o.Message.Subject = subject
		raw := composed(t, e, o)
		for line := range strings.Lines(string(raw)) {
			if len(line) > 998 || !strings.HasSuffix(line, "\r\n") && !strings.HasSuffix(string(raw), line) {
				t.Fatalf("a line of %d bytes", len(line))
			}
		}
		m := decodeMessage(t, e, raw)
		if m.ExternalID != o.Message.ExternalID || m.Direction != normalize.Outbound {
			t.Fatalf("the header was broken: %s", raw)
		}
		files := 0
		for _, p := range m.Parts {
			if p.Media != nil && string(p.Media.Data) == "%PDF" {
				files++
			}
		}
		if files != 1 {
			t.Fatalf("%d files: %s", files, raw)
		}
	})
}

func second[A, B any](_ A, b B) B { return b }
