package email

import (
	"regexp"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// receipts returns what a bounce or another delivery report (RFC 3464 in the
// frame of RFC 6522) says of a mail of ours. Nil for everything else, bounces
// of mail that we did not send among it: those are messages for people.
func (e *Email) receipts(root *node, in normalize.Input) normalize.Receipts {
	report := find(root, "message/delivery-status")
	if report == nil {
		report = find(root, "message/global-delivery-status") // RFC 6533
	}
	if report == nil {
		return e.looseBounce(root, in)
	}
	groups := fieldGroups(report.content())
	if len(groups) == 0 {
		return nil
	}
	id := e.reportedID(root, groups[0], in.Raw)
	if id == "" {
		return nil
	}
	// The first group is on the mail as a whole. Some programs leave out the
	// empty line after it, so it is tried like the others.
	var list normalize.Receipts
	for _, g := range groups {
		if len(list) == maxAddresses {
			break
		}
		if r, ok := receipt(g); ok {
			r.ExternalID, r.ReceivedAt = id, in.ReceivedAt
			if r.At.IsZero() {
				r.At = parseDate(root.header.get("date"))
			}
			list = append(list, r)
		}
	}
	return list
}

// reportedID returns which mail of ours is reported on. The envelope id is the
// Message-ID that we gave at MAIL FROM; where the server kept none, the
// returned mail or its header has it. Only an authentic id counts.
func (e *Email) reportedID(root *node, message header, raw []byte) string {
	if id, o := e.mint.judge(strings.Trim(message.get("original-envelope-id"), "<> ")); o == ours {
		return id
	}
	for _, kind := range []string{"message/rfc822", "message/rfc822-headers", "text/rfc822-headers", "message/global", "message/global-headers"} {
		if n := find(root, kind); n != nil {
			if h, _, err := readHeader(n.content()); err == nil {
				if id, o := e.mint.judge(strings.Trim(h.get("message-id"), "<> ")); o == ours {
					return id
				}
			}
		}
	}
	return e.mint.find(raw) // returned as plain text
}

// receipt reads the fields on one recipient.
func receipt(h header) (normalize.Receipt, bool) {
	var r normalize.Receipt
	for _, name := range []string{"original-recipient", "final-recipient"} {
		if _, v, ok := strings.Cut(h.get(name), ";"); ok {
			if a := parseAddresses(v); len(a) > 0 {
				r.Recipient = a[0]
				break
			}
		}
	}
	switch firstWord(h.get("action")) {
	case "failed":
		r.Status = normalize.StatusFailed
	case "delivered":
		r.Status = normalize.StatusDelivered
	case "delayed", "relayed", "expanded":
		r.Status = normalize.StatusAccepted
	default:
		return r, false
	}
	_, diagnostic, _ := strings.Cut(h.get("diagnostic-code"), ";")
	r.Code = enhancedCode.FindString(h.get("status"))
	if exact := enhancedCode.FindString(diagnostic); exact != "" && (r.Code == "" || strings.HasSuffix(r.Code, ".0.0")) {
		r.Code = exact
	}
	r.Unreachable = r.Status == normalize.StatusFailed && deadAddress(r.Code)
	r.Detail = text.Truncate(text.CleanLine(decodeHeader(diagnostic)), 300)
	r.At = parseDate(h.get("last-attempt-date"))
	return r, true
}

var enhancedCode = regexp.MustCompile(`\b[245]\.\d{1,3}\.\d{1,3}\b`)

// deadAddress reports whether an enhanced code (RFC 3463) says that the
// address itself will never take mail.
func deadAddress(code string) bool {
	switch code {
	case "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1":
		return true
	}
	return false
}

// looseBounce reads the failures that come as plain text with the recipients
// in X-Failed-Recipients (Exim, and Gmail in former years). Our id must be
// somewhere in the text, which quotes the header of the mail.
func (e *Email) looseBounce(root *node, in normalize.Input) normalize.Receipts {
	failed := parseAddresses(root.header.all("x-failed-recipients"))
	if len(failed) == 0 {
		return nil
	}
	id := e.mint.find(in.Raw)
	if id == "" {
		return nil
	}
	code := ""
	if b := (&body{maxMedia: e.deps.MaxMedia}); b.add(root) == nil {
		code = enhancedCode.FindString(b.plain())
	}
	var list normalize.Receipts
	for _, a := range failed {
		list = append(list, normalize.Receipt{
			ExternalID: id, Recipient: a, Status: normalize.StatusFailed, Code: code, Unreachable: deadAddress(code),
			At: parseDate(root.header.get("date")), ReceivedAt: in.ReceivedAt,
		})
	}
	return list
}

// find returns the first part of a kind, not looking into mails within.
func find(n *node, kind string) *node {
	if n.kind == kind {
		return n
	}
	for _, p := range n.parts {
		if f := find(p, kind); f != nil {
			return f
		}
	}
	return nil
}

// fieldGroups reads blocks of fields that are divided by empty lines.
func fieldGroups(b []byte) []header {
	var groups []header
	for len(b) > 0 && len(groups) <= maxAddresses {
		h, rest, err := readHeader(b)
		if err != nil || len(rest) == len(b) { // no field, and no empty line to come
			break
		}
		if len(h) > 0 {
			groups = append(groups, h)
		}
		b = rest
	}
	return groups
}
