package ticket

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	before = "before the merge" // why an entry is ignored
	// doubtful is how long before we learn of a merge an answer may have been
	// meant for our customer, where the product does not say when it was.
	doubtful = 10 * time.Minute
)

// move follows a ticket that was merged into another.
func (s *step) move(ctx context.Context, k *Ticket, gone *helpdesk.Gone) error {
	if err := s.finish(ctx, k); err != nil || k.Ticket == gone.Into {
		return err
	}
	doubt, err := s.setAside(ctx, k, gone)
	if err != nil {
		return err
	}
	if err := s.Store.MoveTickets(ctx, s.Account, k.Ticket, gone.Into); err != nil {
		return err
	}
	k.Ticket, k.Position, k.URL = gone.Into, "", ""
	if !doubt {
		return nil
	}
	m := &normalize.Message{ConversationID: k.Conversation, Direction: normalize.Outbound}
	return s.write(ctx, k, &entry{Entry: helpdesk.Entry{
		Tag: "g" + k.Conversation.String() + "-" + gone.Into, Kind: helpdesk.Remark, Author: ourName, Message: m, Heading: ourName, At: s.Now(),
		Text: fmt.Sprintf("This ticket is now that of %s, too. Answers that were written on it before %s were not sent to them.", s.name(ctx, k), at(s.Now())),
	}})
}

// finish reads what had not been read of a ticket when it was merged, where its
// product still tells: that was said to its own customer.
func (s *step) finish(ctx context.Context, k *Ticket) error {
	if s.finishing { // a remark on what is read now found the ticket gone
		return nil
	}
	s.finishing = true
	defer func() { s.finishing = false }()
	from := k.Ticket
	for range maxReads {
		r, err := s.Helpdesk.Read(ctx, from, k.Position)
		if _, ok := errors.AsType[*helpdesk.Gone](err); ok {
			return nil
		} else if err != nil {
			return err
		}
		for i := range r.Entries {
			if err := s.take(ctx, k, &r.Entries[i]); err != nil {
				return err
			}
		}
		if k.Ticket != from || !r.More {
			return nil
		}
		k.Position = r.Position
	}
	return nil
}

// setAside looks through a ticket that one of ours was merged into. Where it
// was none of ours, what stands there already was written to somebody else, and
// must not reach our customer. doubt tells that some of it may have been for
// them.
func (s *step) setAside(ctx context.Context, k *Ticket, gone *helpdesk.Gone) (doubt bool, err error) {
	shared, err := s.Store.TicketsNamed(ctx, s.Account, gone.Into)
	if err != nil || len(shared) > 0 {
		return false, err
	}
	until := gone.At
	if until.IsZero() {
		until = s.Now()
	}
	position := ""
	for range maxReads {
		r, err := s.Helpdesk.Read(ctx, gone.Into, position)
		if _, ok := errors.AsType[*helpdesk.Gone](err); ok {
			return false, nil // it went on: so do we
		} else if err != nil {
			return false, err
		}
		for _, e := range r.Entries {
			if e.Ours || e.At.After(until) {
				continue
			}
			if known, err := s.Store.Line(ctx, s.Account, e.ID); err != nil {
				return false, err
			} else if known != nil {
				continue
			}
			l := Line{Entry: e.ID, Conversation: k.Conversation, Outcome: Ignored, Reason: before, At: s.Now()}
			if err := s.record(ctx, nil, l); err != nil {
				return false, err
			}
			doubt = doubt || gone.At.IsZero() && e.Public && until.Sub(e.At) < doubtful
		}
		if !r.More {
			break
		}
		position = r.Position
	}
	return doubt, nil
}

// name is what the customer of a ticket's conversation is called.
func (s *step) name(ctx context.Context, k *Ticket) string {
	c, err := s.Store.Conversation(ctx, k.Conversation)
	switch {
	case err != nil:
		return "a customer" // who has been erased, or is not to be had just now
	case c.Customer != nil && c.Customer.Name != "":
		return c.Customer.Name
	}
	return c.Address.Value
}

// leave takes note of an entry that a merge brought, and does not send it: it
// was written to somebody else. Agents hear of it where it is so fresh that it
// may have been an answer on this very ticket.
func (s *step) leave(ctx context.Context, k *Ticket, e *helpdesk.Written, l Line) error {
	l.Outcome, l.Reason = Ignored, before
	if e.Public && s.Now().Sub(e.At) < doubtful {
		m := &normalize.Message{ConversationID: k.Conversation, Direction: normalize.Outbound}
		err := s.write(ctx, k, &entry{Entry: helpdesk.Entry{
			Tag: "v" + e.ID, Kind: helpdesk.Remark, Author: ourName, Message: m, Heading: ourName, At: s.Now(), Reopen: true,
			Text: fmt.Sprintf("Another ticket was merged into this one. The answer of %s may have been written there and was not sent; write it again where it is for this customer.", at(e.At)),
		}})
		if err != nil {
			return err
		}
	}
	return s.record(ctx, nil, l)
}
