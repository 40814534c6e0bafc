package ticket

import (
	"context"
	"errors"
	"fmt"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// tell writes on the ticket what an event tells.
func (s *step) tell(ctx context.Context, e *normalize.Event) error {
	switch d := e.Data.(type) {
	case *normalize.MessageEvent:
		if d.Message == nil {
			return nil // erased
		}
		switch e.Type {
		case normalize.MessageReceived, normalize.MessageSent:
			return s.message(ctx, d.Message)
		case normalize.MessageStatus:
			return s.status(ctx, e.ID, d)
		case normalize.MessageEdited:
			return s.changed(ctx, e.ID, d.Message)
		case normalize.MessageDeleted:
			return s.remark(ctx, d.Message, "d"+e.ID.String(), deleted(d.Message), false)
		}
	case *normalize.Conversation:
		if d != nil {
			return s.state(ctx, d)
		}
	}
	return nil
}

// message writes a message down, on a new ticket where there is none yet.
func (s *step) message(ctx context.Context, m *normalize.Message) error {
	tag := Tag(m.ID)
	if done, err := s.written(ctx, tag); done || err != nil {
		return err
	}
	if m.Direction == normalize.Outbound {
		if l, err := s.Store.LineOf(ctx, s.Account, m.ID); err != nil || l != nil {
			s.detail = "it came from there"
			return err
		}
	}
	k, err := s.Store.TicketOf(ctx, s.Account, m.ConversationID)
	if err != nil {
		return err
	}
	en, err := s.entry(ctx, m, tag, k == nil)
	if err != nil {
		return err
	}
	switch {
	case k != nil:
		return s.write(ctx, k, en)
	case !begins(m):
		s.detail = "there is no ticket, and nothing to answer"
		return nil
	}
	return s.open(ctx, en, "c"+m.ConversationID.String(), "")
}

// written reports whether we wrote an entry with this tag: in a replay it comes
// again.
func (s *step) written(ctx context.Context, tag string) (bool, error) {
	l, err := s.Store.LineTagged(ctx, s.Account, tag)
	if l != nil {
		s.detail = "it is there already"
	}
	return l != nil, err
}

// open makes a ticket that begins with an entry. earlier is the ticket that was
// deleted, if any.
func (s *step) open(ctx context.Context, en *entry, tag, earlier string) error {
	m := en.Message
	c, err := s.Store.Conversation(ctx, m.ConversationID)
	if errors.Is(err, timeline.ErrNotFound) {
		s.detail = "nothing to tell any more: erased"
		return nil
	} else if err != nil {
		return err
	}
	d := &helpdesk.Draft{Tag: tag, Subject: subject(c, m), Conversation: c, First: &en.Entry, Facts: facts(c, earlier)}
	var o *helpdesk.Opened
	if s.again {
		if o, err = s.Helpdesk.Find(ctx, tag); err != nil {
			return err
		}
	}
	if o == nil {
		o, err = s.Helpdesk.Open(ctx, d)
		if plain, ok := plainer(d.First, err); ok {
			d.First = plain
			o, err = s.Helpdesk.Open(ctx, d)
		}
		if err != nil {
			return err
		}
	}
	if o.Ticket == "" {
		return connectors.Errorf(connectors.Rejected, "", "the helpdesk gave the new ticket no id")
	}
	k := &Ticket{Conversation: c.ID, Ticket: o.Ticket, URL: o.URL, State: normalize.Open}
	if o.Entry == "" {
		if err := s.record(ctx, k); err != nil {
			return err
		}
		return s.write(ctx, k, en)
	}
	return s.keep(ctx, k, en, o.Entry)
}

// write adds an entry to a ticket, wherever that is by now. What was deleted in
// the helpdesk comes to life again, as a ticket of its own, when the customer
// writes, and for nothing else.
func (s *step) write(ctx context.Context, k *Ticket, en *entry) error {
	id, err := s.put(ctx, k, en)
	gone, ok := errors.AsType[*helpdesk.Gone](err)
	switch {
	case !ok && err != nil:
		return err
	case !ok:
		return s.keep(ctx, k, en, id)
	case gone.Into != "":
		if err := s.move(ctx, k, gone); err != nil {
			return err
		}
		if id, err = s.put(ctx, k, en); err == nil {
			return s.keep(ctx, k, en, id)
		}
		return gonefor(err)
	case en.Kind == helpdesk.FromCustomer:
		return s.open(ctx, en, "c"+k.Conversation.String()+"-"+en.Message.ID.String(), k.Ticket)
	}
	s.detail = "the ticket was deleted"
	return nil
}

// put writes an entry unless an earlier try has written it.
func (s *step) put(ctx context.Context, k *Ticket, en *entry) (id string, err error) {
	if s.again {
		if id, err = s.find(ctx, k, en.Tag); id != "" || err != nil {
			return id, err
		}
	}
	id, err = s.Helpdesk.Write(ctx, k.Ticket, &en.Entry)
	if plain, ok := plainer(&en.Entry, err); ok {
		id, err = s.Helpdesk.Write(ctx, k.Ticket, plain)
	}
	return id, err
}

// find looks for what we wrote with a tag, after what has been read.
func (s *step) find(ctx context.Context, k *Ticket, tag string) (string, error) {
	at := k.Position
	for range maxReads {
		r, err := s.Helpdesk.Read(ctx, k.Ticket, at)
		if err != nil {
			return "", err
		}
		for _, e := range r.Entries {
			if e.Ours && e.Tag == tag {
				return e.ID, nil
			}
		}
		if !r.More {
			break
		}
		at = r.Position
	}
	return "", nil
}

// keep notes that an entry was written, and the files with it.
func (s *step) keep(ctx context.Context, k *Ticket, en *entry, id string) error {
	m := en.Message
	if en.Reopen {
		k.State, s.reopened = normalize.Open, true
	}
	if m.Direction == normalize.Inbound && en.whole {
		k.Seen = max(k.Seen, m.ID)
	}
	l := Line{Entry: id, Tag: en.Tag, Conversation: k.Conversation, Message: m.ID, Outcome: Ours, At: s.Now()}
	lines := []Line{l}
	for _, part := range en.carried {
		l.Entry, l.Tag = carriedLine(part), carriedTag(part)
		lines = append(lines, l)
	}
	return s.record(ctx, k, lines...)
}

// gonefor is the error of a ticket that is gone after it was moved: the next
// try sees where it is then.
func gonefor(err error) error {
	if gone, ok := errors.AsType[*helpdesk.Gone](err); ok {
		return connectors.Errorf(connectors.Transient, "", "%s, and so was that one", gone)
	}
	return err
}

// remark tells agents something about a message. Without a ticket there is
// nobody to be told.
func (s *step) remark(ctx context.Context, m *normalize.Message, tag, words string, reopen bool) error {
	k, err := s.Store.TicketOf(ctx, s.Account, m.ConversationID)
	if err != nil || k == nil {
		return err
	}
	if done, err := s.written(ctx, tag); done || err != nil {
		return err
	}
	return s.write(ctx, k, &entry{Entry: helpdesk.Entry{
		Tag: tag, Kind: helpdesk.Remark, Author: ourName, Message: m, Heading: ourName, Text: words, Reopen: reopen, At: s.Now(),
	}})
}

// status tells what became of a part: that an answer did not arrive, or that
// the file of a customer has come.
func (s *step) status(ctx context.Context, event normalize.ID, d *normalize.MessageEvent) error {
	m, c := d.Message, d.Change
	if c == nil {
		return nil
	}
	if m.Direction == normalize.Inbound {
		return s.arrived(ctx, m, c)
	}
	if show, ok := s.Helpdesk.(helpdesk.Shower); ok {
		if err := s.show(ctx, show, m, c); err != nil {
			return err
		}
	}
	switch {
	case troubled(c.Status):
		return s.remark(ctx, m, "s"+event.String(), undelivered(m, c), true)
	case troubled(c.Previous) && arrives(c.Status):
		return s.remark(ctx, m, "s"+event.String(), afterAll(m, c), false)
	}
	return nil
}

// troubled reports whether agents are told that an answer has this status.
func troubled(s normalize.Status) bool {
	return s == normalize.StatusFailed || s == normalize.StatusUncertain
}

// arrives reports whether an answer of this status is with the vendor at least.
func arrives(s normalize.Status) bool {
	return s == normalize.StatusAccepted || s == normalize.StatusDelivered || s == normalize.StatusRead
}

// show tells the product's own mark of delivery. A product that refuses to show
// it has lost nothing.
func (s *step) show(ctx context.Context, show helpdesk.Shower, m *normalize.Message, c *normalize.StatusChange) error {
	l, err := s.Store.LineOf(ctx, s.Account, m.ID)
	if err != nil || l == nil || l.Outcome != Sent {
		return err
	}
	k, err := s.Store.TicketOf(ctx, s.Account, m.ConversationID)
	if err != nil || k == nil {
		return err
	}
	err = show.Show(ctx, k.Ticket, l.Entry, *c)
	if e := transient(err); err != nil && e.Class != connectors.Transient && e.Class != connectors.Throttled && e.Class != connectors.AccountDown {
		s.detail = "the helpdesk does not show it: " + e.Error()
		return nil
	}
	return err
}

// arrived writes down a file that came after its message, or that it will not
// come.
func (s *step) arrived(ctx context.Context, m *normalize.Message, c *normalize.StatusChange) error {
	switch c.Status {
	case normalize.StatusReceived:
		return s.rest(ctx, m, "p"+c.PartID.String(), fmt.Sprintf("%s: a file has arrived", who(m)))
	case normalize.StatusFailed:
		return s.remark(ctx, m, "p"+c.PartID.String()+"x", "A file of the customer could not be fetched: "+c.Detail, false)
	}
	return nil
}

// rest writes down the files of a message that are not on the ticket yet.
func (s *step) rest(ctx context.Context, m *normalize.Message, tag, heading string) error {
	k, err := s.Store.TicketOf(ctx, s.Account, m.ConversationID)
	if err != nil || k == nil {
		return err
	}
	if done, err := s.written(ctx, tag); done || err != nil {
		return err
	}
	en, err := s.entry(ctx, m, tag, false)
	if err != nil || len(en.carried) == 0 {
		return err
	}
	en.Heading, en.Text, en.HTML, en.Footing, en.Reopen, en.whole = heading, "", "", nil, false, false
	return s.write(ctx, k, en)
}

// changed writes down what a message now says.
func (s *step) changed(ctx context.Context, event normalize.ID, m *normalize.Message) error {
	k, err := s.Store.TicketOf(ctx, s.Account, m.ConversationID)
	if err != nil || k == nil {
		return err
	}
	tag := "e" + event.String()
	if done, err := s.written(ctx, tag); done || err != nil {
		return err
	}
	en, err := s.entry(ctx, m, tag, false)
	if err != nil {
		return err
	}
	en.Heading, en.Footing, en.Reopen, en.whole = edited(m), nil, false, false
	return s.write(ctx, k, en)
}

// state brings the ticket to the state of its conversation. A ticket that
// several conversations share is closed with the last of them.
func (s *step) state(ctx context.Context, c *normalize.Conversation) error {
	k, err := s.Store.TicketOf(ctx, s.Account, c.ID)
	if err != nil || k == nil || k.State == c.State {
		return err
	}
	if c.State == normalize.Closed {
		shared, err := s.Store.TicketsNamed(ctx, s.Account, k.Ticket)
		if err != nil {
			return err
		}
		for _, o := range shared {
			other, err := s.Store.Conversation(ctx, o.Conversation)
			if errors.Is(err, timeline.ErrNotFound) {
				continue
			}
			if err != nil || other.State != normalize.Closed {
				return err
			}
		}
	}
	err = s.Helpdesk.SetState(ctx, k.Ticket, c.State)
	if gone, ok := errors.AsType[*helpdesk.Gone](err); ok {
		if gone.Into == "" {
			s.detail = "the ticket was deleted"
			return nil
		}
		return s.move(ctx, k, gone) // which is somebody's decision, and stands as it does
	} else if err != nil {
		return err
	}
	k.State = c.State
	return s.record(ctx, k)
}
