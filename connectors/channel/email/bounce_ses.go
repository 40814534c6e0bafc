package email

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// sesEvent is what Amazon SES tells of a mail that it sent, as a notification
// (notificationType) or an event (eventType), and SNS's envelope around it.
//
//	https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
//	https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
type sesEvent struct {
	Type, Message               string // of the envelope
	NotificationType, EventType string
	Mail                        struct {
		Destination   []string
		Headers       []struct{ Name, Value string }
		CommonHeaders struct{ MessageID string }
	}
	Bounce struct {
		BounceType, BounceSubType string
		BouncedRecipients         []sesRecipient
		Timestamp                 string
	}
	Complaint struct {
		ComplainedRecipients             []sesRecipient
		ComplaintFeedbackType, Timestamp string
	}
	Delivery struct {
		Recipients              []string
		SMTPResponse, Timestamp string
	}
	DeliveryDelay struct {
		DelayType, Timestamp string
		DelayedRecipients    []sesRecipient
	}
	Reject struct{ Reason string }
}

type sesRecipient struct{ EmailAddress, Action, Status, DiagnosticCode string }

// sesNotice reads a mail in which SNS passes on what SES reports: its text is
// JSON, and below that stands how to unsubscribe.
func sesNotice(root *node) *notice {
	if !root.header.has("x-amz-sns-message-id") && !strings.HasSuffix(root.from.Value, ".amazonaws.com") {
		return nil
	}
	body := find(root, "text/plain")
	if body == nil {
		return nil
	}
	v, ok := sesRead(body.content())
	if ok && v.Type == "Notification" && v.Message != "" {
		v, ok = sesRead([]byte(v.Message))
	}
	kind := v.NotificationType + v.EventType
	if !ok || kind == "" {
		return nil
	}
	n := &notice{certain: true, unknown: "bounce_unknown", named: []string{v.Mail.CommonHeaders.MessageID}}
	for _, f := range v.Mail.Headers {
		if strings.EqualFold(f.Name, "message-id") {
			n.named = append(n.named, f.Value)
		}
	}
	n.receipts = uniqueReceipts(v.receipts(kind))
	n.receipts = n.receipts[:min(len(n.receipts), maxAddresses)]
	if kind == "Complaint" {
		n.unknown = "complaint_unknown"
	}
	return n
}

// sesRead decodes the JSON that a text begins with. Servers on the way break
// its one long line, within words as well (RFC 5321 section 4.5.3.1.6), and
// sendmail puts an exclamation mark before the break.
func sesRead(b []byte) (v sesEvent, ok bool) {
	b = bytes.TrimSpace(b[:min(len(b), maxReport)])
	if !bytes.HasPrefix(b, []byte("{")) {
		return v, false
	}
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	b = bytes.ReplaceAll(b, []byte("!\n "), nil)
	b = bytes.ReplaceAll(b, []byte("\n"), nil)
	err := json.NewDecoder(bytes.NewReader(b)).Decode(&v)
	return v, err == nil
}

func (v *sesEvent) receipts(kind string) []normalize.Receipt {
	switch kind {
	case "Bounce":
		return v.failures()
	case "DeliveryDelay":
		return sesReceipts(v.DeliveryDelay.DelayedRecipients, "delayed", v.DeliveryDelay.DelayType, v.DeliveryDelay.Timestamp)
	case "Complaint":
		list := sesReceipts(v.Complaint.ComplainedRecipients, "delivered", "", v.Complaint.Timestamp)
		for i := range list {
			list[i].Code, list[i].Unreachable = complaintCode, true
			list[i].Detail = "reported as unwanted (" + text.Truncate(v.Complaint.ComplaintFeedbackType, 40) + ")"
		}
		return list
	case "Delivery":
		return sesReceipts(sesAddresses(v.Delivery.Recipients), "delivered", v.Delivery.SMTPResponse, v.Delivery.Timestamp)
	case "Reject", "Rendering Failure":
		return sesReceipts(sesAddresses(v.Mail.Destination), "failed", v.Reject.Reason, "")
	case "Open", "Click":
		// A program may have opened it, but it has arrived.
		if len(v.Mail.Destination) == 1 {
			return sesReceipts(sesAddresses(v.Mail.Destination), "delivered", "", "")
		}
	}
	return nil // nothing that is not known already
}

// failures are the receipts of a bounce. SES reports one when it has given up,
// also where the cause was a passing one.
func (v *sesEvent) failures() []normalize.Receipt {
	code := "5.0.0"
	switch v.Bounce.BounceSubType {
	case "NoEmail":
		code = "5.1.1"
	case "MailboxFull":
		code = "5.2.2"
	case "MessageTooLarge":
		code = "5.3.4"
	case "ContentRejected", "AttachmentRejected":
		code = "5.7.1"
	}
	list := sesReceipts(v.Bounce.BouncedRecipients, "failed", v.Bounce.BounceType+" "+v.Bounce.BounceSubType, v.Bounce.Timestamp)
	for i := range list {
		r := &list[i]
		if vague(r.Code) {
			r.Code = code
		}
		switch v.Bounce.BounceSubType {
		case "NoEmail", "Suppressed", "OnAccountSuppressionList": // SES itself will not send there
			r.Unreachable = true
		}
		r.Unreachable = r.Unreachable && v.Bounce.BounceType == "Permanent"
	}
	return list
}

// sesReceipts reads what SES copies from a delivery report.
func sesReceipts(list []sesRecipient, action, otherwise, at string) []normalize.Receipt {
	var receipts []normalize.Receipt
	when, _ := time.Parse(time.RFC3339, at)
	for _, to := range list {
		h := header{
			{name: "final-recipient", value: to.EmailAddress},
			{name: "action", value: action},
			{name: "status", value: to.Status},
			{name: "diagnostic-code", value: to.DiagnosticCode},
		}
		if to.DiagnosticCode == "" {
			h[3].value = otherwise
		}
		if r, ok := receipt(h, noMeaning); ok && !r.Recipient.IsZero() {
			r.At = when
			receipts = append(receipts, r)
		}
	}
	return receipts
}

func sesAddresses(list []string) []sesRecipient {
	to := make([]sesRecipient, len(list))
	for i, a := range list {
		to[i].EmailAddress = a
	}
	return to
}
