package freshdesk

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Agent is who acts in the product; the zero value is an agent named Bob.
type Agent struct{ Name, Email string }

// Entry is what an agent writes.
type Entry struct {
	Agent Agent
	Body  string // HTML
	// Private notes are for colleagues.
	Private bool
	// Reply is an answer by the editor for replies, which mails the requester
	// if there is an address; else it is a note.
	Reply bool
	Files []Attachment
	// Pictures stand within the body, at its end.
	Pictures []Attachment
	// Status is set together with the entry; 0 leaves it.
	Status int
}

var errNoTicket = errors.New("simulated Freshdesk: no such ticket")

// Write lets an agent write a note or a reply and returns its id.
func (s *Server) Write(ticket int64, e Entry) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.findTicket(ticket)
	if t == nil {
		return 0, errNoTicket
	}
	c := &Conversation{Body: e.Body, Private: e.Private, Source: sourceNote, UserID: s.hire(e.Agent), Attachments: s.number(slices.Clone(e.Files))}
	c.pictures = s.number(slices.Clone(e.Pictures))
	for _, f := range c.pictures {
		c.Body += s.picture(f.ID)
	}
	if e.Reply {
		c.Source = sourceReply
	}
	t.Status = cmp.Or(e.Status, t.Status)
	s.add(t, c)
	return c.ID, nil
}

// SetStatus lets an agent close or reopen a ticket.
func (s *Server) SetStatus(ticket int64, status int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.findTicket(ticket)
	if t == nil {
		return errNoTicket
	}
	t.Status = status
	s.touch(t)
	return nil
}

// Merge lets an agent merge a ticket into another one.
func (s *Server) Merge(from, into int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, i := s.findTicket(from), s.findTicket(into)
	if f == nil || i == nil {
		return errNoTicket
	}
	s.merge(f, i, s.hire(Agent{}))
	return nil
}

// Delete puts a ticket into the trash, or takes it out again.
func (s *Server) Delete(ticket int64, deleted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.findTicket(ticket); t != nil {
		t.Deleted = deleted
		s.touch(t)
	}
}

// Purge removes a ticket for good.
func (s *Server) Purge(ticket int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets = slices.DeleteFunc(s.tickets, func(t *Ticket) bool { return t.ID == ticket })
}

// Tickets returns all tickets with their conversations, oldest first.
func (s *Server) Tickets() []Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Ticket, len(s.tickets))
	for i, t := range s.tickets {
		list[i] = s.copyOf(t)
	}
	return list
}

// Ticket returns one ticket with its conversations.
func (s *Server) Ticket(id int64) (Ticket, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.findTicket(id); t != nil {
		return s.copyOf(t), true
	}
	return Ticket{}, false
}

func (s *Server) copyOf(t *Ticket) Ticket {
	c := *t
	c.Tags, c.Requester = slices.Clone(t.Tags), *s.personByID(t.requester)
	for _, e := range s.conversationsOf(t.ID) {
		c.Conversations = append(c.Conversations, *e)
	}
	return c
}

// Name returns who a user id is.
func (s *Server) Name(id int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.personByID(id); p != nil {
		return p.Name
	}
	return ""
}

// Refused returns how many requests had no valid key.
func (s *Server) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// Mailed returns how many mails Freshdesk sent to contacts by itself.
func (s *Server) Mailed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mailed
}

// HookCall returns the body and the header of a genuine call about a ticket.
func (s *Server) HookCall(ticket int64) (body []byte, header http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.findTicket(ticket)
	if t == nil {
		return nil, nil
	}
	return s.payload(t), s.o.header()
}

// hire finds an agent, or hires one; the lock is held.
func (s *Server) hire(a Agent) int64 {
	a.Name, a.Email = cmp.Or(a.Name, "Bob Builder"), cmp.Or(strings.ToLower(a.Email), "bob@example.com")
	p := s.person(func(p *Person) bool { return p.Agent && p.Email == a.Email })
	if p == nil {
		p = &Person{ID: s.nextID(), Name: a.Name, Email: a.Email, Agent: true}
		s.people = append(s.people, p)
	}
	return p.ID
}
