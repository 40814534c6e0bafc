package timeline

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// Bounds on what one message may hold. Decoders stay well below them; these
// keep a mistake in one of them out of the store.
const (
	maxParts  = 1000
	maxText   = 4 << 20 // bytes
	maxName   = 500     // runes
	maxReason = 300     // runes
	clockSkew = 24 * time.Hour
)

// check makes a decoded item fit for the store: whole, bounded, valid UTF-8
// without NUL.
func check(item normalize.Item, in normalize.Input, acc normalize.Account, digest [32]byte, now time.Time) (normalize.Item, error) {
	switch it := item.(type) {
	case *normalize.Message:
		if it == nil {
			return nil, nil
		}
		return it, checkMessage(it, in, acc, digest, now)
	case *normalize.Edit:
		if it.Target == "" {
			return nil, errors.New("edit_without_target")
		}
		it.Text, it.HTML, it.At = clean(it.Text), clean(it.HTML), stamp(it.At, in.ReceivedAt)
	case *normalize.Delete:
		if it.Target == "" {
			return nil, errors.New("delete_without_target")
		}
		it.At = stamp(it.At, in.ReceivedAt)
	case *normalize.Reaction:
		if it.Target == "" {
			return nil, errors.New("reaction_without_target")
		}
		it.Emoji, it.At = text.CleanLine(it.Emoji), stamp(it.At, in.ReceivedAt)
	case normalize.Receipts:
		for i := range it {
			it[i].Detail, it[i].Code = line(it[i].Detail), line(it[i].Code)
			it[i].At, it[i].ReceivedAt = stamp(it[i].At, in.ReceivedAt), now
		}
	case *normalize.Ignored:
		it.Reason = line(it.Reason)
	}
	return item, nil
}

func checkMessage(m *normalize.Message, in normalize.Input, acc normalize.Account, digest [32]byte, now time.Time) error {
	if m.Address.IsZero() || m.Address.Kind == "" {
		return errors.New("no_sender: nobody is named as its author")
	}
	if len(m.Parts) > maxParts {
		return fmt.Errorf("too_many_parts: %d, at most %d are taken", len(m.Parts), maxParts)
	}
	if len(m.FullText) > maxText || len(m.HTML) > maxText {
		return fmt.Errorf("text_too_long: at most %d bytes are taken", maxText)
	}
	m.ID = normalize.NewID(now)
	m.Channel = acc
	if m.Direction == "" {
		m.Direction = normalize.Inbound
	}
	if m.ExternalID == "" {
		m.ExternalID = "sha256-" + hex.EncodeToString(digest[:])
	}
	m.ExternalID = line(m.ExternalID)
	m.Address.Name = line(m.Address.Name)
	m.Address.Value = line(m.Address.Value)
	m.Subject = text.CleanLine(m.Subject)
	m.Text, m.FullText, m.HTML = clean(m.Text), clean(m.FullText), clean(m.HTML)
	if m.FullText == "" {
		m.FullText = m.Text
	}
	m.SentAt = stamp(m.SentAt, in.ReceivedAt)
	m.ReceivedAt = in.ReceivedAt.UTC().Truncate(time.Microsecond)
	for i := range m.Parts {
		p := &m.Parts[i]
		p.ID = normalize.NewID(now)
		p.Status, p.StatusAt = normalize.StatusReceived, m.ReceivedAt
		p.Text, p.HTML = clean(p.Text), clean(p.HTML)
		if p.Media != nil {
			p.Media.ID = normalize.NewID(now)
			p.Media.Name = line(p.Media.Name)
			p.Media.ContentType = line(p.Media.ContentType)
		}
	}
	return nil
}

// stamp keeps a vendor's time unless it is missing or far off.
func stamp(t, received time.Time) time.Time {
	if t.IsZero() || t.After(received.Add(clockSkew)) || t.Year() < 1980 {
		t = received
	}
	return t.UTC().Truncate(time.Microsecond)
}

func clean(s string) string { return strings.TrimRight(text.Clean(s), "\n") }

func line(s string) string { return text.Truncate(text.CleanLine(s), maxName) }

// reason is the short form of an error for the ledger.
func reason(err error) string { return text.Truncate(text.CleanLine(err.Error()), maxReason) }
