package email

import (
	"regexp"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// dispositionNotice reads a read receipt (RFC 8098). Whatever became of the
// mail there, it has arrived; only "displayed" says that somebody saw it.
func dispositionNotice(root *node) *notice {
	part := find(root, "message/disposition-notification")
	if part == nil || root.kind != "multipart/report" {
		return nil
	}
	content := part.content()
	var h header
	for _, g := range fieldGroups(content[:min(len(content), maxReport)]) {
		h = append(h, g...)
	}
	n := &notice{certain: true, unknown: "read_receipt_unknown", named: []string{h.get("original-message-id")}}
	mode, kind, ok := strings.Cut(h.get("disposition"), ";")
	if !ok {
		kind = mode
	}
	if kind, _ = cutAny(strings.ToLower(strings.TrimSpace(kind)), "/; \t"); kind == "" {
		return n
	}
	r := normalize.Receipt{Status: normalize.StatusDelivered, Detail: text.Truncate(text.CleanLine(decodeHeader(h.get("disposition"))), 300)}
	if kind == "displayed" {
		r.Status = normalize.StatusRead
	}
	for _, name := range []string{"original-recipient", "final-recipient"} {
		if a, ok := typedAddress(h.get(name)); ok {
			r.Recipient = a
			break
		}
	}
	n.receipts = []normalize.Receipt{r}
	return n
}

// complaintCode is the code of a receipt whose recipient has told their
// provider that they do not want our mail.
const complaintCode = "complaint"

// complaint reads a report of a feedback loop (RFC 5965), and Outlook.com's,
// which comes as a forwarded mail. A complaint counts as an opt-out; reports on
// authentication (RFC 6591) and the like concern nobody's conversation.
func complaint(root *node) *notice {
	n := &notice{certain: true, unknown: "complaint_unknown"}
	kind, h := "abuse", header(nil)
	if part := find(root, "message/feedback-report"); part != nil && root.kind == "multipart/report" {
		content := part.content()
		for _, g := range fieldGroups(content[:min(len(content), maxReport)]) {
			h = append(h, g...)
		}
		kind = firstWord(h.get("feedback-type"))
	} else if !junkReport(root) {
		return nil
	}
	switch kind {
	case "abuse", "fraud", "opt-out", "opt-out-list":
	default:
		n.unknown = "feedback_report"
		return n
	}
	back := returned(root)
	who := complainants(h, back)
	if len(who) == 0 {
		who = []normalize.Address{{}} // redacted: whom the mail was for
	}
	for _, a := range who {
		n.receipts = append(n.receipts, normalize.Receipt{
			Recipient: a, Status: normalize.StatusDelivered, Code: complaintCode, Unreachable: true,
			Detail: "reported as unwanted (" + kind + ")", At: parseDate(h.get("arrival-date")),
		})
	}
	return n
}

var junkSubject = regexp.MustCompile(`(?i)^complaint about message from \d`)

// junkReport recognises Outlook.com's Junk Mail Reporting Program.
func junkReport(root *node) bool {
	return strings.HasPrefix(root.from.Value, "staff@") && root.kind == "multipart/mixed" &&
		find(root, "message/rfc822") != nil && junkSubject.MatchString(root.header.get("subject"))
}

// complainants are those the report names, or else the one that the returned
// mail was for. Many providers redact both.
func complainants(h, back header) []normalize.Address {
	var list []normalize.Address
	add := func(v string) {
		if a, ok := typedAddress(v); ok && len(list) < maxAddresses && !contains(list, a) {
			list = append(list, a)
		}
	}
	for _, name := range []string{"original-rcpt-to", "removal-recipient"} {
		for _, f := range h {
			if f.name == name {
				for _, v := range splitAddresses(f.value) {
					add(v)
				}
			}
		}
	}
	if len(list) == 0 {
		add(back.get("x-hmxmroriginalrecipient"))
	}
	if to := parseAddresses(back.all("to")); len(list) == 0 && len(to) == 1 && back.get("cc") == "" {
		add(to[0].Value)
	}
	return list
}
