package ticket

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"html"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const (
	maxReads = 1000 // of one ticket in a row
	maxFiles = 50   // of one answer
)

// read takes in what agents did on the ticket of a conversation.
func (s *step) read(ctx context.Context, conversation normalize.ID) error {
	k, err := s.Store.TicketOf(ctx, s.Account, conversation)
	if err != nil || k == nil {
		return err
	}
	for range maxReads {
		r, err := s.Helpdesk.Read(ctx, k.Ticket, k.Position)
		if gone, ok := errors.AsType[*helpdesk.Gone](err); ok {
			if gone.Into == "" || gone.Into == k.Ticket {
				s.detail = "the ticket was deleted"
				return nil
			}
			if err := s.move(ctx, k, gone); err != nil {
				return err
			}
			continue
		} else if err != nil {
			return err
		}
		for i := range r.Entries {
			if err := s.take(ctx, k, &r.Entries[i]); err != nil {
				return err
			}
		}
		k.Position = r.Position
		if r.More {
			if err := s.record(ctx, k); err != nil {
				return err
			}
			continue
		}
		return s.follow(ctx, k, r.State)
	}
	return connectors.Errorf(connectors.Rejected, "", "the ticket has no end: %d readings", maxReads)
}

// take makes of an entry what it is: our own echo, an answer, a note. It is
// done once, however often the entry is read.
func (s *step) take(ctx context.Context, k *Ticket, e *helpdesk.Written) error {
	if known, err := s.Store.Line(ctx, s.Account, e.ID); err != nil || known != nil {
		return err
	}
	l := Line{Entry: e.ID, Conversation: k.Conversation, At: s.Now()}
	if e.Ours {
		l.Outcome, l.Tag = Ours, e.Tag
		return s.record(ctx, nil, l)
	}
	if strings.TrimSpace(e.Text) == "" && strings.TrimSpace(e.HTML) == "" && len(e.Files) == 0 {
		l.Outcome, l.Reason = Ignored, "empty"
		return s.record(ctx, nil, l)
	}
	if e.Moved {
		return s.leave(ctx, k, e, l)
	}
	shared, err := s.Store.TicketsNamed(ctx, s.Account, k.Ticket)
	if err != nil {
		return err
	}
	if len(shared) > 0 {
		l.Conversation = shared[0].Conversation
	}
	m, err := s.reply(ctx, l.Conversation, e)
	if refused, ok := errors.AsType[*timeline.Refused](err); ok {
		return s.refuse(ctx, k, e, l, refused)
	} else if err != nil {
		return err
	}
	l.Message, l.Outcome = m.ID, Sent
	if !e.Public {
		l.Outcome = Noted
	}
	return s.record(ctx, nil, l)
}

// reply commits what an agent wrote. The entry's id is the key of the answer,
// so that a crash before it is noted leads to no second one.
func (s *step) reply(ctx context.Context, conversation normalize.ID, e *helpdesk.Written) (*normalize.Message, error) {
	key := "ticket/" + s.Account + "/" + e.ID
	a := timeline.Answer{
		Conversation: conversation, Text: e.Text, HTML: e.HTML, Note: !e.Public, IdempotencyKey: key, Hash: sha256.Sum256([]byte(key)),
	}
	if e.Author != (normalize.Author{}) {
		a.Author = &e.Author
	}
	if len(e.Files) > maxFiles {
		return nil, timeline.Refuse("too_large", "an answer has at most %d files", maxFiles)
	}
	for _, f := range e.Files {
		m, err := s.fetch(ctx, f)
		if err != nil {
			return nil, err
		}
		a.Attachments = append(a.Attachments, m.ID)
		to := "cid:" + m.ID.String()
		a.HTML = strings.NewReplacer("cid:"+html.EscapeString(f.Ref)+`"`, to+`"`, "cid:"+f.Ref+`"`, to+`"`).Replace(a.HTML)
	}
	m, _, err := s.Desk.Reply(ctx, a)
	switch {
	case errors.Is(err, timeline.ErrNotFound), errors.Is(err, timeline.ErrErased):
		return nil, timeline.Refuse("not_found", "this customer has been erased")
	case errors.Is(err, timeline.ErrConflict):
		return nil, connectors.Errorf(connectors.Rejected, "", "the answer contradicts an earlier one of the same id: %w", err)
	}
	return m, err
}

// fetch gets a file of an agent. One that will never come is a
// *timeline.Refused: an answer without its file is not the agent's.
func (s *step) fetch(ctx context.Context, f helpdesk.File) (m normalize.Media, err error) {
	r, err := s.Helpdesk.File(ctx, f)
	if err == nil {
		defer r.Close()
		return s.Files.Upload(ctx, f.Name, f.ContentType, r)
	}
	if e := transient(err); e.Class == connectors.Rejected || e.Class == connectors.Unsupported {
		return m, timeline.Refuse("not_found", "its file %q cannot be fetched: %s", f.Name, e.Detail)
	}
	return m, err
}

// refuse tells the agents that an answer of theirs cannot be delivered.
func (s *step) refuse(ctx context.Context, k *Ticket, e *helpdesk.Written, l Line, why *timeline.Refused) error {
	l.Outcome, l.Reason = Refused, why.Reason
	if e.Public {
		m := &normalize.Message{ConversationID: l.Conversation, Direction: normalize.Outbound}
		words := fmt.Sprintf("The answer of %s was not sent to the customer: %s.", at(e.At), strings.TrimRight(why.Detail, "."))
		err := s.write(ctx, k, &entry{Entry: helpdesk.Entry{
			Tag: "r" + e.ID, Kind: helpdesk.Remark, Author: ourName, Message: m, Heading: ourName, Text: words, Reopen: true, At: s.Now(),
		}})
		if err != nil {
			return err
		}
	}
	return s.record(ctx, nil, l)
}

// follow brings the conversations of a ticket to the state that agents gave it,
// and notes how far it was read. One in which the customer wrote what was not
// on the ticket when it was closed stays open: it is about to be written there.
func (s *step) follow(ctx context.Context, k *Ticket, now normalize.ConversationState) error {
	shared, err := s.Store.TicketsNamed(ctx, s.Account, k.Ticket)
	if err != nil {
		return err
	}
	for _, o := range shared {
		if o.Conversation == k.Conversation {
			o.Position = k.Position
		} else if o.State == now {
			continue
		}
		if o.State != now && now != "" && !s.reopened {
			if err := s.setConversation(ctx, o, now); err != nil {
				return err
			}
			o.State = now
		}
		if err := s.record(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (s *step) setConversation(ctx context.Context, k *Ticket, to normalize.ConversationState) error {
	if to == normalize.Closed {
		last, err := s.Store.LastInbound(ctx, k.Conversation)
		if err != nil {
			return err
		}
		if last != nil && last.ID > k.Seen {
			return nil
		}
	}
	_, err := s.Store.SetConversation(ctx, k.Conversation, to, s.Now())
	if errors.Is(err, timeline.ErrNotFound) {
		return nil
	}
	return err
}
