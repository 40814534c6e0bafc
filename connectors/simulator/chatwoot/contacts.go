package chatwoot

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// contactPage is how many contacts a page of a search has.
const contactPage = 15

// contactFields are those of a request; nil are left as they are.
type contactFields struct {
	Name, Email, Identifier *string
	Phone                   *string        `json:"phone_number"`
	CustomAttributes        map[string]any `json:"custom_attributes"`
	InboxID                 int64          `json:"inbox_id"`
	SourceID                string         `json:"source_id"`
}

// put writes the fields into a contact, and says what is taken by another.
func (s *Server) put(c *Contact, f contactFields) (taken string) {
	next := *c
	for _, x := range []struct {
		to   *string
		from *string
	}{{&next.Name, f.Name}, {&next.Email, f.Email}, {&next.Identifier, f.Identifier}, {&next.Phone, f.Phone}} {
		if x.from != nil {
			*x.to = *x.from
		}
	}
	same := func(a, b string) bool { return a != "" && strings.EqualFold(a, b) }
	for _, other := range s.contacts {
		switch {
		case other == c:
		case same(other.Identifier, next.Identifier):
			return "Identifier"
		case same(other.Email, next.Email):
			return "Email"
		case same(other.Phone, next.Phone):
			return "Phone number"
		}
	}
	if next.Phone != "" && !strings.HasPrefix(next.Phone, "+") {
		return "Phone number should be in e164 format"
	}
	next.CustomAttributes = maps.Clone(c.CustomAttributes)
	if next.CustomAttributes == nil {
		next.CustomAttributes = map[string]any{}
	}
	maps.Copy(next.CustomAttributes, f.CustomAttributes)
	*c = next
	return ""
}

func refuse(w http.ResponseWriter, taken string) {
	message := taken
	if !strings.Contains(taken, "should") {
		message += " has already been taken"
	}
	fail(w, http.StatusUnprocessableEntity, map[string]any{
		"message": message, "attributes": []string{strings.ToLower(strings.ReplaceAll(taken, " ", "_"))},
	})
}

func (s *Server) createContact(w http.ResponseWriter, r *http.Request) {
	var f contactFields
	if !read(w, r, &f) {
		return
	}
	c := &Contact{}
	if taken := s.put(c, f); taken != "" {
		refuse(w, taken)
		return
	}
	c.ID = s.id()
	var source any
	if f.InboxID == s.opts.Inbox {
		if f.SourceID == "" {
			f.SourceID = "generated-" + strconv.FormatInt(s.id(), 10)
		}
		if s.owner(f.SourceID) != nil {
			invalid(w, "source_id should be unique")
			return
		}
		c.Sources = []string{f.SourceID}
		source = map[string]any{"source_id": f.SourceID, "inbox": map[string]any{"id": s.opts.Inbox}}
	}
	s.contacts = append(s.contacts, c)
	reply(w, map[string]any{"payload": map[string]any{"contact": s.contactView(c), "contact_inbox": source}})
}

// owner is the contact with a source, nil where none has it.
func (s *Server) owner(source string) *Contact {
	if i := slices.IndexFunc(s.contacts, func(c *Contact) bool { return slices.Contains(c.Sources, source) }); i >= 0 {
		return s.contacts[i]
	}
	return nil
}

func (s *Server) showContact(w http.ResponseWriter, r *http.Request) {
	if c := s.contact(number(r, "id")); c != nil {
		reply(w, map[string]any{"payload": s.contactView(c)})
		return
	}
	missing(w)
}

func (s *Server) updateContact(w http.ResponseWriter, r *http.Request) {
	c := s.contact(number(r, "id"))
	if c == nil {
		missing(w)
		return
	}
	var f contactFields
	if !read(w, r, &f) {
		return
	}
	if taken := s.put(c, f); taken != "" {
		refuse(w, taken)
		return
	}
	reply(w, map[string]any{"payload": s.contactView(c)})
}

func (s *Server) deleteContact(w http.ResponseWriter, r *http.Request) {
	if s.contact(number(r, "id")) == nil {
		missing(w)
		return
	}
	s.removeContact(number(r, "id"))
	w.WriteHeader(http.StatusOK)
}

func (s *Server) searchContacts(w http.ResponseWriter, r *http.Request) {
	q := strings.ToLower(strings.TrimSpace(r.URL.Query().Get("q")))
	if q == "" {
		invalid(w, "Specify search string with parameter q")
		return
	}
	var found []any
	for _, c := range s.contacts {
		if strings.Contains(strings.ToLower(c.Name+"\n"+c.Email+"\n"+c.Phone), q) || strings.Contains(strings.ToLower(c.Identifier), q) {
			found = append(found, s.contactView(c))
		}
	}
	page := max(query(r, "page"), 1)
	from := min(int(page-1)*contactPage, len(found))
	reply(w, map[string]any{
		"meta": map[string]any{"count": len(found), "current_page": page}, "payload": append([]any{}, found[from:min(from+contactPage, len(found))]...),
	})
}

func (s *Server) createContactInbox(w http.ResponseWriter, r *http.Request) {
	c := s.contact(number(r, "id"))
	var f contactFields
	switch {
	case c == nil:
		missing(w)
		return
	case !read(w, r, &f):
		return
	case f.InboxID != s.opts.Inbox:
		missing(w)
		return
	}
	if f.SourceID == "" {
		f.SourceID = "generated-" + strconv.FormatInt(s.id(), 10)
	}
	if owner := s.owner(f.SourceID); owner != nil && owner != c {
		invalid(w, "source_id should be unique")
		return
	} else if owner == nil {
		c.Sources = append(c.Sources, f.SourceID)
	}
	reply(w, map[string]any{"source_id": f.SourceID, "inbox": map[string]any{"id": s.opts.Inbox, "channel_type": "Channel::Api"}})
}

func (s *Server) contactConversations(w http.ResponseWriter, r *http.Request) {
	id := number(r, "id")
	if s.contact(id) == nil {
		missing(w)
		return
	}
	list := []any{}
	for _, c := range slices.Backward(s.conversations) {
		if c.ContactID == id && len(list) < 20 {
			list = append(list, s.conversationView(c))
		}
	}
	reply(w, map[string]any{"payload": list})
}
