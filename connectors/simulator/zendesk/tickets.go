package zendesk

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	maxComment = 65_535        // bytes
	keyTime    = 2 * time.Hour // how long an idempotency key is remembered
	maxKey     = 255           // bytes
)

// kept is the answer to a request with an idempotency key.
type kept struct {
	at     time.Time
	hash   [32]byte
	status int
	body   []byte
}

// ticketFields are those of a request; nil are left as they are.
type ticketFields struct {
	Subject, Status string
	ExternalID      *string `json:"external_id"`
	RequesterID     int64   `json:"requester_id"`
	AssigneeID      int64   `json:"assignee_id"`
	Tags            []string
	CustomFields    []struct {
		ID    int64
		Value any
	} `json:"custom_fields"`
	Metadata map[string]any
	Comment  *struct {
		Body     string
		HTMLBody string `json:"html_body"`
		Public   *bool
		AuthorID int64 `json:"author_id"`
		Uploads  []string
	}
}

// createTicket makes one, or gives the answer of the first request with the
// same idempotency key again.
func (s *Server) createTicket(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
	key := r.Header.Get("Idempotency-Key")
	if err != nil || len(key) > maxKey {
		reply(w, http.StatusBadRequest, map[string]any{"error": "BadRequest"})
		return
	}
	hash := sha256.Sum256(body)
	if k := s.keys[key]; key != "" && k != nil && time.Since(k.at) < keyTime {
		if k.hash != hash {
			reply(w, http.StatusBadRequest, map[string]any{"error": "IdempotentRequestError", "description": "The request parameters do not match those of the first request"})
			return
		}
		w.Header().Set("X-Idempotency-Lookup", "hit")
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(k.status)
		_, _ = w.Write(k.body)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	a := httptest.NewRecorder()
	s.create(a, r)
	if key != "" {
		w.Header().Set("X-Idempotency-Lookup", "miss")
		if a.Code == http.StatusCreated {
			s.keys[key] = &kept{time.Now(), hash, a.Code, a.Body.Bytes()}
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.Code)
	_, _ = w.Write(a.Body.Bytes())
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	var f struct{ Ticket ticketFields }
	if !read(w, r, &f) {
		return
	}
	switch {
	case f.Ticket.Comment == nil || f.Ticket.Comment.Body == "" && f.Ticket.Comment.HTMLBody == "":
		invalid(w, "base", "Description: cannot be blank")
		return
	case f.Ticket.RequesterID != 0 && s.user(f.Ticket.RequesterID) == nil:
		invalid(w, "requester", "Requester: is not a user")
		return
	}
	t := &Ticket{ID: s.id(), Requester: f.Ticket.RequesterID, Subject: f.Ticket.Subject, Status: "new", CustomFields: map[int64]any{}}
	if t.Requester == 0 {
		t.Requester = s.me.ID
	}
	if f.Ticket.Comment.AuthorID == 0 {
		f.Ticket.Comment.AuthorID = t.Requester
	}
	a := s.put(w, t, &f.Ticket)
	if a == nil {
		return
	}
	s.tickets = append(s.tickets, t)
	reply(w, http.StatusCreated, map[string]any{"ticket": s.ticketView(t), "audit": s.auditView(t, a)})
}

func (s *Server) updateTicket(w http.ResponseWriter, r *http.Request) {
	t := s.ticket(number(r))
	var f struct{ Ticket ticketFields }
	switch {
	case t == nil:
		missing(w)
		return
	case !read(w, r, &f):
		return
	case t.Status == statusClosed:
		invalid(w, "status", "Status: closed prevents ticket update")
		return
	}
	if a := s.put(w, t, &f.Ticket); a != nil {
		reply(w, http.StatusOK, map[string]any{"ticket": s.ticketView(t), "audit": s.auditView(t, a)})
	}
}

// placeholder is what Zendesk fills in, in what agents write; here with
// nothing.
var placeholder = regexp.MustCompile(`\{\{[^}]*\}\}|\{%[^%]*%\}`)

// put writes the fields into a ticket, or answers why they are refused.
func (s *Server) put(w http.ResponseWriter, t *Ticket, f *ticketFields) *audit {
	c := change{by: s.me.ID, status: f.Status, assignee: f.AssigneeID, custom: f.Metadata}
	if m := f.Comment; m != nil {
		author := m.AuthorID
		if author == 0 {
			author = s.me.ID
		}
		c.comment = &Comment{Author: author, Public: m.Public == nil || *m.Public, Body: m.Body, HTML: m.HTMLBody}
		if u := s.user(author); u != nil && u.Role != roleCustomer {
			c.comment.Body, c.comment.HTML = placeholder.ReplaceAllString(m.Body, ""), placeholder.ReplaceAllString(m.HTMLBody, "")
		}
		switch {
		case s.user(author) == nil:
			invalid(w, "base", "Author: is not a user")
			return nil
		case len(m.Body) > maxComment || len(m.HTMLBody) > maxComment:
			invalid(w, "comment", "Comment: is too long (maximum is %d characters)", maxComment)
			return nil
		case m.Body == "" && m.HTMLBody == "" && len(m.Uploads) == 0:
			invalid(w, "comment", "Comment: cannot be blank")
			return nil
		}
		for _, token := range m.Uploads {
			files, ok := s.uploads[token]
			if !ok {
				invalid(w, "base", "Attachment token: is invalid")
				return nil
			}
			for i := range files {
				files[i].Inline = strings.Contains(m.HTMLBody, s.contentURL(files[i]))
			}
			c.comment.Files = append(c.comment.Files, files...)
			delete(s.uploads, token)
		}
	}
	if f.Status == statusSolved && t.Assignee == 0 && f.AssigneeID == 0 {
		invalid(w, "base", "Assignee: is required when solving a ticket")
		return nil
	}
	if f.ExternalID != nil {
		t.ExternalID = *f.ExternalID
	}
	if f.Tags != nil {
		t.Tags = slices.Clone(f.Tags)
	}
	if f.Subject != "" {
		t.Subject = f.Subject
	}
	for _, field := range f.CustomFields {
		t.CustomFields[field.ID] = field.Value
	}
	return s.update(t, c)
}

func (s *Server) showTicket(w http.ResponseWriter, r *http.Request) {
	if t := s.ticket(number(r)); t != nil {
		reply(w, http.StatusOK, map[string]any{"ticket": s.ticketView(t)})
		return
	}
	missing(w)
}

func (s *Server) deleteTicket(w http.ResponseWriter, r *http.Request) {
	t := s.ticket(number(r))
	if t == nil {
		missing(w)
		return
	}
	s.update(t, change{by: s.me.ID, status: statusDeleted})
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) listTickets(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	list := []any{}
	for _, t := range s.tickets {
		if t.Status != statusDeleted && (!q.Has("external_id") || t.ExternalID == q.Get("external_id")) {
			list = append(list, s.ticketView(t))
		}
	}
	reply(w, http.StatusOK, map[string]any{"tickets": list, "count": len(list), "next_page": nil})
}

func (s *Server) ticketView(t *Ticket) map[string]any {
	fields := []any{}
	for id, value := range t.CustomFields {
		fields = append(fields, map[string]any{"id": id, "value": value})
	}
	v := map[string]any{
		"id": t.ID, "subject": t.Subject, "external_id": t.ExternalID, "status": t.Status, "requester_id": t.Requester, "assignee_id": nil, "submitter_id": s.me.ID,
		"tags": append([]string{}, t.Tags...), "custom_fields": fields, "updated_at": t.Updated.UTC().Format(time.RFC3339), "generated_timestamp": t.Updated.Unix(),
		"is_public": true,
	}
	if t.Assignee != 0 {
		v["assignee_id"] = t.Assignee
	}
	return v
}

// auditView is an update with its comment as an event.
func (s *Server) auditView(t *Ticket, a *audit) map[string]any {
	events := []any{}
	if a.comment >= 0 {
		v := s.commentView(t, a)
		delete(v, "created_at")
		delete(v, "metadata")
		events = append(events, v)
	}
	for _, e := range a.events {
		events = append(events, e)
	}
	custom := a.custom
	if custom == nil {
		custom = map[string]any{}
	}
	return map[string]any{
		"id": a.id, "ticket_id": t.ID, "author_id": a.author, "created_at": a.at.UTC().Format(time.RFC3339), "via": a.via, "events": events,
		"metadata": map[string]any{"custom": custom, "system": json.RawMessage("{}")},
	}
}

func (s *Server) commentView(t *Ticket, a *audit) map[string]any {
	c := t.Comments[a.comment]
	files := []any{}
	for _, f := range c.Files {
		files = append(files, s.fileView(f))
	}
	return map[string]any{
		"id": c.ID, "type": "Comment", "author_id": c.Author, "public": c.Public, "body": c.Body, "plain_body": c.Body, "html_body": c.HTML,
		"attachments": files, "audit_id": a.id, "via": a.via, "created_at": c.At.UTC().Format(time.RFC3339), "metadata": map[string]any{"system": map[string]any{}},
	}
}
