package zammad

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// User is a customer or an agent.
type User struct {
	ID                  int64
	Login, Email        string
	Firstname, Lastname string
	Phone, Note         string
	Agent               bool
}

// Name is the user's full name.
func (u *User) Name() string { return strings.TrimSpace(u.Firstname + " " + u.Lastname) }

// Ticket is one ticket with its articles, as a test looks at it.
type Ticket struct {
	ID            int64
	Number        string
	Title, Group  string
	State         string // its name: new, open, pending reminder, closed, merged ...
	Tags          []string
	Preferences   map[string]any
	Customer      User
	Articles      []Article
	Created, Time time.Time // Time is that of the latest change

	customer int64
}

// Article is one entry of a ticket.
type Article struct {
	ID, TicketID         int64
	From, Subject, Body  string
	ContentType          string
	Type                 string // note, web, phone or email
	Sender               string // Customer, Agent or System
	Internal             bool
	MessageID, InReplyTo string
	Preferences          map[string]any
	Attachments          []Attachment
	OriginBy, CreatedBy  int64
	Created              time.Time
}

// Attachment is a file of an article.
type Attachment struct {
	ID                int64
	Name, ContentType string
	Content           []byte
}

// link joins the parent ticket to a child.
type link struct{ parent, child int64 }

// states are those of a fresh installation, and one that administrators added.
var states = []struct {
	id         int
	name, kind string
}{
	{1, "new", "new"},
	{2, "open", "open"},
	{3, "pending reminder", "pending reminder"},
	{4, "closed", "closed"},
	{5, "merged", "merged"},
	{6, "pending close", "pending action"},
	{7, "given up", "closed"},
}

// stateID returns 0 for a state that does not exist.
func stateID(name string) int {
	for _, st := range states {
		if st.name == name {
			return st.id
		}
	}
	return 0
}

// kindOf returns what kind of state a state is.
func kindOf(name string) string {
	for _, st := range states {
		if st.name == name {
			return st.kind
		}
	}
	return ""
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (s *Server) findTicket(id int64) *Ticket {
	for _, t := range s.tickets {
		if t.ID == id {
			return t
		}
	}
	return nil
}

func (s *Server) findUser(match func(*User) bool) *User {
	if i := slices.IndexFunc(s.users, match); i >= 0 {
		return s.users[i]
	}
	return nil
}

func (s *Server) userByID(id int64) *User {
	return s.findUser(func(u *User) bool { return u.ID == id })
}

func (s *Server) articlesOf(ticket int64) []*Article {
	var list []*Article
	for _, a := range s.articles {
		if a.TicketID == ticket {
			list = append(list, a)
		}
	}
	return list
}

// renderUser is a user as the API and the webhook give it.
func renderUser(u *User) map[string]any {
	role := "Customer"
	if u.Agent {
		role = "Agent"
	}
	return map[string]any{
		"id": u.ID, "login": u.Login, "email": u.Email, "firstname": u.Firstname, "lastname": u.Lastname, "phone": u.Phone, "note": u.Note,
		"active": true, "roles": []string{role},
	}
}

// renderTicket is a ticket as the API gives it; with expand there are names
// beside ids.
func (s *Server) renderTicket(t *Ticket, expand bool) map[string]any {
	articles := s.articlesOf(t.ID)
	m := map[string]any{
		"id": t.ID, "number": t.Number, "title": t.Title, "group_id": slices.Index(s.o.Groups, t.Group) + 1, "state_id": stateID(t.State), "priority_id": 2,
		"customer_id": t.customer, "owner_id": 1, "article_count": len(articles), "preferences": maps.Clone(t.Preferences),
		"created_at": stamp(t.Created), "updated_at": stamp(t.Time), "created_by_id": apiUser, "updated_by_id": apiUser,
	}
	ids := make([]int64, len(articles))
	for i, a := range articles {
		ids[i] = a.ID
	}
	m["article_ids"] = ids
	if expand {
		m["group"], m["state"], m["priority"], m["customer"] = t.Group, t.State, "2 normal", s.userByID(t.customer).Login
	}
	return m
}

func (s *Server) renderArticle(a *Article) map[string]any {
	files := []map[string]any{}
	for _, f := range a.Attachments {
		files = append(files, map[string]any{
			"id": f.ID, "filename": f.Name, "size": sizeOf(f.Content), "preferences": map[string]any{"Mime-Type": f.ContentType, "Content-Type": f.ContentType},
		})
	}
	m := map[string]any{
		"id": a.ID, "ticket_id": a.TicketID, "from": a.From, "subject": a.Subject, "body": a.Body, "content_type": a.ContentType,
		"type": a.Type, "sender": a.Sender, "internal": a.Internal, "message_id": a.MessageID, "in_reply_to": a.InReplyTo,
		"preferences": maps.Clone(a.Preferences), "attachments": files, "origin_by_id": nil, "created_by_id": a.CreatedBy,
		"created_by": s.userByID(a.CreatedBy).Login, "created_at": stamp(a.Created), "updated_at": stamp(a.Created),
	}
	if a.OriginBy != 0 {
		m["origin_by_id"], m["origin_by"] = a.OriginBy, s.userByID(a.OriginBy).Login
	}
	return m
}

// copyOf is a ticket with all that hangs on it, for others to keep.
func (s *Server) copyOf(t *Ticket) Ticket {
	c := *t
	c.Tags, c.Preferences, c.Customer = slices.Clone(t.Tags), maps.Clone(t.Preferences), *s.userByID(t.customer)
	for _, a := range s.articlesOf(t.ID) {
		c.Articles = append(c.Articles, *a)
	}
	return c
}
