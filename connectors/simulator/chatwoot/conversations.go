package chatwoot

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// conversationPage is how many conversations a page of a list has.
const conversationPage = 25

var statuses = []string{Open, Resolved, "pending", "snoozed"}

func (s *Server) listConversations(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	status := cmp.Or(q.Get("status"), Open)
	if inbox := query(r, "inbox_id"); inbox != 0 && inbox != s.opts.Inbox {
		missing(w)
		return
	}
	words := strings.ToLower(q.Get("q"))
	var found []*Conversation
	for _, c := range s.conversations {
		if words == "" && (status == "all" || c.Status == status) || words != "" && c.says(words) {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b *Conversation) int { return b.LastActivity.Compare(a.LastActivity) })
	from := min(int(max(query(r, "page"), 1)-1)*conversationPage, len(found))
	list := []any{}
	for _, c := range found[from:min(from+conversationPage, len(found))] {
		list = append(list, s.conversationView(c))
	}
	reply(w, map[string]any{"data": map[string]any{
		"meta": map[string]any{"mine_count": 0, "unassigned_count": len(found), "assigned_count": 0, "all_count": len(found)}, "payload": list,
	}})
}

// says reports whether a message of people's holds words, in lower case. A
// search asks for no status.
func (c *Conversation) says(words string) bool {
	return slices.ContainsFunc(c.Messages, func(m Message) bool {
		return m.Type != "activity" && strings.Contains(strings.ToLower(m.Content), words)
	})
}

func (s *Server) createConversation(w http.ResponseWriter, r *http.Request) {
	var f struct {
		SourceID             string         `json:"source_id"`
		InboxID              int64          `json:"inbox_id"`
		ContactID            int64          `json:"contact_id"`
		Status               string         `json:"status"`
		CustomAttributes     map[string]any `json:"custom_attributes"`
		AdditionalAttributes map[string]any `json:"additional_attributes"`
		Message              *messageFields `json:"message"`
	}
	if !read(w, r, &f) {
		return
	}
	owner := s.owner(f.SourceID)
	contact := s.contact(f.ContactID)
	switch {
	case f.InboxID != s.opts.Inbox, f.ContactID != 0 && contact == nil, f.ContactID == 0 && owner == nil:
		missing(w)
		return
	case owner != nil && contact != nil && owner != contact:
		invalid(w, "source_id should be unique")
		return
	case f.Status != "" && !slices.Contains(statuses, f.Status):
		invalid(w, "'%s' is not a valid status", f.Status)
		return
	case owner == nil:
		contact.Sources = append(contact.Sources, f.SourceID)
		owner = contact
	}
	c := &Conversation{
		ID: s.id(), ContactID: owner.ID, SourceID: f.SourceID, Status: cmp.Or(f.Status, Open), LastActivity: time.Now(),
		CustomAttributes: f.CustomAttributes, AdditionalAttributes: f.AdditionalAttributes,
	}
	if c.CustomAttributes == nil {
		c.CustomAttributes = map[string]any{}
	}
	s.conversations = append(s.conversations, c)
	s.tell("conversation_created", s.conversationView(c))
	if f.Message != nil {
		m := f.Message.message()
		m.Agent = apiUser
		s.add(c, *m)
	}
	reply(w, s.conversationView(c))
}

// found returns the conversation of a request and answers where there is none.
func (s *Server) found(w http.ResponseWriter, r *http.Request) *Conversation {
	c := s.conversation(number(r, "id"))
	if c == nil {
		missing(w)
	}
	return c
}

func (s *Server) showConversation(w http.ResponseWriter, r *http.Request) {
	if c := s.found(w, r); c != nil {
		reply(w, s.conversationView(c))
	}
}

func (s *Server) setAttributes(w http.ResponseWriter, r *http.Request) {
	c := s.found(w, r)
	var f struct {
		CustomAttributes map[string]any `json:"custom_attributes"`
	}
	if c == nil || !read(w, r, &f) {
		return
	}
	maps.Copy(c.CustomAttributes, f.CustomAttributes)
	reply(w, map[string]any{"custom_attributes": c.CustomAttributes})
}

func (s *Server) toggleStatus(w http.ResponseWriter, r *http.Request) {
	c := s.found(w, r)
	var f struct{ Status string }
	if c == nil || !read(w, r, &f) {
		return
	}
	switch {
	case f.Status == "" && c.Status == Open:
		f.Status = Resolved
	case f.Status == "":
		f.Status = Open
	case !slices.Contains(statuses, f.Status):
		invalid(w, "'%s' is not a valid status", f.Status)
		return
	}
	s.status(c, f.Status, apiUser)
	reply(w, map[string]any{"meta": map[string]any{}, "payload": map[string]any{"success": true, "conversation_id": c.ID, "current_status": c.Status}})
}
