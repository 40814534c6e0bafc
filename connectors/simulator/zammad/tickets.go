package zammad

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRequest is the largest request that is read, in bytes.
const maxRequest = 96 << 20

func reply(w http.ResponseWriter, status int, a any) {
	b, err := json.Marshal(a)
	if err != nil {
		panic("simulated Zammad: " + err.Error()) // a mistake in this package
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

func fail(w http.ResponseWriter, status int, why string) {
	reply(w, status, map[string]any{"error": why, "error_human": why})
}

// pathID is the number in a path; 0 where it is none.
func pathID(r *http.Request, name string) int64 {
	n, _ := strconv.ParseInt(r.PathValue(name), 10, 64)
	return n
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(into)
	if err != nil {
		fail(w, 400, "There was a problem in the JSON you submitted: "+err.Error())
	}
	return err == nil
}

// ticketParams are the attributes that a request may set.
type ticketParams struct {
	Title       string          `json:"title"`
	Group       string          `json:"group"`
	State       string          `json:"state"`
	StateID     int             `json:"state_id"`
	Tags        string          `json:"tags"`
	Customer    json.RawMessage `json:"customer"` // a user's attributes, or a login or an e-mail address
	CustomerID  int64           `json:"customer_id"`
	Preferences map[string]any  `json:"preferences"`
	Article     *articleParams  `json:"article"`
}

func (p *ticketParams) state() (name string, ok bool) {
	if p.StateID != 0 {
		for _, st := range states {
			if st.id == p.StateID {
				return st.name, true
			}
		}
		return "", false
	}
	return p.State, p.State == "" || stateID(p.State) != 0
}

func (s *Server) listStates(w http.ResponseWriter, _ *http.Request) {
	list := []map[string]any{}
	for _, st := range states {
		list = append(list, map[string]any{"id": st.id, "name": st.name, "state_type": st.kind, "active": true})
	}
	reply(w, 200, list)
}

func (s *Server) showMe(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply(w, 200, renderUser(s.userByID(apiUser)))
}

func (s *Server) createTicket(w http.ResponseWriter, r *http.Request) {
	var p ticketParams
	if !read(w, r, &p) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	state, ok := p.state()
	switch {
	case !ok:
		fail(w, 422, "No lookup value found for 'state': \""+p.State+"\"")
		return
	case !s.knows(p.Group):
		fail(w, 422, "No lookup value found for 'group': \""+p.Group+"\"")
		return
	case p.Article == nil:
		fail(w, 422, "article hash is missing")
		return
	}
	a, why := p.Article.article()
	if why != "" {
		fail(w, 422, why)
		return
	}
	customer, why := s.customerOf(&p)
	if why != "" {
		fail(w, 422, why)
		return
	}
	s.ticket++
	now := s.now()
	t := &Ticket{
		ID: s.ticket, Number: strconv.FormatInt(20000+s.ticket, 10), Title: cmp.Or(p.Title, "-"), Group: p.Group, State: cmp.Or(state, "new"),
		Preferences: map[string]any{}, Created: now, Time: now, customer: customer,
	}
	maps.Copy(t.Preferences, p.Preferences)
	for tag := range strings.SplitSeq(p.Tags, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			t.Tags = append(t.Tags, tag)
		}
	}
	s.tickets = append(s.tickets, t)
	s.add(t, a)
	reply(w, 201, s.renderTicket(t, expand(r)))
}

// customerOf finds the customer of a new ticket, or makes it; the lock is held.
func (s *Server) customerOf(p *ticketParams) (id int64, why string) {
	if p.CustomerID != 0 {
		if s.userByID(p.CustomerID) == nil {
			return 0, "Invalid value for param 'customer_id': " + strconv.FormatInt(p.CustomerID, 10)
		}
		return p.CustomerID, ""
	}
	var name string
	if json.Unmarshal(p.Customer, &name) == nil && name != "" {
		u := s.findUser(func(u *User) bool { return u.Login == strings.ToLower(name) || u.Email == strings.ToLower(name) })
		if u == nil {
			return 0, "No lookup value found for 'customer': \"" + name + "\""
		}
		return u.ID, ""
	}
	var c userParams
	if len(p.Customer) == 0 || json.Unmarshal(p.Customer, &c) != nil {
		return 0, "Missing required value for field 'customer_id'!"
	}
	c.Login, c.Email = strings.ToLower(c.Login), strings.ToLower(c.Email)
	u := s.findUser(func(u *User) bool { return c.ID != 0 && u.ID == c.ID })
	if u == nil && c.Email != "" {
		u = s.findUser(func(u *User) bool { return u.Email == c.Email })
	}
	if u == nil && c.Login != "" {
		u = s.findUser(func(u *User) bool { return u.Login == c.Login })
	}
	if u == nil {
		return s.addUser(c)
	}
	return u.ID, ""
}

// userParams are the attributes of a user that a request may set.
type userParams struct {
	ID        int64   `json:"id"`
	Login     string  `json:"login"`
	Email     string  `json:"email"`
	Firstname *string `json:"firstname"`
	Lastname  *string `json:"lastname"`
	Phone     string  `json:"phone"`
	Note      string  `json:"note"`
}

func (p userParams) apply(u *User) {
	if p.Firstname != nil {
		u.Firstname = *p.Firstname
	}
	if p.Lastname != nil {
		u.Lastname = *p.Lastname
	}
	if u.Lastname == "" { // a whole name
		if last, first, ok := strings.Cut(u.Firstname, ", "); ok {
			u.Firstname, u.Lastname = first, last
		} else {
			u.Firstname, u.Lastname, _ = strings.Cut(u.Firstname, " ")
		}
	}
	u.Phone, u.Note = cmp.Or(p.Phone, u.Phone), cmp.Or(p.Note, u.Note)
}

func (s *Server) addUser(p userParams) (id int64, why string) {
	u := &User{ID: s.nextID(), Login: cmp.Or(p.Login, p.Email), Email: p.Email}
	p.apply(u)
	if u.Login == "" && u.Name() == "" && u.Phone == "" {
		return 0, "At least one identifier (firstname, lastname, phone, mobile or email) for user is required."
	}
	if u.Login == "" {
		u.Login = "auto-" + strconv.FormatInt(u.ID, 10)
	}
	for s.findUser(func(o *User) bool { return o.Login == u.Login }) != nil {
		u.Login += strconv.Itoa(rand.IntN(999))
	}
	s.users = append(s.users, u)
	return u.ID, ""
}

func (s *Server) updateUser(w http.ResponseWriter, r *http.Request) {
	var p userParams
	if !read(w, r, &p) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.userByID(pathID(r, "id"))
	switch {
	case u == nil:
		fail(w, 404, "Couldn't find User with 'id'="+r.PathValue("id"))
	case u.Agent:
		fail(w, 403, "Not authorized")
	default:
		p.apply(u)
		reply(w, 200, renderUser(u))
	}
}

func (s *Server) showTicket(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.findTicket(pathID(r, "id")); t != nil {
		reply(w, 200, s.renderTicket(t, expand(r)))
		return
	}
	fail(w, 404, "Couldn't find Ticket with 'id'="+r.PathValue("id"))
}

func (s *Server) updateTicket(w http.ResponseWriter, r *http.Request) {
	var p ticketParams
	if !read(w, r, &p) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.findTicket(pathID(r, "id"))
	state, ok := p.state()
	switch {
	case t == nil:
		fail(w, 404, "Couldn't find Ticket with 'id'="+r.PathValue("id"))
		return
	case !ok:
		fail(w, 422, "No lookup value found for 'state': \""+p.State+"\"")
		return
	case s.noFollowUp(t):
		fail(w, 422, "Cannot follow-up on a closed ticket. Please create a new ticket.")
		return
	}
	var a *Article
	if p.Article != nil {
		var why string
		if a, why = p.Article.article(); why != "" {
			fail(w, 422, why)
			return
		}
	}
	t.State, t.Title = cmp.Or(state, t.State), cmp.Or(p.Title, t.Title)
	maps.Copy(t.Preferences, p.Preferences)
	s.add(t, a)
	reply(w, 200, s.renderTicket(t, expand(r)))
}

// noFollowUp says whether a ticket's group refuses what is done to a closed
// one; the lock is held.
func (s *Server) noFollowUp(t *Ticket) bool {
	return slices.Contains(s.o.Strict, t.Group) && slices.Contains([]string{"closed", "merged"}, kindOf(t.State))
}

func (s *Server) mergeTickets(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	into := slices.IndexFunc(s.tickets, func(t *Ticket) bool { return t.Number == r.PathValue("number") })
	from := s.findTicket(pathID(r, "source"))
	switch {
	case into < 0:
		reply(w, 200, map[string]any{"result": "failed", "message": "The target ticket number could not be found."})
	case from == nil:
		reply(w, 200, map[string]any{"result": "failed", "message": "The source ticket could not be found."})
	case s.tickets[into].State == "merged":
		fail(w, 422, "It is not possible to merge into an already merged ticket.")
	case s.tickets[into] == from:
		fail(w, 422, "A ticket cannot be merged into itself.")
	default:
		s.merge(from, s.tickets[into], apiUser)
		reply(w, 200, map[string]any{
			"result": "success", "target_ticket": s.renderTicket(s.tickets[into], false), "source_ticket": s.renderTicket(from, false),
		})
	}
}

// merge moves the articles and leaves one on the source that says so; the lock
// is held.
func (s *Server) merge(from, into *Ticket, by int64) {
	for _, a := range s.articlesOf(from.ID) {
		a.TicketID = into.ID
	}
	from.State = "merged"
	s.links = append(s.links, link{into.ID, from.ID})
	s.add(from, &Article{Body: "merged", ContentType: "text/plain", Type: "note", Sender: "Agent", CreatedBy: by, Preferences: map[string]any{}})
	s.add(into, nil)
}

// listLinks names the ticket that one was merged into as its parent.
func (s *Server) listLinks(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.URL.Query().Get("link_object_value"), 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	list, assets := []map[string]any{}, map[string]any{}
	add := func(kind string, other int64) {
		list = append(list, map[string]any{"link_type": kind, "link_object": "Ticket", "link_object_value": other})
		if t := s.findTicket(other); t != nil {
			assets[strconv.FormatInt(other, 10)] = s.renderTicket(t, false)
		}
	}
	for _, l := range s.links {
		if l.child == id {
			add("parent", l.parent)
		}
		if l.parent == id {
			add("child", l.child)
		}
	}
	reply(w, 200, map[string]any{"links": list, "assets": map[string]any{"Ticket": assets}})
}

func expand(r *http.Request) bool { return r.URL.Query().Get("expand") == "true" }

func parseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}
