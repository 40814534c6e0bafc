package freshdesk

import (
	"net/http"
	"slices"
	"strconv"
)

// add puts an entry onto a ticket and tells of it; the lock is held.
func (s *Server) add(t *Ticket, c *Conversation) {
	c.ID, c.TicketID, c.Created = s.nextID(), t.ID, now()
	s.conversations = append(s.conversations, c)
	if !c.Private && !c.Incoming && s.personByID(t.requester).Email != "" {
		s.mailed++
	}
	s.touch(t)
}

// tooMuch refuses files beyond what a ticket may have in all; the lock is held.
func (s *Server) tooMuch(w http.ResponseWriter, t *Ticket, files []Attachment) bool {
	sum := 0
	for _, c := range s.conversationsOf(t.ID) {
		for _, f := range c.Attachments {
			sum += len(f.Content)
		}
	}
	for _, f := range slices.Concat(t.Attachments, files) {
		sum += len(f.Content)
	}
	if sum > maxFiles && len(files) > 0 {
		invalid(w, &fieldError{"attachments", "invalid_size", "Invalid attachment size " + strconv.Itoa(sum>>20) + " MB. Should be within 20 MB"})
		return true
	}
	return false
}

func (s *Server) createNote(w http.ResponseWriter, r *http.Request) {
	p, ok := s.read(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.usable(w, r)
	if t == nil || s.tooMuch(w, t, p.files) {
		return
	}
	c := &Conversation{Body: p.Body, Private: p.Private == nil || *p.Private, Incoming: p.Incoming, Source: sourceNote, UserID: apiAgent, Attachments: s.number(p.files)}
	if p.UserID != 0 {
		if s.personByID(p.UserID) == nil {
			invalid(w, &fieldError{"user_id", "invalid_value", "There is no contact matching the given user_id"})
			return
		}
		c.UserID = p.UserID
	}
	if c.Body == "" {
		invalid(w, &fieldError{"body", "missing_field", "It should be a/an String"})
		return
	}
	s.add(t, c)
	reply(w, 201, s.renderConversation(c))
}

// createReply mails the requester, who has to have an address for it.
func (s *Server) createReply(w http.ResponseWriter, r *http.Request) {
	p, ok := s.read(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.usable(w, r)
	if t == nil {
		return
	}
	if s.personByID(t.requester).Email == "" {
		invalid(w, &fieldError{"to_emails", "invalid_value", "The requester has no e-mail address"})
		return
	}
	c := &Conversation{Body: p.Body, Source: sourceReply, UserID: apiAgent, Attachments: s.number(p.files)}
	s.add(t, c)
	reply(w, 201, s.renderConversation(c))
}

func (s *Server) listConversations(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.findTicket(pathID(r))
	if t == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	offset, limit := page(r.URL.Query(), 30)
	all := s.conversationsOf(t.ID)
	list := []map[string]any{}
	for _, c := range cut(all, offset, limit) {
		list = append(list, s.renderConversation(c))
	}
	if offset+limit < len(all) {
		next := r.URL.Query()
		next.Set("page", strconv.Itoa(offset/limit+2))
		w.Header().Set("Link", "<"+s.URL()+r.URL.Path+"?"+next.Encode()+`>; rel="next"`)
	}
	reply(w, 200, list)
}
