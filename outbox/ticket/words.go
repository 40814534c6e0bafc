package ticket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	ourName    = "Deskbridge"
	maxSubject = 120 // runes
	maxWords   = 100_000
)

// entry is what is to be written, with what is noted of it.
type entry struct {
	helpdesk.Entry
	// carried are the parts whose files go with it.
	carried []normalize.ID
	// whole: it holds the message, not just something about it.
	whole bool
}

// Files are noted one by one, since some come after their message.
func carriedLine(part normalize.ID) string { return "part:" + part.String() }
func carriedTag(part normalize.ID) string  { return "f" + part.String() }

// entry says what a message says, with the files that are not on the ticket
// yet. The first of a ticket is shown with all that it quotes.
func (s *step) entry(ctx context.Context, m *normalize.Message, tag string, first bool) (*entry, error) {
	en := &entry{whole: true, Entry: helpdesk.Entry{
		Tag: tag, Kind: helpdesk.FromCustomer, Author: who(m), Message: m, Text: words(m, first), HTML: m.HTML,
		Footing: footing(m), At: m.ReceivedAt, Reopen: m.Direction == normalize.Inbound && !m.Automated && begins(m),
	}}
	switch {
	case m.Note:
		en.Kind = helpdesk.Remark
	case m.Direction == normalize.Outbound:
		en.Kind = helpdesk.FromAgent
	}
	if m.HTML != "" && !first && strings.TrimSpace(m.Text) != strings.TrimSpace(m.FullText) {
		en.HTML = "" // it holds what the ticket says already
	}
	en.Heading = heading(m)
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Media == nil || p.Media.ID == 0 || p.Status == normalize.StatusPending || m.Direction == normalize.Inbound && p.Status == normalize.StatusFailed {
			continue
		}
		if l, err := s.Store.LineTagged(ctx, s.Account, carriedTag(p.ID)); err != nil {
			return nil, err
		} else if l != nil {
			continue
		}
		media := p.Media
		en.carried = append(en.carried, p.ID)
		en.Files = append(en.Files, helpdesk.Attachment{
			Media: media, Link: s.Files.Link(media),
			Open: func(ctx context.Context) (io.ReadCloser, error) { return s.Files.Open(ctx, media) },
		})
	}
	return en, nil
}

// begins reports whether a message is reason enough for a ticket: it says
// something to somebody.
func begins(m *normalize.Message) bool {
	if m.Note {
		return false
	}
	for _, p := range m.Parts {
		if p.Kind != normalize.PartEvent {
			return true
		}
	}
	return m.Text != "" || m.Unreadable != ""
}

func who(m *normalize.Message) string {
	switch {
	case m.Direction == normalize.Outbound && m.Author != nil && m.Author.Name != "":
		return m.Author.Name
	case m.Direction == normalize.Outbound && m.Author != nil && m.Author.Email != "":
		return m.Author.Email
	case m.Direction == normalize.Outbound:
		return "A colleague"
	case m.Address.Name != "":
		return m.Address.Name
	case m.Customer != nil && m.Customer.Name != "":
		return m.Customer.Name
	}
	return m.Address.Value
}

func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func when(m *normalize.Message) time.Time {
	if !m.SentAt.IsZero() {
		return m.SentAt
	}
	return m.ReceivedAt
}

// heading says in one line who wrote, whence and when.
func heading(m *normalize.Message) string {
	from := who(m)
	switch {
	case m.Note:
		return fmt.Sprintf("%s noted, %s", from, at(when(m)))
	case m.Direction == normalize.Outbound:
		return fmt.Sprintf("%s answered by %s, %s", from, m.Channel.Name, at(when(m)))
	case m.Address.Value != from && m.Address.Value != "":
		from += " <" + m.Address.Value + ">"
	}
	return fmt.Sprintf("%s wrote by %s, %s", from, m.Channel.Name, at(when(m)))
}

func edited(m *normalize.Message) string {
	return fmt.Sprintf("%s: the message of %s now says", who(m), at(when(m)))
}

func deleted(m *normalize.Message) string {
	if m.Direction == normalize.Outbound {
		return fmt.Sprintf("The answer of %s was taken back.", at(when(m)))
	}
	return fmt.Sprintf("%s deleted the message of %s.", who(m), at(when(m)))
}

// undelivered says that an answer did not arrive, or perhaps not.
func undelivered(m *normalize.Message, c *normalize.StatusChange) string {
	what := "was not delivered"
	if c.Status == normalize.StatusUncertain {
		what = "may not have been delivered, and is not sent again by itself"
	}
	why := strings.TrimRight(strings.TrimSpace(c.Detail), ".")
	if c.Code != "" && !strings.Contains(why, c.Code) {
		why = strings.TrimSpace(why + " (" + c.Code + ")")
	}
	s := answerTo(m, c) + " " + what
	if why != "" {
		s += ": " + why
	}
	return s + "."
}

// afterAll takes back what undelivered said: nobody has to send it again.
func afterAll(m *normalize.Message, c *normalize.StatusChange) string {
	if c.Status == normalize.StatusAccepted {
		return answerTo(m, c) + " was accepted by " + m.Channel.Name + " after all."
	}
	return answerTo(m, c) + " was delivered after all."
}

