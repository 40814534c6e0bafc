package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// Life is all that is known of one message, or of an input that made none.
type Life struct {
	// Ledger is the input that brought it; nil for an agent's message.
	Ledger *timeline.LedgerEntry `json:"ledger,omitempty"`
	// Message is nil where the input made none.
	Message      *normalize.Message      `json:"message,omitempty"`
	Conversation *normalize.Conversation `json:"conversation,omitempty"`
	// Why says how the message came into its conversation.
	Why string `json:"conversation_reason,omitempty"`
	// Routes say which helpdesks hear of the conversation and why; empty
	// without rules.
	Routes []Route `json:"routes,omitempty"`
	// Tickets are those of the conversation, at helpdesks that keep tickets.
	Tickets []Ticket `json:"tickets,omitempty"`
	// Link is why the address belongs to the customer.
	Link     *identity.Link      `json:"link,omitempty"`
	Jobs     []JobLife           `json:"jobs"`
	Receipts []normalize.Receipt `json:"receipts"`
	// Next are the commands and acts that could help now.
	Next []Advice `json:"next"`
}

// Route is why a helpdesk hears of a conversation, or does not.
type Route struct {
	Helpdesk string `json:"helpdesk"`
	Taken    bool   `json:"taken"`
	Why      string `json:"why"`
}

// Ticket is where a message is at a helpdesk: on which ticket, as which entry,
// and whether we wrote that entry ("ours") or an agent did.
type Ticket struct {
	Helpdesk string                      `json:"helpdesk"`
	Ticket   string                      `json:"ticket"`
	URL      string                      `json:"url,omitempty"`
	State    normalize.ConversationState `json:"state"`
	Entry    string                      `json:"entry,omitempty"`
	Outcome  string                      `json:"outcome,omitempty"`
}

func (k Ticket) String() string {
	s := fmt.Sprintf("%s at %s (%s)", k.Ticket, k.Helpdesk, k.State)
	if k.Entry != "" {
		s += ", entry " + k.Entry
	}
	if k.URL != "" {
		s += ", " + k.URL
	}
	return Line(s)
}

// JobLife is a job with its attempts.
type JobLife struct {
	*outbox.Job
	// EventType is that of the event which a forward job is about.
	EventType   normalize.EventType `json:"event_type,omitempty"`
	AttemptList []outbox.Attempt    `json:"attempt_list"`
}

// open reports whether the daemon still has to do something for the job.
func (j JobLife) open() bool { return j.State == outbox.Queued || j.State == outbox.Sending }

// Advice is one thing that could be done.
type Advice struct {
	What    string `json:"what"`
	Command string `json:"command,omitempty"`
}

// RenderLife draws the whole life of a message.
func RenderLife(w io.Writer, l Life, o Options) error {
	d := &lifeDrawing{o: o, l: l}
	d.head()
	d.section("What happened")
	d.steps()
	d.section("How it stands")
	d.standing()
	d.section("What could be done")
	d.advice()
	return d.flush(w)
}

type lifeDrawing struct {
	b strings.Builder
	o Options
	l Life
}

const factLabel = 14 // columns

func (d *lifeDrawing) section(title string) {
	d.b.WriteString("\n" + d.o.paint(bold, title) + "\n")
}

// fact writes a labelled value, wrapped.
func (d *lifeDrawing) fact(label, value string) {
	d.labelled(label, plain, value)
}

func (d *lifeDrawing) labelled(label string, st style, value string) {
	for i, l := range Wrap(d.o.line(value), d.o.Width-factLabel-2) {
		if i > 0 {
			label = ""
		}
		d.b.WriteString(strings.TrimRight("  "+d.o.paint(dim, pad(label, factLabel))+d.o.paint(st, l), " ") + "\n")
	}
}

