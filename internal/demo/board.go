package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/normalize"
)

// board knows what the helpdesk has been told, and draws it. Conversations
// have short numbers here.
type board struct {
	o        cli.Options
	byNumber []*talk // the first has number 1
	byID     map[normalize.ID]*talk
	optedOut map[normalize.ID]bool
	shown    map[string]bool // statuses that were drawn: a message has one for each of its parts
}

// talk is one conversation.
type talk struct {
	number     int
	id         normalize.ID
	customer   normalize.ID
	name       string
	channel    normalize.Account
	received   []*normalize.Message
	sent       map[normalize.ID]bool
	edits      map[normalize.ID]string // what was drawn of an edited message
	statuses   []normalize.Status
	lastAnswer string // Message-ID
	recorded   bool   // a call, of which recording and transcript have come
}

func newBoard(o cli.Options) *board {
	return &board{o: o, byID: map[normalize.ID]*talk{}, optedOut: map[normalize.ID]bool{}, shown: map[string]bool{}}
}

// talk returns the conversation of a message, and gives it a number.
func (b *board) talk(m *normalize.Message) *talk {
	t := b.byID[m.ConversationID]
	if t == nil {
		t = &talk{id: m.ConversationID, number: len(b.byNumber) + 1, sent: map[normalize.ID]bool{}, edits: map[normalize.ID]string{}}
		b.byID[t.id] = t
		b.byNumber = append(b.byNumber, t)
	}
	if m.Customer != nil {
		t.customer = m.Customer.ID
	}
	t.channel = m.Channel
	if m.Direction == normalize.Inbound {
		t.name = m.Address.Name
		if t.name == "" && m.Customer != nil {
			t.name = m.Customer.Name
		}
		if t.name == "" {
			// No name yet: vendors are asked later. Of their ids the end will do.
			t.name = m.Address.Value[strings.LastIndexByte(m.Address.Value, ':')+1:]
			if len(t.name) > 20 {
				t.name = t.name[:19] + "…"
			}
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
		case normalize.MessageEdited:
			return b.edited(t, data.Message)
		}
	case *normalize.OptOutEvent:
		if data.Customer == nil || b.optedOut[data.Customer.ID] {
			break
		}
		b.optedOut[data.Customer.ID] = true
		return append([]string{"", b.aside("⊘", cli.Line(data.Customer.Name)+" must not be written to any more")}, b.text(b.o.Dim, cli.Line(data.Reason), 2)...)
	}
	return nil
}

// who names the customer, and the channel where that does not show it.
func (b *board) who(t *talk, m *normalize.Message) string {
	if m.Address.Kind == byMail {
		return m.Address.String()
	}
	return t.name + " (" + m.Channel.Name + ")"
}

// edited shows what a message has become: its words, or what is known of a
// call by now. What does not show is not drawn again.
func (b *board) edited(t *talk, m *normalize.Message) []string {
	lines := b.extras(m)
	what := "the recording and its transcript have come"
	if i := slices.IndexFunc(m.Parts, func(p normalize.Part) bool { return p.Call != nil }); i < 0 {
		what, lines = "corrected by the customer", append(b.text(nil, cli.Safe(m.Text), 3), lines...)
	} else if p := m.Parts[i]; p.Media == nil {
		what = "the call is over"
	} else if p.Text == "" || t.recorded {
		return nil // there is more to come, or it was told
	} else {
		t.recorded = true
	}
	drawn := strings.Join(lines, "\n")
	if t.edits[m.ID] == drawn {
		return nil
	}
	t.edits[m.ID] = drawn
	return append([]string{b.follow(t, b.o.Yellow, "✎", what)}, lines...)
}

// extras are the parts of a message that are no text.
func (b *board) extras(m *normalize.Message) (lines []string) {
	room := b.o.Width - len(indent)
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Call != nil {
			s := "☎ " + string(p.Call.State) + " call"
			if p.Text != "" {
				s += ": “" + cli.Line(p.Text) + "”"
			}
			lines = append(lines, b.text(b.o.Yellow, s, 4)...)
		}
		if p.Media == nil {
			continue
		}
		name, size := cli.Line(p.Media.Name), ", "+cli.Size(p.Media.Size)
		if name == "" {
			name = string(p.Kind)
		}
		if p.Media.Size == 0 {
			size = ", being fetched"
		}
		lines = append(lines, indent+b.o.Yellow(cli.Fit("▪ "+cli.Fit(name, 32)+"  "+cli.Line(p.Media.ContentType)+size, room)))
	}
	return lines
}

// aside is a line that belongs to no one conversation.
func (b *board) aside(sign, s string) string {
	return b.o.Dim(b.in(time.Now()).Format("15:04:05")) + " " + b.o.Yellow(sign) + "    " + b.o.Yellow(cli.Fit(s, b.o.Width-len(indent)))
}

const indent = "              "

func (b *board) clock(m *normalize.Message) string { return b.in(m.ReceivedAt).Format("15:04:05") }

func (b *board) in(t time.Time) time.Time {
	if b.o.Zone == nil {
		return t.UTC()
	}
	return t.In(b.o.Zone)
}

func tag(number int) string { return fmt.Sprintf("%-3d", number) }

func (b *board) received(t *talk, m *normalize.Message, d delivery) []string {
	note := "webhook ✓ signed, " + cli.Size(int64(d.size))
	lines := []string{"", b.head(m, t, b.o.Cyan("◀"), b.who(t, m), note)}
	if m.Subject != "" {
		lines = append(lines, indent+b.o.Cyan(cli.Fit(cli.Line(m.Subject), b.o.Width-len(indent))))
	}
	switch {
	case m.Unreadable != "":
		lines = append(lines, b.text(b.o.Red, "could not be read ("+cli.Line(m.Unreadable)+"): kept byte for byte, the rest goes on", 3)...)
	default:
		lines = append(lines, b.text(nil, cli.Safe(m.Text), 3)...)
	}
	lines = append(lines, b.extras(m)...)
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
	normalize.StatusAccepted:  "taken by the channel",
	normalize.StatusDelivered: "the vendor says that it has arrived",
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

// arrived shows an answer where it reached the customer.
func (b *board) arrived(t *talk, where, text string) []string {
	return append([]string{b.follow(t, b.o.Green, "✉", "arrived "+cli.Line(where))}, b.text(b.o.Dim, "“"+strings.TrimSpace(cli.Safe(text))+"”", 2)...)
}
