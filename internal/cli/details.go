package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// Customer is a customer with what is known of their addresses.
type Customer struct {
	Customer *normalize.Customer `json:"customer"`
	Links    []identity.Link     `json:"links"`
	Merges   []*identity.Merge   `json:"merges"`
	Related  []identity.Related  `json:"related"`
}

// RenderCustomer draws a customer.
func RenderCustomer(w io.Writer, c Customer, o Options) error {
	d := &lifeDrawing{o: o}
	d.title("Customer "+c.Customer.ID.String(), c.Customer.Name)
	d.fact("since", o.Stamp(c.Customer.ID.Time()))
	d.section("Addresses")
	for _, k := range c.Links {
		why := k.Evidence
		if k.Author != "" {
			why += ", by " + k.Author
		}
		d.fact(k.Address.Kind, joined(k.Address.String(), why+", since "+o.Stamp(k.Since)))
		for _, n := range k.Names {
			how := "not verified"
			if n.Verified {
				how = "verified"
			}
			d.fact("", fmt.Sprintf("also known as %s %s (%s)", n.Address.Kind, n.Address.Value, how))
		}
	}
	if len(c.Merges) > 0 {
		d.section("Merges")
	}
	for _, m := range c.Merges {
		s := fmt.Sprintf("%s  %s went into %s by %s: %s", o.Stamp(m.At), m.From, m.Into, m.Author, m.Reason)
		if !m.UndoneAt.IsZero() {
			s += fmt.Sprintf(" (undone %s by %s)", o.Stamp(m.UndoneAt), m.UndoneBy)
		}
		d.fact(m.ID.String(), s)
	}
	if len(c.Related) > 0 {
		d.section("Possibly related")
	}
	for _, r := range c.Related {
		d.fact(r.Customer.ID.String(), joined(r.Customer.Name, r.Why))
	}
	return d.flush(w)
}

// RenderEntry draws a ledger entry.
func RenderEntry(w io.Writer, e *timeline.LedgerEntry, o Options) error {
	d := &lifeDrawing{o: o}
	d.title("Ledger entry "+e.ID.String(), "")
	d.fact("account", e.Account)
	d.fact("input", e.Key)
	d.fact("content", fmt.Sprintf("%s, %s", e.ContentType, Size(e.Size)))
	for _, k := range slices.Sorted(maps.Keys(e.Meta)) {
		d.fact("", k+": "+meta(k, e.Meta[k]))
	}
	d.fact("received", o.Stamp(e.ReceivedAt))
	d.fact("recorded", o.Stamp(e.RecordedAt))
	mk := outcomeMarks[e.Outcome]
	d.labelled("outcome", mk.color, mk.sign+" "+joined(string(e.Outcome), e.Reason))
	if e.Message != 0 {
		d.fact("message", e.Message.String())
	}
	kept := "kept"
	if !e.RawKept {
		kept = "no longer kept"
	}
	d.fact("raw bytes", kept)
	l := Life{Ledger: e}
	if l.Next = Advise(l, o, nil); len(l.Next) > 0 {
		d.l = l
		d.section("What could be done")
		d.advice()
	}
	return d.flush(w)
}

// RenderJob draws a job and its attempts.
func RenderJob(w io.Writer, j JobLife, o Options) error {
	d := &lifeDrawing{o: o, l: Life{Jobs: []JobLife{j}}}
	d.title("Job "+j.ID.String(), string(j.Lane))
	d.fact("account", j.Account)
	for _, about := range []struct {
		label string
		id    normalize.ID
	}{{"message", j.Message}, {"event", j.Event}, {"conversation", j.Conversation}, {"follows job", j.Of}} {
		if about.id != 0 {
			d.fact(about.label, about.id.String())
		}
	}
	if !j.ExpiresAt.IsZero() && (j.State == outbox.Queued || j.State == outbox.Sending) {
		d.fact("expires", o.Ago(j.ExpiresAt))
	}
	d.section("What happened")
	d.steps()
	d.section("How it stands")
	d.standing()
	d.section("What could be done")
	d.l.Next = Advise(d.l, o, nil)
	d.advice()
	return d.flush(w)
}

func (d *lifeDrawing) title(what, more string) {
	d.b.WriteString(strings.TrimSpace(d.o.paint(bold, what)+"  "+d.o.line(more)) + "\n")
}

func (d *lifeDrawing) flush(w io.Writer) error {
	_, err := io.WriteString(w, d.b.String())
	return err
}
