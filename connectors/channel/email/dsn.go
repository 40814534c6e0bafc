package email

import (
	"regexp"
	"strings"
	"sync"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// maxReport bounds what is read of a report; real ones have a few kilobytes.
const maxReport = 256 << 10

// notice is what a mail system, and not a person, says of a mail that was sent
// before: a delivery report, a read receipt or a complaint.
type notice struct {
	receipts []normalize.Receipt
	// named are ids that the notice gives for the mail, the best first.
	named []string
	// certain: no person can have written this, so nothing is lost when it is
	// about a mail that we do not know.
	certain bool
	unknown string // the reason for ignoring it then
}

// notice returns what a mail reports of one of ours: receipts, or that it is
// of no concern. Nil for all other mail, and for every report about which
// there is a doubt: those are messages for people.
func (e *Email) notice(root *node, in normalize.Input) normalize.Item {
	n := readNotice(root)
	if n == nil {
		return nil
	}
	id := e.reportedID(root, n.named, in.Raw)
	switch {
	case id != "" && len(n.receipts) > 0:
		sent := parseDate(root.header.get("date"))
		list := make(normalize.Receipts, len(n.receipts))
		for i, r := range n.receipts {
			r.ExternalID, r.ReceivedAt = id, in.ReceivedAt
			if r.At.IsZero() {
				r.At = sent
			}
			list[i] = r
		}
		return list
	case n.certain && id == "":
		return &normalize.Ignored{Reason: n.unknown}
	}
	return nil
}

// readNotice recognises the kinds of notice. Parts within a returned or a
// forwarded mail are never looked at: they are what somebody else was told.
func readNotice(root *node) *notice {
	if n := dispositionNotice(root); n != nil {
		return n
	}
	if n := complaint(root); n != nil {
		return n
	}
	if n := sesNotice(root); n != nil {
		return n
	}
	if n := deliveryReport(root); n != nil {
		return n
	}
	if n := looseBounce(root); n != nil {
		return n
	}
	return listRefusal(root)
}

// deliveryReport reads an RFC 3464 report in the frame of RFC 6522. Some
// systems name the frame multipart/mixed; that is also how a person's program
// passes a report on, so there it must come from a mail system.
func deliveryReport(root *node) *notice {
	report := find(root, "message/delivery-status")
	if report == nil {
		report = find(root, "message/global-delivery-status") // RFC 6533
	}
	framed := root.kind == "multipart/report"
	if report == nil || !framed && !fromMailSystem(root.header) {
		return nil
	}
	n := &notice{certain: framed || certainlySystem(root.header), unknown: "bounce_unknown"}
	content := report.content()
	groups := fieldGroups(content[:min(len(content), maxReport)])
	words := noticeText(root)
	around := sync.OnceValue(func() *meaning { return meaningOf(words) })
	// The first group is on the mail as a whole. Some programs leave out the
	// empty line after it, so it is tried like the others.
	for _, g := range groups {
		n.named = append(n.named, g.get("original-envelope-id"))
		if r, ok := receipt(g, around); ok && len(n.receipts) < maxAddresses {
			n.receipts = append(n.receipts, r)
		}
	}
	if n.receipts = uniqueReceipts(n.receipts); len(n.receipts) == 0 {
		n.receipts = textReceipts(root, words)
	} else if len(n.receipts) == 1 && n.receipts[0].Recipient.IsZero() {
		// The report has the fate and not the address; the words may have it.
		if who := failedRecipients(root, words); len(who) == 1 {
			n.receipts[0].Recipient = normalize.Email(who[0].mailbox, "")
		}
	}
	if len(n.receipts) == 0 && !framed {
		return nil
	}
	return n
}

// receipt reads the fields on one recipient: the one whom the mail was for, and
// not the one whom it was sent on to. The words around the report count where
// the fields say no more than that it failed.
func receipt(h header, around func() *meaning) (normalize.Receipt, bool) {
	var r normalize.Receipt
	for _, name := range []string{"original-recipient", "final-recipient", "x-actual-recipient"} {
		if a, ok := typedAddress(h.get(name)); ok {
			r.Recipient = a
			break
		}
	}
	r.Final = sentOn(h, r.Recipient)
	diagnostic := h.get("diagnostic-code")
	if kind, rest, ok := strings.Cut(diagnostic, ";"); ok && !strings.ContainsAny(strings.TrimSpace(kind), " <:") {
		diagnostic = rest
	}
	diagnostic = text.CleanLine(decodeHeader(diagnostic))
	r.Code = codeIn(h.get("status"))
	switch firstWord(h.get("action")) {
	case "failed", "failure", "fail", "error", "bounced":
		r.Status = normalize.StatusFailed
	case "delivered":
		r.Status = normalize.StatusDelivered
	case "delayed", "deferred", "relayed", "expanded":
		r.Status = normalize.StatusAccepted
	case "": // forgotten; the class of the code says as much
		if r.Recipient.IsZero() {
			return r, false
		}
		switch {
		case strings.HasPrefix(r.Code, "5"):
			r.Status = normalize.StatusFailed
		case strings.HasPrefix(r.Code, "4"):
			r.Status = normalize.StatusAccepted
		case strings.HasPrefix(r.Code, "2"):
			r.Status = normalize.StatusDelivered
		default:
			return r, false
		}
	default:
		return r, false
	}
	if exact := codeIn(diagnostic); exact != "" && (vague(r.Code) || exact[0] == r.Code[0] && repliedCode.MatchString(diagnostic)) {
		r.Code = exact
	}
	judge(&r, diagnostic, around)
	r.At = parseDate(h.get("last-attempt-date"))
	return r, true
}

// sentOn returns where a mail that was for somebody ended, zero for with them.
// RFC 3464 section 2.3.2: the final recipient is another where an alias or a
// forwarding names one, and then the original is the one that we know.
func sentOn(h header, who normalize.Address) normalize.Address {
	if a, ok := typedAddress(h.get("final-recipient")); ok && !who.IsZero() && !a.Is(who) {
		return a
	}
	return normalize.Address{}
}

// typedAddress reads "rfc822; ann@example.com", the type often left out.
func typedAddress(v string) (normalize.Address, bool) {
	if _, after, ok := strings.Cut(v, ";"); ok {
		v = after
	}
	v = strings.TrimSpace(v)
	if m := quotedLocal.FindStringSubmatch(v); m != nil {
		v = m[1] + "@" + m[2]
	}
	if a, ok := parseAddress(v); ok {
		a.Name = ""
		return a, true
	}
	if list := addressesIn(v); len(list) > 0 {
		return normalize.Email(list[0].mailbox, ""), true
	}
	return normalize.Address{}, false
}

// quotedLocal is an address whose first half a server put into quotes, as RFC
// 5321 asks of one with two dots in a row: the same as the one without.
var quotedLocal = regexp.MustCompile(`^<?"([^"\\\s@<>,;:()\[\]]{1,128})"@([^"\\\s@<>]{1,255}?)>?$`)

// uniqueReceipts keeps one receipt per recipient, the one that says most.
func uniqueReceipts(list []normalize.Receipt) []normalize.Receipt {
	at := map[string]int{}
	kept := list[:0]
	for _, r := range list {
		i, seen := at[r.Recipient.Value]
		switch {
		case !seen:
			at[r.Recipient.Value] = len(kept)
			kept = append(kept, r)
		case normalize.Advance(kept[i].Status, r.Status) != kept[i].Status, vague(kept[i].Code) && !vague(r.Code):
			kept[i] = r
		}
	}
	return kept
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
		groups = append(groups, splitGroup(h)...)
		b = rest
	}
	return groups
}

// splitGroup divides the fields of several recipients that no empty line
// divides: where one that each recipient has once comes again.
func splitGroup(h header) []header {
	var groups []header
	seen, start := map[string]bool{}, 0
	for i, f := range h {
		switch f.name {
		case "final-recipient", "original-recipient", "action", "status":
			if seen[f.name] && len(groups) <= maxAddresses {
				groups, start = append(groups, h[start:i]), i
				clear(seen)
			}
			seen[f.name] = true
		}
	}
	if start < len(h) {
		groups = append(groups, h[start:])
	}
	return groups
}
