package email

import (
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// Some relays refuse a header of more than 4,096 characters, so References
// stays well below.
const maxReferencesLength = 1800

// Prepare gives an answer its Message-ID, its subject and its place in the
// thread. Its recipients come from the message replied to and from nowhere
// else.
func (e *Email) Prepare(m, repliedTo *normalize.Message) error {
	m.ExternalID = e.mint.id()
	m.Subject = text.CleanLine(m.Subject)
	m.Thread = normalize.Thread{Separate: true}
	if repliedTo != nil {
		m.Thread.To, m.Thread.Cc = e.others(repliedTo.Thread.To), e.others(repliedTo.Thread.Cc)
		if m.Subject == "" {
			m.Subject = replySubject(repliedTo.Subject)
		}
		m.Thread.References = references(repliedTo)
		if n := len(m.Thread.References); n > 0 {
			m.Thread.ReplyTo = m.Thread.References[n-1]
		}
		m.Thread.ID = answerIndex(repliedTo.Thread.ID, m)
	}
	if len(m.Thread.To) == 0 {
		m.Thread.To = []normalize.Address{m.Address}
	}
	if m.Subject == "" {
		m.Subject = either(e.cfg.FromName, e.cfg.Address)
	}
	for _, a := range slices.Concat(m.Thread.To, m.Thread.Cc) {
		if !validMailbox(a.Value) {
			return connectors.Errorf(connectors.Rejected, "", "%q is not an e-mail address", a.Value)
		}
	}
	return nil
}

// references are the ancestors of an answer, the message replied to last. The
// first one names the thread and stays when the middle is left out.
func references(to *normalize.Message) []string {
	ids := append([]string(nil), to.Thread.References...)
	if len(ids) == 0 && to.Thread.ReplyTo != "" {
		ids = append(ids, to.Thread.ReplyTo)
	}
	ids = append(ids, to.ExternalID)
	length := 0
	kept := ids[:0]
	for _, id := range ids {
		// An id that we made up for want of one means nothing to others.
		if id != "" && !strings.HasSuffix(id, "@deskbridge.invalid") && !strings.ContainsAny(id, " <>\r\n") {
			kept = append(kept, id)
			length += len(id) + 3
		}
	}
	for len(kept) > 2 && length > maxReferencesLength {
		length -= len(kept[1]) + 3
		kept = append(kept[:1], kept[2:]...)
	}
	return kept
}
