package zammad

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Agent is who acts in the product; the zero value is an agent named Bob.
type Agent struct{ Name, Email string }

// Entry is what an agent writes.
type Entry struct {
	Agent Agent
	// Body is HTML, as the product's own editor writes it; plain text with
	// Plain.
	Body  string
	Plain bool
	// Type is note where empty.
	Type     string
	Internal bool
	Files    []Attachment
	// State is set together with the article; empty leaves it.
	State string
}

var errNoTicket = errors.New("simulated Zammad: no such ticket")

// Write lets an agent write an article and returns its id.
func (s *Server) Write(ticket int64, e Entry) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.findTicket(ticket)
	if t == nil {
		return 0, errNoTicket
	}
	a := &Article{
		Body: e.Body, ContentType: "text/html", Type: cmp.Or(e.Type, "note"), Sender: "Agent", Internal: e.Internal, CreatedBy: s.agent(e.Agent),
		Attachments: slices.Clone(e.Files), Preferences: map[string]any{},
	}
	if e.Plain {
		a.ContentType = "text/plain"
	}
	t.State = cmp.Or(e.State, t.State)
	s.add(t, a)
	return a.ID, nil
}

// Begin lets an agent make a ticket of a customer who is none of ours, with an
// answer to them, and returns its id.
func (s *Server) Begin(title string, e Entry) int64 {
	s.mu.Lock()
	s.ticket++
	s.id++
	now := s.now()
	u := &User{ID: s.id, Login: "stranger-" + strconv.FormatInt(s.id, 10), Firstname: "Somebody", Lastname: "Else"}
	s.users = append(s.users, u)
	t := &Ticket{
		ID: s.ticket, Number: strconv.FormatInt(20000+s.ticket, 10), Title: title, Group: s.o.Groups[0], State: "open", Preferences: map[string]any{},
		Created: now, Time: now, customer: u.ID,
	}
	s.tickets = append(s.tickets, t)
	s.mu.Unlock()
	if _, err := s.Write(t.ID, e); err != nil {
		panic(err) // it was made just now
	}
	return t.ID
}

// SetState lets an agent close or reopen a ticket.
func (s *Server) SetState(ticket int64, state string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.findTicket(ticket)
	if t == nil {
		return errNoTicket
	}
	t.State = state
	s.add(t, nil)
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
	s.merge(f, i, s.agent(Agent{}))
	return nil
}

// Delete removes a ticket and its articles. Zammad's webhooks say nothing of
// it.
func (s *Server) Delete(ticket int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets = slices.DeleteFunc(s.tickets, func(t *Ticket) bool { return t.ID == ticket })
	s.articles = slices.DeleteFunc(s.articles, func(a *Article) bool { return a.TicketID == ticket })
}

// Tickets returns all tickets with their articles, oldest first.
func (s *Server) Tickets() []Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Ticket, len(s.tickets))
	for i, t := range s.tickets {
		list[i] = s.copyOf(t)
	}
	return list
}

// Ticket returns one ticket with its articles.
func (s *Server) Ticket(id int64) (Ticket, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.findTicket(id); t != nil {
		return s.copyOf(t), true
	}
	return Ticket{}, false
}

// Refused returns how many requests had no valid token.
func (s *Server) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// Mailed returns how many mails Zammad sent to customers by itself.
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
	c := s.call(t, nil)
	return c.body, c.header(s.o.HookSecret)
}

// agent finds an agent, or hires one; the lock is held.
func (s *Server) agent(a Agent) int64 {
	a.Name, a.Email = cmp.Or(a.Name, "Bob Builder"), cmp.Or(strings.ToLower(a.Email), "bob@example.com")
	u := s.findUser(func(u *User) bool { return u.Login == a.Email })
	if u == nil {
		first, last, _ := strings.Cut(a.Name, " ")
		u = &User{ID: s.nextID(), Login: a.Email, Email: a.Email, Firstname: first, Lastname: last, Agent: true}
		s.users = append(s.users, u)
	}
	return u.ID
}
