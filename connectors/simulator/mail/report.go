package mail

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// outcome is what became of one recipient after the message was taken.
type outcome struct {
	action   string // failed or delivered (RFC 3464, 2.3.3)
	status   smtp.EnhancedCode
	text     string
	notify   smtp.DSNNotify // the kind of report that tells it
	byItself bool           // reported unless the sender asked for other kinds only
}

var delivered = outcome{action: "delivered", status: smtp.EnhancedCode{2, 0, 0}, text: "Delivered", notify: smtp.DSNNotifySuccess}

func failed(f *Fault) outcome {
	reply := f.reply()
	return outcome{
		action: "failed", status: reply.EnhancedCode, notify: smtp.DSNNotifyFailure, byItself: true,
		text: fmt.Sprintf("%d %s %s", reply.Code, status(reply.EnhancedCode), reply.Message),
	}
}

func status(c smtp.EnhancedCode) string { return fmt.Sprintf("%d.%d.%d", c[0], c[1], c[2]) }

// report sends the delivery status notification that is due to the sender
// after a while. A message from nobody gets none (RFC 3464, 2): two systems
// would go on for ever.
func (s *Server) report(after time.Duration, e *envelope, r recipient, raw []byte, o outcome) {
	asked := r.options.Notify
	wanted := slices.Contains(asked, o.notify) || len(asked) == 0 && o.byItself
	sender := s.account(e.from)
	if !wanted || e.from == "" || sender == nil {
		return
	}
	from := *e
	s.start(func() {
		if after > 0 && !s.pause(after) {
			return
		}
		back := &envelope{helo: s.host, id: s.nextID()}
		s.put(sender, inbox, s.traced(back, from.from, s.notification(&from, r, raw, o)), "")
		s.count(func(c *Counts) { c.Reports++ })
	})
}

// notification writes a report (RFC 6522, RFC 3464).
func (s *Server) notification(e *envelope, r recipient, raw []byte, o outcome) []byte {
	const boundary = "=_delivery_status"
	subject, intro := "Undelivered Mail Returned to Sender", "Your message could not be delivered to one of its recipients."
	if o.action == delivered.action {
		subject, intro = "Successful Mail Delivery Report", "Your message was delivered to the recipient below."
	}
	now := time.Now().Format(time.RFC1123Z)
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("Date: %s", now)
	line("From: MAILER-DAEMON@%s (Mail Delivery System)", s.host)
	line("To: %s", e.from)
	line("Subject: %s", subject)
	line("Message-ID: <%s.%s@%s>", strings.ToLower(s.nextID()), "dsn", s.host)
	line("Auto-Submitted: auto-replied")
	line("MIME-Version: 1.0")
	line("Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=%q", boundary)
	line("")
	line("--%s\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n", boundary)
	line("This is the mail system at host %s.\r\n\r\n%s\r\n\r\n<%s>: %s\r\n", s.host, intro, r.address, o.text)
	line("--%s\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n", boundary)
	line("Reporting-MTA: dns; %s", s.host)
	if e.options.EnvelopeID != "" {
		line("Original-Envelope-Id: %s", e.options.EnvelopeID)
	}
	line("Arrival-Date: %s\r\n", now)
	if r.options.OriginalRecipient != "" {
		line("Original-Recipient: %s;%s", strings.ToLower(string(r.options.OriginalRecipientType)), r.options.OriginalRecipient)
	}
	line("Final-Recipient: rfc822; %s", r.address)
	line("Action: %s\r\nStatus: %s", o.action, status(o.status))
	line("Diagnostic-Code: smtp; %s\r\n", o.text)
	// RFC 3461, 4.3 and 6.2: a success brings back the header alone.
	if e.options.Return == smtp.DSNReturnHeaders || o.action == delivered.action {
		head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
		line("--%s\r\nContent-Description: Message Headers\r\nContent-Type: text/rfc822-headers\r\n", boundary)
		line("%s\r\n", head)
	} else {
		line("--%s\r\nContent-Description: Undelivered Message\r\nContent-Type: message/rfc822\r\n", boundary)
		line("%s", raw)
	}
	line("--%s--", boundary)
	return b.Bytes()
}
