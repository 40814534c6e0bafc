package zendesk

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// The statuses of a ticket that matter here.
const (
	statusOpen    = "open"
	statusSolved  = "solved"
	statusClosed  = "closed"
	statusDeleted = "deleted"
)

// Agent is somebody who works in Zendesk.
type Agent struct{ Name, Email string }

// agent returns the user of an agent; the lock is held.
func (s *Server) agent(a Agent) *User {
	for _, u := range s.users {
		if u.Role == roleAgent && u.Name == a.Name && u.Email == a.Email {
			return u
		}
	}
	return s.newUser(User{Name: a.Name, Email: a.Email, Role: roleAgent})
}

// Answer lets an agent write a public comment and returns its id, 0 where there
// is no such ticket.
func (s *Server) Answer(ticket int64, from Agent, text string, files ...File) int64 {
	return s.write(ticket, from, Comment{Public: true, Body: text, Files: files})
}

// AnswerHTML is Answer with rich text, in which {name} is the address of the
// file of that name, which is shown within the text.
func (s *Server) AnswerHTML(ticket int64, from Agent, rich string, files ...File) int64 {
	return s.write(ticket, from, Comment{Public: true, HTML: rich, Files: files})
}

// Note lets an agent write an internal note and returns its id.
func (s *Server) Note(ticket int64, from Agent, text string, files ...File) int64 {
	return s.write(ticket, from, Comment{Body: text, Files: files})
}

func (s *Server) write(ticket int64, from Agent, c Comment) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.ticket(ticket)
	if t == nil {
		return 0
	}
	by := s.agent(from)
	c.Author, c.Files = by.ID, slices.Clone(c.Files)
	for i, f := range c.Files {
		f.ID = s.id()
		place := "{" + f.Name + "}"
		f.Inline = strings.Contains(c.HTML, place)
		c.HTML = strings.ReplaceAll(c.HTML, place, s.contentURL(f))
		c.Files[i] = f
		s.files[f.ID] = f
	}
	return s.update(t, change{by: by.ID, comment: &c}).commentID(t)
}

// Begin lets an agent make a ticket for somebody who is no customer of ours and
// has no address, with an answer to them, and returns its id.
func (s *Server) Begin(by Agent, subject, answer string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.newUser(User{Name: "Somebody else", Role: roleCustomer})
	t := &Ticket{ID: s.id(), Requester: u.ID, Subject: subject, Status: "new", CustomFields: map[int64]any{}}
	s.tickets = append(s.tickets, t)
	s.update(t, change{by: u.ID, comment: &Comment{Author: u.ID, Public: true, Body: subject}})
	agent := s.agent(by).ID
	s.update(t, change{by: agent, comment: &Comment{Author: agent, Public: true, Body: answer}})
	return t.ID
}

// SetStatus lets an agent open or solve a ticket; closed stands for the
// automation that closes tickets some days after they were solved.
func (s *Server) SetStatus(ticket int64, by Agent, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.ticket(ticket); t != nil {
		s.update(t, change{by: s.agent(by).ID, status: status})
	}
}

// Solve lets an agent solve a ticket.
func (s *Server) Solve(ticket int64, by Agent) { s.SetStatus(ticket, by, statusSolved) }

// Reopen lets an agent open a solved ticket.
func (s *Server) Reopen(ticket int64, by Agent) { s.SetStatus(ticket, by, statusOpen) }

// CloseForGood plays the automation that closes solved tickets.
func (s *Server) CloseForGood(ticket int64) {
	s.SetStatus(ticket, Agent{Name: "Automation"}, statusClosed)
}

// Merge lets an agent merge a ticket into another, which both tell of by a
// comment that the requester may see: the default of Zendesk's form.
func (s *Server) Merge(from, into int64, by Agent) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, b := s.ticket(from), s.ticket(into)
	if a == nil || b == nil || a == b || a.Status == statusClosed || b.Status == statusClosed {
		return false
	}
	agent := s.agent(by).ID
	via := func(key string, other any) map[string]any {
		return map[string]any{"channel": "web", "source": map[string]any{"from": map[string]any{key: other}, "to": map[string]any{}, "rel": "merge"}}
	}
	a.Tags = append(a.Tags, "closed_by_merge")
	s.update(a, change{by: agent, status: statusClosed, via: via("ticket_id", into), comment: &Comment{
		Author: agent, Public: true, Body: fmt.Sprintf("This request was closed and merged into request #%d %q.", into, b.Subject),
	}})
	s.update(b, change{by: agent, via: via("ticket_ids", []int64{from}), comment: &Comment{
		Author: agent, Public: true, Body: fmt.Sprintf("Request #%d %q was closed and merged into this request.", from, a.Subject),
	}})
	return true
}

// Delete lets an agent delete a ticket: it is gone but for exports.
func (s *Server) Delete(ticket int64, by Agent) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.ticket(ticket)
	if t == nil {
		return false
	}
	s.update(t, change{by: s.agent(by).ID, status: statusDeleted})
	return true
}

// change is one update of a ticket.
type change struct {
	by       int64
	status   string
	assignee int64
	comment  *Comment
	custom   map[string]any // metadata
	via      map[string]any
}

// update changes a ticket, writes the audit and tells the webhook; the lock is
// held.
func (s *Server) update(t *Ticket, c change) *audit {
	now := time.Now()
	a := &audit{id: s.id(), author: c.by, at: now, custom: c.custom, via: c.via, comment: -1}
	if a.via == nil {
		a.via = map[string]any{"channel": "api", "source": map[string]any{"from": map[string]any{}, "to": map[string]any{}, "rel": nil}}
	}
	if c.comment != nil {
		m := *c.comment
		m.ID, m.At = s.id(), now
		if m.HTML == "" {
			m.HTML = "<p>" + strings.ReplaceAll(html.EscapeString(m.Body), "\n", "<br>") + "</p>"
		} else if m.Body == "" {
			m.Body = plain(m.HTML)
		}
		m.HTML = `<div class="zd-comment" dir="auto">` + m.HTML + "</div>"
		a.comment = len(t.Comments)
		t.Comments = append(t.Comments, m)
		if u := s.user(t.Requester); m.Public && u != nil && u.Email != "" {
			s.mailed++
			a.events = append(a.events, map[string]any{"id": s.id(), "type": "Notification", "recipients": []int64{u.ID}})
		}
		s.tell("comment_added", t, c.by)
	}
	if c.assignee != 0 {
		t.Assignee = c.assignee
	}
	if c.status != "" && c.status != t.Status {
		a.events = append(a.events, map[string]any{"id": s.id(), "type": "Change", "field_name": "status", "value": c.status, "previous_value": t.Status})
		t.Status = c.status
		if event := "status_changed"; c.status == statusDeleted {
			s.tell("soft_deleted", t, c.by)
		} else {
			s.tell(event, t, c.by)
		}
	}
	s.sequence++
	t.Updated, t.sequence = now, s.sequence
	t.audits = append(t.audits, a)
	return a
}

// commentID is the id of the comment that came with an update.
func (a *audit) commentID(t *Ticket) int64 {
	if a.comment < 0 {
		return 0
	}
	return t.Comments[a.comment].ID
}

// plain is a rough text of HTML.
func plain(rich string) string {
	var b strings.Builder
	for i, piece := range strings.Split(rich, "<") {
		if i > 0 {
			_, piece, _ = strings.Cut(piece, ">")
		}
		b.WriteString(piece)
	}
	return html.UnescapeString(b.String())
}