func (d *lifeDrawing) head() {
	m, e := d.l.Message, d.l.Ledger
	if m == nil {
		d.title("Input "+e.ID.String(), "")
		d.input(e)
		return
	}
	kind := string(m.Direction)
	switch {
	case m.Note:
		kind = "note"
	case m.Unreadable != "":
		kind = "unreadable input"
	}
	d.title("Message "+m.ID.String(), kind)
	d.fact("channel", m.Channel.Name+" ("+m.Channel.Type+")")
	if m.Direction == normalize.Inbound {
		d.fact("from", m.Address.String())
		if a := m.Authentication; a != nil {
			d.labelled("sender", verdictColor[a.Verdict], authentication(a))
		}
	} else {
		d.fact("author", who(m))
		d.fact("to", addresses(append([]normalize.Address{m.Address}, without(m.Thread.To, m.Address)...)))
		if len(m.Thread.Cc) > 0 {
			d.fact("cc", addresses(m.Thread.Cc))
		}
	}
	if c := m.Customer; c != nil {
		d.fact("customer", strings.TrimSpace(c.ID.String()+"  "+c.Name))
	}
	d.fact("conversation", m.ConversationID.String())
	if m.Subject != "" {
		d.fact("subject", m.Subject)
	}
	if m.Text != "" {
		d.fact("text", Fit(d.o.line(m.Text), d.o.Width-factLabel-2))
	}
	for i := range m.Parts {
		if m.Parts[i].Kind != normalize.PartText {
			d.fact("part", partLabel(&m.Parts[i]))
		}
	}
	if m.ExternalID != "" {
		d.fact("external id", m.ExternalID)
	}
	if m.Automated {
		d.fact("automatic", "shown, and never answered automatically")
	}
	if e != nil {
		d.input(e)
	}
}

var verdictColor = map[normalize.Verdict]style{normalize.Authenticated: green, normalize.Unauthenticated: yellow}

// authentication says in words whether the sender's address is genuine.
func authentication(a *normalize.Authentication) string {
	s := string(a.Verdict)
	if a.By != "" {
		s += " by " + a.By
	}
	if a.Domain != "" {
		s += " of " + a.Domain
	}
	if a.Verdict == normalize.Unauthenticated {
		s += ": anybody may have written this"
	}
	return s
}

func (d *lifeDrawing) input(e *timeline.LedgerEntry) {
	d.fact("input", fmt.Sprintf("%s from %s: %s, %s", e.Key, e.Account, Size(e.Size), e.ContentType))
	for _, k := range slices.Sorted(maps.Keys(e.Meta)) {
		d.fact("", k+": "+meta(k, e.Meta[k]))
	}
	kept := "kept"
	if !e.RawKept {
		kept = "no longer kept"
	}
	d.fact("ledger", fmt.Sprintf("%s, raw bytes %s", e.ID, kept))
}

// meta hides what proves a caller's right.
func meta(key, value string) string {
	key = strings.ToLower(key)
	for _, word := range []string{"token", "secret", "signature", "authorization", "cookie", "password"} {
		if strings.Contains(key, word) {
			return "<secret>"
		}
	}
	return value
}

func without(list []normalize.Address, a normalize.Address) []normalize.Address {
	return slices.DeleteFunc(slices.Clone(list), a.Is)
}

