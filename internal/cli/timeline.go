package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// Timeline is a stretch of one customer's timeline.
type Timeline struct {
	Customer *normalize.Customer
	// Messages stand as the store gives them, newest first.
	Messages []*normalize.Message
	// Conversations are those of the messages.
	Conversations []*normalize.Conversation
	// Ledger holds the entries behind messages that could not be read.
	Ledger map[normalize.ID]normalize.ID
	// Older is the newest message that is not shown; 0 where all are.
	Older normalize.ID
}

const (
	bodyIndent = "       "
	// A message that came so much later than it was written says so.
	lateArrival = 10 * time.Minute
)

// RenderTimeline draws a timeline, the newest message at the bottom.
func RenderTimeline(w io.Writer, t Timeline, o Options) error {
	d := &timelineDrawing{o: o, t: t}
	d.head()
	if len(t.Messages) == 0 {
		d.line("")
		d.line("no messages yet")
	}
	for _, e := range d.entries() {
		d.day(e.at)
		e.draw()
	}
	_, err := io.WriteString(w, d.b.String())
	return err
}

type timelineDrawing struct {
	b   strings.Builder
	o   Options
	t   Timeline
	ymd string
}

// timelineEntry is something with its place in the order of ids, which is the
// store's order, and with the time that it shows.
type timelineEntry struct {
	place normalize.ID
	at    time.Time
	draw  func()
}

func (d *timelineDrawing) line(format string, args ...any) {
	d.b.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	d.b.WriteByte('\n')
}

func (d *timelineDrawing) head() {
	c := d.t.Customer
	name := Line(c.Name)
	if name == "" {
		name = "(no name)"
	}
	d.line("%s  %s", d.o.paint(bold, name), d.o.paint(dim, "customer "+c.ID.String()))
	for _, a := range c.Addresses {
		s := fmt.Sprintf("  %s %s", a.Kind, Line(a.Value))
		if a.Name != "" && a.Name != c.Name {
			s += " (" + Line(a.Name) + ")"
		}
		d.line("%s", d.o.paint(dim, Fit(s, d.o.Width)))
	}
	if n := len(d.t.Messages); d.t.Older != 0 && n > 0 {
		d.line("")
		d.line("%s", d.o.paint(dim, "older messages: deskbridge timeline "+c.ID.String()+" --before "+d.t.Messages[n-1].ID.String()))
	}
}

// entries returns the messages, and where conversations open and close among
// them, oldest first.
func (d *timelineDrawing) entries() []timelineEntry {
	var list []timelineEntry
	first := map[normalize.ID]normalize.ID{} // of each conversation, the oldest message shown
	for _, m := range d.t.Messages {
		list = append(list, timelineEntry{m.ID, m.ReceivedAt, func() { d.message(m) }})
		first[m.ConversationID] = m.ID
	}
	for _, c := range d.t.Conversations {
		if c.ID > d.t.Older {
			list = append(list, timelineEntry{min(c.ID, first[c.ID]-1), c.OpenedAt, func() { d.conversation(c, "opened", c.OpenedAt) }})
		}
		if c.State == normalize.Closed {
			list = append(list, timelineEntry{normalize.FirstID(c.ClosedAt), c.ClosedAt, func() { d.conversation(c, "closed", c.ClosedAt) }})
		}
	}
	slices.SortFunc(list, func(a, b timelineEntry) int { return cmp.Compare(a.place, b.place) })
	return list
}

// day draws a separator where the day changes.
func (d *timelineDrawing) day(at time.Time) {
	at = d.o.in(at)
	if ymd := at.Format(time.DateOnly); ymd != d.ymd {
		d.ymd = ymd
		label := "── " + at.Format("Monday, 2 January 2006") + " "
		d.line("")
		d.line("%s", d.o.paint(blue, label+strings.Repeat("─", max(0, d.o.Width-Width(label)))))
	}
}

func (d *timelineDrawing) conversation(c *normalize.Conversation, what string, at time.Time) {
	s := fmt.Sprintf("%s  ─ conversation %s", d.o.in(at).Format("15:04"), what)
	if c.Subject != "" {
		s += ": " + Line(c.Subject)
	}
	id := "  " + c.ID.String()
	d.line("")
	d.line("%s", d.o.paint(dim, pad(Fit(s, d.o.Width-Width(id)), d.o.Width-Width(id))+id))
}

