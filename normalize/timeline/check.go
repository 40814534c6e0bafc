package timeline

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// Bounds on what one input may hold. Decoders stay well below them; these
// keep a mistake in one of them out of the store.
const (
	maxParts    = 1000    // also of recipients, references and cards' addresses
	maxReceipts = 10_000  // of one input
	maxText     = 4 << 20 // bytes of each form of a text
	maxSubject  = 1000    // characters
	maxName     = 500     // characters
	maxReason   = 300     // characters
	maxID       = 1000    // bytes of a vendor's id and of an address
	maxRef      = 8 << 10 // bytes of a medium's reference, which may be a signed URL
	clockSkew   = 24 * time.Hour
)

// check makes a decoded item fit for the store: whole, bounded, valid UTF-8
// without NUL.
func check(item normalize.Item, in normalize.Input, acc normalize.Account, digest func() [32]byte, now time.Time) (normalize.Item, error) {
	var err error
	switch it := item.(type) {
	case *normalize.Message:
		err = checkMessage(it, in, acc, digest, now)
	case *normalize.Edit:
		it.Target, err = target("edit", it.Target)
		if len(it.Text) > maxText || len(it.HTML) > maxText {
			err = errTooLong
		}
		it.Text, it.HTML, it.At = clean(it.Text), clean(it.HTML), stamp(it.At, in.ReceivedAt)
	case *normalize.Supplement:
		it.Target, err = target("supplement", it.Target)
		it.At = stamp(it.At, in.ReceivedAt)
		if err == nil {
			err = checkSupplement(&it.Part, now)
		}
	case *normalize.Delete:
		it.Target, err = target("delete", it.Target)
		it.At = stamp(it.At, in.ReceivedAt)
	case *normalize.Reaction:
		it.Target, err = target("reaction", it.Target)
		it.From = scrubAddress(it.From)
		it.Emoji, it.At = line(it.Emoji), stamp(it.At, in.ReceivedAt)
	case normalize.Receipts:
		err = checkReceipts(it, in, now)
	case *normalize.Ignored:
		it.Reason = line(it.Reason)
	default:
		err = errors.New("the decoder returned nothing")
	}
	if err != nil {
		return nil, err
	}
	return item, nil
}

var errTooLong = fmt.Errorf("text_too_long: at most %d bytes are taken", maxText)

func tooMany(what string, n, limit int) error {
	return fmt.Errorf("too_many_%s: %d, at most %d are taken", what, n, limit)
}

func target(kind, id string) (string, error) {
	if id = vendorID(id); id == "" {
		return "", errors.New(kind + "_without_target")
	}
	return id, nil
}

func checkSupplement(p *normalize.Part, now time.Time) error {
	if p.Kind = normalize.PartKind(line(string(p.Kind))); p.Kind == "" {
		return errors.New("supplement_without_kind")
	}
	if len(p.Text) > maxText || len(p.HTML) > maxText {
		return errTooLong
	}
	p.ID = normalize.NewID(now)
	return checkPart(p, new(cleaner), now)
}

func checkReceipts(list normalize.Receipts, in normalize.Input, now time.Time) error {
	if len(list) > maxReceipts {
		return tooMany("receipts", len(list), maxReceipts)
	}
	for i := range list {
		r := &list[i]
		r.ExternalID, r.Recipient, r.Final = vendorID(r.ExternalID), scrubAddress(r.Recipient), scrubAddress(r.Final)
		r.Detail, r.Code = line(r.Detail), line(r.Code)
		r.At, r.ReceivedAt = stamp(r.At, in.ReceivedAt), now
	}
	return nil
}

func checkMessage(m *normalize.Message, in normalize.Input, acc normalize.Account, digest func() [32]byte, now time.Time) error {
	m.Address = scrubAddress(m.Address)
	if (m.Address.IsZero() || m.Address.Kind == "") && m.Direction != normalize.Outbound {
		return errors.New("no_sender: nobody is named as its author")
	}
	if len(m.Address.Value) > maxID {
		// Cut short, it could be taken for somebody else's.
		return fmt.Errorf("address_too_long: at most %d bytes are taken", maxID)
	}
	if err := fits(m); err != nil {
		return err
	}
	if err := checkThread(&m.Thread); err != nil {
		return err
	}
	if w := m.ReplyWindow; w != nil && w.Until.Year() > 9999 {
		return errors.New("bad_reply_window: it ends after the year 9999")
	}
	m.ID = normalize.NewID(now)
	m.Channel = acc
	if m.Direction == "" {
		m.Direction = normalize.Inbound
	}
	if m.ExternalID = vendorID(m.ExternalID); m.ExternalID == "" {
		sum := digest()
		m.ExternalID = "sha256-" + hex.EncodeToString(sum[:])
	}
	m.Subject = text.Truncate(m.Subject, maxSubject)
	var texts cleaner
	m.Text, m.FullText, m.HTML = texts.clean(m.Text), texts.clean(m.FullText), clean(m.HTML)
	if m.FullText == "" {
		m.FullText = m.Text
	}
	m.Author, m.Authentication = scrubAuthor(m.Author), scrubAuthentication(m.Authentication)
	if m.Consent != normalize.OptedOut && m.Consent != normalize.OptedIn {
		m.Consent = ""
	}
	m.Reactions = nil // they come as inputs of their own
	m.SentAt = stamp(m.SentAt, in.ReceivedAt)
	m.ReceivedAt = in.ReceivedAt
	for i := range m.Parts {
		m.Parts[i].ID = normalize.NewID(now)
		m.Parts[i].Status, m.Parts[i].StatusAt = normalize.StatusReceived, m.ReceivedAt
		if err := checkPart(&m.Parts[i], &texts, now); err != nil {
			return err
		}
	}
	return nil
}

// fits refuses what is too large to be kept.
func fits(m *normalize.Message) error {
	if len(m.Parts) > maxParts {
		return tooMany("parts", len(m.Parts), maxParts)
	}
	words, rich := 0, 0
	for _, p := range m.Parts {
		words, rich = words+len(p.Text), rich+len(p.HTML)
	}
	if max(words, rich, len(m.Text), len(m.FullText), len(m.HTML), len(m.Subject)) > maxText {
		return errTooLong
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