func answerTo(m *normalize.Message, c *normalize.StatusChange) string {
	to := m.Address.Value
	if c.Recipient != nil {
		to = c.Recipient.Value
	}
	return fmt.Sprintf("The answer of %s to %s", at(when(m)), to)
}

// words are all that a message says, what is neither text nor file described.
func words(m *normalize.Message, whole bool) string {
	if m.Unreadable != "" {
		return "This message could not be read (" + m.Unreadable + "). Its original is kept."
	}
	said := m.Text
	if whole || strings.TrimSpace(said) == "" {
		said = m.FullText
	}
	var lines []string
	if s := strings.TrimSpace(said); s != "" {
		lines = append(lines, s)
	}
	for i := range m.Parts {
		p := &m.Parts[i]
		if d := describe(p); d != "" {
			lines = append(lines, d)
		}
		if c := strings.TrimSpace(p.Text); p.Kind != normalize.PartText && c != "" && !strings.Contains(said, c) {
			lines = append(lines, c)
		}
		if p.Notice != "" {
			lines = append(lines, p.Notice)
		}
	}
	return bounded(strings.Join(lines, "\n"))
}

// bounded cuts what no agent reads to the end, and some products do not take.
func bounded(s string) string {
	if cut := text.Truncate(s, maxWords); cut != s {
		return cut + "\n[cut here: the whole message is in Deskbridge]"
	}
	return s
}

// plainer is an entry that the helpdesk refused, without its rich form and its
// files: words alone reach the agent before nothing does.
func plainer(e *helpdesk.Entry, err error) (*helpdesk.Entry, bool) {
	refused, ok := errors.AsType[*connectors.Error](err)
	if !ok || refused.Class != connectors.Rejected || e.HTML == "" && len(e.Files) == 0 {
		return e, false
	}
	plain := *e
	plain.HTML, plain.Files, plain.Footing = "", nil, slices.Clone(e.Footing)
	for _, f := range e.Files {
		line := fmt.Sprintf("The helpdesk did not take the file %q: %s.", f.Media.Name, strings.TrimRight(refused.Detail, "."))
		if f.Link != "" {
			line += " It is here for some days: " + f.Link
		}
		plain.Footing = append(plain.Footing, line)
	}
	return &plain, true
}

// describe says in words what is neither text nor a file that is here.
func describe(p *normalize.Part) string {
	switch {
	case p.Media != nil && p.Status == normalize.StatusPending:
		return fmt.Sprintf("[%s, still being fetched]", p.Kind)
	case p.Location != nil:
		l := p.Location
		name := strings.TrimSpace(l.Name + " " + l.Address)
		return strings.TrimSpace(fmt.Sprintf("[location] %s https://www.openstreetmap.org/?mlat=%.6f&mlon=%.6f", name, l.Latitude, l.Longitude))
	case p.Contact != nil:
		list := []string{p.Contact.Name}
		for _, a := range p.Contact.Addresses {
			list = append(list, a.Value)
		}
		return "[contact] " + strings.Join(list, ", ")
	case p.Call != nil && p.Call.Duration > 0:
		return fmt.Sprintf("[call] %s, %s", p.Call.State, time.Duration(p.Call.Duration)*time.Second)
	case p.Call != nil:
		return fmt.Sprintf("[call] %s", p.Call.State)
	case p.Event != "":
		return "[event] " + p.Event
	case p.Kind == normalize.PartSticker && p.Media == nil:
		return "[sticker]"
	}
	return ""
}

// footing is what an agent should know before answering.
func footing(m *normalize.Message) []string {
	var lines []string
	if m.Direction == normalize.Inbound && m.Automated {
		lines = append(lines, "This message was written by a machine.")
	}
	if w := m.ReplyWindow; w != nil && m.Direction == normalize.Inbound {
		s := "The channel takes answers until " + at(w.Until)
		if w.Remaining >= 0 {
			s += fmt.Sprintf(", and %d more", w.Remaining)
		}
		lines = append(lines, s+".")
	}
	return lines
}

// subject is what a ticket is called.
func subject(c *normalize.Conversation, m *normalize.Message) string {
	s := c.Subject
	if s == "" {
		s = words(m, false)
	}
	s = text.Truncate(strings.Join(strings.Fields(s), " "), maxSubject)
	if s == "" {
		return "Message from " + who(m)
	}
	return s
}

// facts are what agents want to know of the customer.
func facts(c *normalize.Conversation, earlier string) []helpdesk.Fact {
	list := []helpdesk.Fact{{Name: "Channel", Value: c.Channel.Name + " (" + c.Channel.Type + ")"}, {Name: "Address", Value: c.Address.Value}}
	if c.Customer != nil {
		if c.Customer.Name != "" {
			list = append(list, helpdesk.Fact{Name: "Customer", Value: c.Customer.Name})
		}
		var others []string
		for _, a := range c.Customer.Addresses {
			if !a.Is(c.Address) {
				others = append(others, a.Value)
			}
		}
		if len(others) > 0 {
			list = append(list, helpdesk.Fact{Name: "Also known as", Value: strings.Join(others, ", ")})
		}
	}
	list = append(list, helpdesk.Fact{Name: "Conversation", Value: c.ID.String()})
	if earlier != "" {
		list = append(list, helpdesk.Fact{Name: "Earlier ticket, deleted", Value: earlier})
	}
	return list
}