func (d *timelineDrawing) message(m *normalize.Message) {
	arrow, color := "←", cyan
	switch {
	case m.Note:
		arrow, color = "✎", yellow
	case m.Direction == normalize.Outbound:
		arrow, color = "→", green
	}
	via := "  " + Line(m.Channel.Name) + " (" + Line(m.Channel.Type) + ")"
	if m.Note {
		via = "  note, for agents only"
	}
	clock := d.o.in(m.ReceivedAt).Format("15:04")
	id := "  " + m.ID.String()
	room := d.o.Width - Width(clock) - 4 - Width(via) - Width(id)
	name := Fit(who(m), max(room, 8))
	gap := strings.Repeat(" ", max(0, room-Width(name)))
	d.line("")
	d.line("%s  %s %s%s%s", clock, d.o.paint(color, arrow), d.o.paint(bold, name), d.o.paint(dim, via), gap+d.o.paint(dim, id))
	d.facts(m)
	switch {
	case m.Unreadable != "":
		d.stub(m)
	case !m.DeletedAt.IsZero():
		d.body(dim, "taken back at "+d.o.Stamp(m.DeletedAt))
	default:
		d.parts(m)
	}
	for _, r := range m.Reactions {
		if !r.Removed {
			d.body(plain, Line(r.Emoji)+"  "+Line(r.From.String()))
		}
	}
	if m.Direction == normalize.Outbound && !m.Note {
		d.delivery(m)
	}
}

// body writes wrapped text below a message.
func (d *timelineDrawing) body(st style, s string) {
	for _, l := range Wrap(s, d.o.Width-len(bodyIndent)) {
		d.line("%s%s", bodyIndent, d.o.paint(st, l))
	}
}

// facts are what one would not guess from the text.
func (d *timelineDrawing) facts(m *normalize.Message) {
	var facts []string
	if !m.SentAt.IsZero() && m.ReceivedAt.Sub(m.SentAt).Abs() > lateArrival {
		facts = append(facts, "written "+d.o.Stamp(m.SentAt))
	}
	if m.Automated {
		facts = append(facts, "automatic")
	}
	if !m.EditedAt.IsZero() {
		facts = append(facts, "edited "+d.o.Stamp(m.EditedAt))
	}
	if len(facts) > 0 {
		d.body(dim, "("+strings.Join(facts, ", ")+")")
	}
}

func (d *timelineDrawing) stub(m *normalize.Message) {
	d.body(red, "! could not be read: "+Line(m.Unreadable))
	if m.Subject != "" {
		d.body(plain, "subject: "+Line(m.Subject))
	}
	if id := d.t.Ledger[m.ID]; id != 0 {
		d.body(dim, "kept as ledger entry "+id.String())
		d.body(plain, "deskbridge ledger replay "+id.String())
	}
}

// parts writes what was said. An inbound mail's text stands in Text, without
// what it quotes; other parts and all outbound ones stand for themselves.
func (d *timelineDrawing) parts(m *normalize.Message) {
	words := m.Text
	if words == "" {
		words = m.FullText // nothing but a quotation
	}
	if words != "" {
		d.body(plain, Safe(words))
	}
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Kind == normalize.PartText {
			continue
		}
		d.body(cyan, partLabel(p))
		if p.Text != "" {
			d.body(plain, Safe(p.Text))
		}
	}
}

// delivery writes how far the parts have come: at once where all agree, else
// one by one.
func (d *timelineDrawing) delivery(m *normalize.Message) {
	if len(m.Parts) == 0 {
		return
	}
	first := m.Parts[0]
	same := !slices.ContainsFunc(m.Parts, func(p normalize.Part) bool { return p.Status != first.Status || p.Error != first.Error })
	if same {
		label := ""
		if len(m.Parts) > 1 {
			label = fmt.Sprintf("%d parts ", len(m.Parts))
		}
		d.status(&first, label)
	} else {
		for i := range m.Parts {
			d.status(&m.Parts[i], fmt.Sprintf("part %d (%s) ", i+1, m.Parts[i].Kind))
		}
	}
	if slices.ContainsFunc(m.Parts, func(p normalize.Part) bool { return normalize.Restart(p.Status) }) {
		d.body(plain, "deskbridge explain "+m.ID.String())
	}
}

func (d *timelineDrawing) status(p *normalize.Part, label string) {
	m := statusMarks[p.Status]
	s := fmt.Sprintf("%s %s%s", m.sign, label, p.Status)
	if !p.StatusAt.IsZero() {
		at := d.o.in(p.StatusAt)
		layout := "15:04"
		if at.Format(time.DateOnly) != d.ymd {
			layout = "2006-01-02 15:04"
		}
		s += " " + at.Format(layout)
	}
	if p.Error != "" {
		s += ": " + d.o.line(p.Error)
	}
	d.body(m.color, s)
}