func addresses(list []normalize.Address) string {
	var out []string
	for _, a := range list {
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

// steps writes what happened in order of time, each step with its distance
// from the one before.
func (d *lifeDrawing) steps() {
	steps := d.l.steps(d.o)
	label := 0
	for _, s := range steps {
		label = max(label, Width(s.label))
	}
	var last time.Time
	for _, s := range steps {
		since, layout := "", "15:04:05.000"
		if s.at.Sub(last) >= time.Millisecond && !last.IsZero() {
			since = "+" + Span(s.at.Sub(last))
		}
		if day := d.o.in(s.at).Format(time.DateOnly); last.IsZero() || day != d.o.in(last).Format(time.DateOnly) {
			d.b.WriteString("  " + d.o.paint(blue, day) + "\n")
		}
		last = s.at
		lead := fmt.Sprintf("  %s %s  ", d.o.in(s.at).Format(layout), pad(since, 7))
		name := pad(s.label, label) + "  "
		room := d.o.Width - Width(lead) - Width(name)
		for i, l := range Wrap(d.o.line(s.text), max(room, 16)) {
			if i > 0 {
				lead, name = strings.Repeat(" ", Width(lead)), strings.Repeat(" ", Width(name))
			}
			d.b.WriteString(strings.TrimRight(d.o.paint(dim, lead)+d.o.paint(s.color, name)+l, " ") + "\n")
		}
	}
}

// standing writes where the parts and jobs are now.
func (d *lifeDrawing) standing() {
	m := d.l.Message
	if e := d.l.Ledger; e != nil {
		mk := outcomeMarks[e.Outcome]
		s := string(e.Outcome)
		if e.Reason != "" {
			s += ": " + e.Reason
		}
		d.labelled("input", mk.color, mk.sign+" "+s)
	}
	if m != nil && m.Direction == normalize.Outbound && !m.Note {
		for i, p := range m.Parts {
			mk := statusMarks[p.Status]
			s := fmt.Sprintf("%s %s %s", mk.sign, p.Status, d.o.Ago(p.StatusAt))
			if p.Error != "" {
				s += ": " + p.Error
			}
			d.labelled(fmt.Sprintf("part %d %s", i+1, p.Kind), mk.color, s)
		}
	}
	for _, r := range d.l.Routes {
		way := "not to "
		if r.Taken {
			way = "to "
		}
		d.fact("route", way+r.Helpdesk+": "+r.Why)
	}
	for _, k := range d.l.Tickets {
		d.fact("ticket", k.String())
	}
	taken := map[string]int{}
	for _, j := range d.l.Jobs {
		if j.Task == outbox.TaskForward && j.State == outbox.Done {
			taken[j.Account]++
			continue
		}
		mk := stateMarks[j.State]
		s := fmt.Sprintf("%s %s (%s, job %s)", mk.sign, j.State, j.Account, j.ID)
		if j.EventType != "" {
			s = fmt.Sprintf("%s %s %s (%s, job %s)", mk.sign, j.EventType, j.State, j.Account, j.ID)
		}
		if j.State == outbox.Queued && j.DueAt.After(d.o.Now) {
			s += ", next try " + d.o.Ago(j.DueAt)
		}
		if j.LastError != "" && j.State != outbox.Done {
			s += ": " + j.LastError
		}
		d.labelled(string(j.Task), mk.color, s)
		for _, r := range j.Settled {
			mk := statusMarks[r.Status]
			d.labelled("", mk.color, strings.TrimSpace(fmt.Sprintf("  %s %s %s %s %s", mk.sign, r.Address.Value, r.Status, r.Code, r.Detail)))
		}
	}
	for _, account := range slices.Sorted(maps.Keys(taken)) {
		d.labelled(string(outbox.TaskForward), green, fmt.Sprintf("%s %s taken by %s", stateMarks[outbox.Done].sign, Count(taken[account], "event"), account))
	}
}

func (d *lifeDrawing) advice() {
	switch {
	case len(d.l.Next) > 0:
	case slices.ContainsFunc(d.l.Jobs, JobLife.open):
		d.b.WriteString("  nothing: the daemon works on it\n")
	default:
		d.b.WriteString("  nothing: all is done\n")
	}
	for _, a := range d.l.Next {
		for i, l := range Wrap(d.o.line(a.What), d.o.Width-4) {
			lead := "  - "
			if i > 0 {
				lead = "    "
			}
			d.b.WriteString(lead + l + "\n")
		}
		if a.Command != "" {
			d.b.WriteString("      " + d.o.paint(cyan, a.Command) + "\n")
		}
	}
}
