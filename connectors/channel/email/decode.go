package email

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// Decode understands one mail: a message, the receipts of a report, or a
// report that is none of ours.
func (e *Email) Decode(in normalize.Input) (normalize.Item, error) {
	if why := in.Meta[metaIncomplete]; why != "" {
		return nil, refuse(why, "only the beginning of the mail is here; the mailbox has all of it")
	}
	root, err := readTree(in.Raw)
	if err != nil {
		return nil, err
	}
	if n := e.notice(root, in); n != nil {
		return n, nil
	}
	m, err := e.message(root, in)
	if err != nil {
		return nil, err // and no typed nil within the interface
	}
	return m, nil
}

// Peek finds out who a mail is from and what it is about, where Decode could
// not read it. Of a header beyond all bounds it looks into the beginning.
func (e *Email) Peek(in normalize.Input) *normalize.Message {
	h, _, _ := readHeader(in.Raw[:min(len(in.Raw), maxHeaderBytes)]) // the fields before the bound are enough
	from := sender(h)
	if from.IsZero() {
		return nil
	}
	return &normalize.Message{
		Direction: normalize.Inbound, Address: from, Automated: true,
		Subject: text.CleanLine(decodeHeader(h.get("subject"))), SentAt: parseDate(h.get("date")),
		Thread: e.thread(h, from),
	}
}

func (e *Email) message(root *node, in normalize.Input) (*normalize.Message, error) {
	h, from := root.header, root.from
	if from.IsZero() {
		return nil, refuse("no_sender", "none of From, Reply-To, Sender and Return-Path holds an address")
	}
	b := body{maxMedia: e.deps.MaxMedia}
	if err := b.add(root); err != nil {
		return nil, err
	}
	m := &normalize.Message{
		Direction:   normalize.Inbound,
		Address:     from,
		ExternalID:  externalID(h, in.Raw),
		Fingerprint: root.mark,
		Subject:     text.CleanLine(decodeHeader(h.get("subject"))),
		SentAt:      parseDate(h.get("date")),
		ReceivedAt:  in.ReceivedAt,
		Automated:   automated(h) || machine(from),
	}
	m.Authentication = e.authentication(h, in.Meta)
	m.Thread = e.thread(h, from)
	m.FullText = either(b.plain(), b.spare)
	m.Text = newlyWritten(&b, m.FullText, m.Subject)
	m.HTML = text.SanitizeHTML(b.withLocations(b.html()), nil)
	if m.Text != "" {
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartText, Text: m.Text})
	}
	m.Parts = append(m.Parts, b.files...)
	for i := range m.Parts {
		m.Parts[i].Status, m.Parts[i].StatusAt = normalize.StatusReceived, in.ReceivedAt
	}
	if e.own.has(from) {
		e.fromOurselves(m, h)
	}
	return m, nil
}

// fromOurselves sees to mail that carries our own address as its sender: with
// a token of ours it is our own answer come back, without one it is somebody
// writing to themselves, or pretending to; nobody is to answer that by itself.
func (e *Email) fromOurselves(m *normalize.Message, h header) {
	id, o := e.mint.judge(m.ExternalID)
	if o != ours {
		m.Automated = true
		return
	}
	m.ExternalID, m.Direction = id, normalize.Outbound
	to, cc := e.others(parseAddresses(h.all("to"))), e.others(parseAddresses(h.all("cc")))
	m.Thread.To, m.Thread.Cc = to, cc
	for _, a := range append(to, cc...) {
		m.Address = a
		return
	}
}

// sender returns who wrote: From, or the next best where that is missing; zero
// where no field names anybody.
func sender(h header) normalize.Address {
	for _, name := range []string{"from", "reply-to", "sender", "return-path"} {
		if a := parseAddresses(h.all(name)); len(a) > 0 {
			return a[0]
		}
	}
	return normalize.Address{}
}

// externalID is the Message-ID, or one made from the mail's bytes, so that the
// same mail has the same id whenever it is read.
func externalID(h header, raw []byte) string {
	id := strings.Trim(text.CleanLine(toUTF8([]byte(h.get("message-id")), "")), "<> ")
	if ids := messageIDs(h.get("message-id")); len(ids) > 0 {
		id = ids[0]
	}
	if id == "" || len(id) > 900 || !utf8.ValidString(id) {
		sum := sha256.Sum256(raw)
		return "sha256-" + hex.EncodeToString(sum[:]) + "@deskbridge.invalid"
	}
	return id
}

// fingerprint tells apart mails of programs that use a Message-ID twice.
func fingerprint(h header) string {
	sum := sha256.Sum256([]byte(h.get("from") + "\n" + h.get("date")))
	return hex.EncodeToString(sum[:16])
}

// others returns the addresses that are not our own, each once.
func (e *Email) others(list []normalize.Address) []normalize.Address {
	var kept []normalize.Address
	for _, a := range list {
		if !e.own.has(a) && !contains(kept, a) {
			kept = append(kept, a)
		}
	}
	return kept
}

func contains(list []normalize.Address, a normalize.Address) bool {
	for _, b := range list {
		if b.Is(a) {
			return true
		}
	}
	return false
}
