package demo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/normalize"
)

// board knows what the helpdesk has been told, and draws it. Conversations
// have short numbers here, since a visitor types them.
type board struct {
	o        cli.Options
	byNumber []*talk // the first has number 1
	byID     map[normalize.ID]*talk
	shown    map[string]bool // statuses that were drawn: a message has one for each of its parts
}

// talk is one conversation.
type talk struct {
	number     int
	id         normalize.ID
	customer   normalize.ID
	name       string
	received   []*normalize.Message
	sent       map[normalize.ID]bool
	statuses   []normalize.Status
	lastAnswer string // Message-ID
}

func newBoard(o cli.Options) *board {
	return &board{o: o, byID: map[normalize.ID]*talk{}, shown: map[string]bool{}}
}

// number finds a conversation by what a visitor typed.
func (b *board) number(n int) *talk {
	if n < 1 || n > len(b.byNumber) {
		return nil
	}
	return b.byNumber[n-1]
}

// talk returns the conversation of a message, and gives it a number.
func (b *board) talk(m *normalize.Message) *talk {
	t := b.byID[m.ConversationID]
	if t == nil {
		t = &talk{id: m.ConversationID, number: len(b.byNumber) + 1, sent: map[normalize.ID]bool{}}
		b.byID[t.id] = t
		b.byNumber = append(b.byNumber, t)
	}
	if m.Customer != nil {
		t.customer = m.Customer.ID
	}
	if m.Direction == normalize.Inbound {
		t.name = m.Address.Name
		if t.name == "" {
			t.name = m.Address.Value
		}
	}
	return t
}

// take notes an event and returns the lines that show it.
func (b *board) take(d delivery) []string {
	switch data := d.event.Data.(type) {
	case *normalize.MessageEvent:
		if data.Message == nil {
			break
		}
		t := b.talk(data.Message)
		switch d.event.Type {
		case normalize.MessageReceived:
			t.received = append(t.received, data.Message)
			return b.received(t, data.Message, d)
		case normalize.MessageSent:
			t.sent[data.ID] = true
			t.lastAnswer = data.ExternalID
			return b.sent(t, data.Message)
		case normalize.MessageStatus:
			return b.status(t, data)
		}
	}
	return nil
}

const indent = "              "

func (b *board) clock(m *normalize.Message) string {
	zone := b.o.Zone
	if zone == nil {
		return m.ReceivedAt.UTC().Format("15:04:05")
	}
	return m.ReceivedAt.In(zone).Format("15:04:05")
}

func tag(number int) string { return fmt.Sprintf("%-3d", number) }

func (b *board) received(t *talk, m *normalize.Message, d delivery) []string {
	note := "webhook ✓ signed, " + cli.Size(int64(d.size))
	lines := []string{"", b.head(m, t, b.o.Cyan("◀"), m.Address.String(), note)}
	if m.Subject != "" {
		lines = append(lines, indent+b.o.Cyan(cli.Fit(cli.Line(m.Subject), b.o.Width-len(indent))))
	}
	switch {
	case m.Unreadable != "":
		lines = append(lines, b.text(b.o.Red, "could not be read ("+cli.Line(m.Unreadable)+"): kept byte for byte, the rest goes on", 3)...)
	default:
		lines = append(lines, b.text(nil, cli.Safe(m.Text), 3)...)
	}
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Media != nil {
			lines = append(lines, indent+b.o.Yellow(cli.Fit(fmt.Sprintf("▪ %s  %s, %s", cli.Line(p.Media.Name), cli.Line(p.Media.ContentType), cli.Size(p.Media.Size)), b.o.Width-len(indent))))
		}
	}
	if m.Automated && m.Unreadable == "" {
		lines = append(lines, indent+b.o.Dim("sent by a machine: shown, never answered by itself"))
	}
	if m.HTML != "" {
		lines = append(lines, indent+b.o.Dim("HTML sanitised; remote images are blocked"))
	}
	return lines
}

// head is the first line of an entry: time, arrow, number, who, and a note at
// the right.
func (b *board) head(m *normalize.Message, t *talk, arrow, who, note string) string {
	room := b.o.Width - len(indent) - cli.Width(note) - 2
	who = cli.Fit(cli.Line(who), room)
	return b.o.Dim(b.clock(m)) + " " + arrow + " " + b.o.Bold(tag(t.number)) + b.o.Bold(who) +
		strings.Repeat(" ", room-cli.Width(who)+2) + b.o.Dim(note)
}

// text wraps words to at most n lines, without empty lines and quotations.
func (b *board) text(paint func(string) string, s string, n int) []string {
	words := slices.DeleteFunc(cli.Wrap(s, b.o.Width-len(indent)-2), func(l string) bool {
		return strings.TrimSpace(l) == "" || strings.HasPrefix(l, ">")
	})
	more := len(words) > n
	words = words[:min(len(words), n)]
	lines := make([]string, len(words))
	for i, l := range words {
		if more && i == len(words)-1 {
			l += " …"
		}
		if paint != nil {
			l = paint(l)
		}
		lines[i] = indent + l
	}
	return lines
}

func (b *board) sent(t *talk, m *normalize.Message) []string {
	author := "agent"
	if m.Author != nil {
		author = m.Author.Name
	}
	lines := []string{"", b.head(m, t, b.o.Green("▶"), author+" to "+t.name, "accepted by the API")}
	return append(lines, b.text(nil, cli.Safe(m.FullText), 3)...)
}

var statusWords = map[normalize.Status]string{
	normalize.StatusAccepted:  "taken by the mail server",
	normalize.StatusDelivered: "delivered",
	normalize.StatusFailed:    "will not arrive",
	normalize.StatusUncertain: "nobody knows yet whether it arrived; it is not sent twice",
}

func (b *board) status(t *talk, e *normalize.MessageEvent) []string {
	if e.Change == nil {
		return nil
	}
	status := e.Change.Status
	t.statuses = append(t.statuses, status)
	key := e.ID.String() + string(status)
	words, told := statusWords[status]
	if !told || b.shown[key] {
		return nil
	}
	b.shown[key] = true
	s := fmt.Sprintf("%s: %s", status, words)
	detail := e.Change.Detail
	if !strings.Contains(detail, e.Change.Code) {
		detail = e.Change.Code + " " + detail
	}
	if detail = cli.Line(detail); detail != "" {
		s += "  (" + detail + ")"
	}
	paint, sign := b.o.Green, "✓"
	if normalize.Restart(status) {
		paint, sign = b.o.Red, "✗"
	}
	return []string{b.follow(t, paint, sign, s)}
}

// follow is a line on what was drawn before.
func (b *board) follow(t *talk, paint func(string) string, sign, s string) string {
	return strings.Repeat(" ", 9) + paint(sign) + " " + b.o.Bold(tag(t.number)) + paint(cli.Fit(s, b.o.Width-len(indent)))
}

// arrived shows a mail in a customer's mailbox.
func (b *board) arrived(t *talk, name string, threaded bool, text string) []string {
	s := "arrived in the mailbox of " + cli.Line(name)
	if threaded {
		s += ", in the thread"
	}
	return append([]string{b.follow(t, b.o.Green, "✉", s)}, b.text(b.o.Dim, "“"+strings.TrimSpace(cli.Safe(text))+"”", 2)...)
}
