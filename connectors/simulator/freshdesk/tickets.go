package freshdesk

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func pathID(r *http.Request) int64 {
	n, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	return n
}

func (s *Server) showMe(w http.ResponseWriter, _ *http.Request) { s.agent(w, apiAgent) }

func (s *Server) showAgent(w http.ResponseWriter, r *http.Request) { s.agent(w, pathID(r)) }

func (s *Server) agent(w http.ResponseWriter, id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.personByID(id)
	if p == nil || !p.Agent {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	reply(w, 200, map[string]any{"id": p.ID, "available": true, "contact": map[string]any{"name": p.Name, "email": p.Email, "active": true}})
}

func (s *Server) showContact(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.personByID(pathID(r))
	if p == nil || p.Agent {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	reply(w, 200, map[string]any{"id": p.ID, "name": p.Name, "email": p.Email, "phone": p.Phone, "unique_external_id": p.UniqueExternalID})
}

func (s *Server) createTicket(w http.ResponseWriter, r *http.Request) {
	p, ok := s.read(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case p.Subject == "":
		invalid(w, &fieldError{"subject", "missing_field", "It should be a/an String"})
		return
	case p.Description == "":
		invalid(w, &fieldError{"description", "missing_field", "It should be a/an String"})
		return
	case !slices.Contains([]int{0, 1, 2, 3, 7, 9, 10}, p.Source):
		invalid(w, &fieldError{"source", "invalid_value", "It should be one of these values: '1,2,3,5,6,7,8,9,11,10'"})
		return
	case p.Status < Open || p.Status > Closed || p.Priority < 1 || p.Priority > 4:
		invalid(w, &fieldError{"status", "invalid_value", "It should be one of these values: '2,3,4,5'"})
		return
	case len(p.CustomFields) > 0:
		invalid(w, &fieldError{"custom_fields", "invalid_field", "Unexpected/invalid field in request"})
		return
	}
	requester, wrong := s.requester(p)
	if wrong != nil {
		invalid(w, wrong)
		return
	}
	s.ticket++
	t := &Ticket{
		ID: s.ticket, Subject: p.Subject, Description: p.Description, Status: p.Status, Source: cmp.Or(p.Source, 2), Tags: slices.Clone(p.Tags),
		Attachments: s.number(p.files), Created: now(), requester: requester.ID, born: time.Now(),
	}
	if t.Tags == nil {
		t.Tags = []string{}
	}
	s.tickets = append(s.tickets, t)
	if requester.Email != "" {
		s.mailed++ // that the ticket was received
	}
	s.touch(t)
	w.Header().Set("Location", s.URL()+"/api/v2/tickets/"+strconv.FormatInt(t.ID, 10))
	reply(w, 201, s.renderTicket(t, true))
}

// requester finds who asks, or makes a contact; the lock is held.
func (s *Server) requester(p *params) (*Person, *fieldError) {
	var who *Person
	switch {
	case p.RequesterID != 0:
		if who = s.personByID(p.RequesterID); who == nil {
			return nil, &fieldError{"requester_id", "invalid_value", "There is no contact matching the given requester_id"}
		}
		return who, nil
	case p.UniqueExternalID != "":
		who = s.person(func(o *Person) bool { return o.UniqueExternalID == p.UniqueExternalID })
	case p.Email != "":
		who = s.person(func(o *Person) bool { return o.Email == p.Email })
	case p.Phone != "":
		who = s.person(func(o *Person) bool { return o.Phone == p.Phone })
	default:
		return nil, &fieldError{"requester_id", "missing_field", "Please fill at least 1 of requester_id, phone, email, twitter_id, facebook_id, unique_external_id fields"}
	}
	if who == nil {
		if p.Name == "" && p.Email == "" {
			return nil, &fieldError{"name", "missing_field", "It should be a/an String"}
		}
		who = &Person{ID: s.nextID(), Name: cmp.Or(p.Name, p.Email), Email: p.Email, Phone: p.Phone, UniqueExternalID: p.UniqueExternalID}
		s.people = append(s.people, who)
	}
	return who, nil
}

// number gives files their ids; the lock is held.
func (s *Server) number(files []Attachment) []Attachment {
	for i := range files {
		files[i].ID = s.nextID()
	}
	return files
}

// touch notes that a ticket has changed and tells of it; the lock is held.
func (s *Server) touch(t *Ticket) {
	t.Updated = now()
	s.announce(t)
}

// usable finds the ticket of a request that would change it: one in the trash
// is not to be found; the lock is held.
func (s *Server) usable(w http.ResponseWriter, r *http.Request) *Ticket {
	t := s.findTicket(pathID(r))
	if t == nil || t.Deleted {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	return t
}

func (s *Server) showTicket(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.findTicket(pathID(r)); t != nil {
		reply(w, 200, s.renderTicket(t, true))
		return
	}
	w.WriteHeader(http.StatusNotFound)
}

func (s *Server) updateTicket(w http.ResponseWriter, r *http.Request) {
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
	if p.Status != 0 && (p.Status < Open || p.Status > Closed) {
		invalid(w, &fieldError{"status", "invalid_value", "It should be one of these values: '2,3,4,5'"})
		return
	}
	t.Status, t.Subject = cmp.Or(p.Status, t.Status), cmp.Or(p.Subject, t.Subject)
	if p.Tags != nil {
		t.Tags = p.Tags
	}
	s.touch(t)
	reply(w, 200, s.renderTicket(t, true))
}

func (s *Server) mergeTickets(w http.ResponseWriter, r *http.Request) {
	p, ok := s.read(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	into := s.findTicket(p.PrimaryID)
	if into == nil {
		invalid(w, &fieldError{"primary_id", "invalid_value", "There is no ticket matching the given primary_id"})
		return
	}
	for _, id := range p.TicketIDs {
		if from := s.findTicket(id); from != nil && from != into {
			s.merge(from, into, apiAgent)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// merge closes one ticket and leaves a note on both; the lock is held.
func (s *Server) merge(from, into *Ticket, by int64) {
	from.Status = Closed
	number := strconv.FormatInt(into.ID, 10)
	s.add(from, &Conversation{
		Body:    `<div>This ticket is closed and merged into ticket <a href="/a/tickets/` + number + `">` + number + `</a></div>`,
		Private: true, Source: sourceNote, UserID: by,
	})
	s.add(into, &Conversation{
		Body: `<div>Ticket with ID ` + strconv.FormatInt(from.ID, 10) + ` is merged into this ticket</div>`, Private: true, Source: sourceNote, UserID: by,
	})
}

func page(q url.Values, usual int) (offset, limit int) {
	limit = usual
	if n, err := strconv.Atoi(q.Get("per_page")); err == nil && n > 0 {
		limit = min(n, 100)
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 1 {
		offset = (n - 1) * limit
	}
	return offset, limit
}

func cut[T any](list []T, offset, limit int) []T {
	offset = min(offset, len(list))
	return list[offset:min(offset+limit, len(list))]
}

func (s *Server) listTickets(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	since, err := time.Parse(time.RFC3339, cmp.Or(q.Get("updated_since"), stamp(time.Now().AddDate(0, 0, -30))))
	if err != nil {
		invalid(w, &fieldError{"updated_since", "invalid_date", "It should be in the 'combined date and time ISO8601' format"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*Ticket
	for _, t := range s.tickets {
		if !t.Deleted && !t.Updated.Before(since) {
			found = append(found, t)
		}
	}
	slices.SortStableFunc(found, func(a, b *Ticket) int {
		order := a.Created.Compare(b.Created)
		if q.Get("order_by") == "updated_at" {
			order = a.Updated.Compare(b.Updated)
		}
		order = cmp.Or(order, cmp.Compare(a.ID, b.ID))
		if cmp.Or(q.Get("order_type"), "desc") == "desc" {
			return -order
		}
		return order
	})
	offset, limit := page(q, 30)
	list := []map[string]any{}
	for _, t := range cut(found, offset, limit) {
		list = append(list, s.renderTicket(t, false))
	}
	reply(w, 200, list)
}

var byTag = regexp.MustCompile(`^"tag:'([^']+)'"$`)

// search finds tickets by a tag, those that the index knows already.
func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	m := byTag.FindStringSubmatch(r.URL.Query().Get("query"))
	if m == nil {
		reply(w, 400, map[string]any{"description": "Validation failed", "errors": []any{map[string]any{"field": "query", "message": "It should be valid"}}})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []map[string]any{}
	for _, t := range s.tickets {
		if !t.Deleted && time.Since(t.born) >= s.o.IndexLag && slices.ContainsFunc(t.Tags, func(tag string) bool { return strings.EqualFold(tag, m[1]) }) {
			list = append(list, s.renderTicket(t, false))
		}
	}
	reply(w, 200, map[string]any{"total": len(list), "results": cut(list, 0, 30)})
}
