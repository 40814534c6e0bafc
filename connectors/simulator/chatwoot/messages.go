package chatwoot

import (
	"cmp"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// apiUser is whom our token belongs to.
var apiUser = Agent{Name: "Deskbridge", Email: "deskbridge@desk.example"}

// Limits of one message.
const (
	maxContent     = 150_000 // characters
	maxAttachments = 15
	maxFile        = 40 << 20 // bytes
)

func (s *Server) listMessages(w http.ResponseWriter, r *http.Request) {
	c := s.found(w, r)
	if c == nil {
		return
	}
	list := slices.Clone(c.Messages)
	after, before := query(r, "after"), query(r, "before")
	switch has := r.URL.Query().Has; {
	case has("after") && before > 0:
		list = slices.DeleteFunc(list, func(m Message) bool { return m.ID < after || m.ID >= before })
		list = list[:min(1000, len(list))]
	case has("after"):
		list = slices.DeleteFunc(list, func(m Message) bool { return m.ID <= after })
		list = list[:min(100, len(list))]
	default:
		if before > 0 {
			list = slices.DeleteFunc(list, func(m Message) bool { return m.ID >= before })
		}
		list = list[max(0, len(list)-20):]
	}
	payload := []any{}
	for i := range list {
		payload = append(payload, s.messageView(c, &list[i]))
	}
	reply(w, map[string]any{"meta": map[string]any{"labels": []any{}}, "payload": payload})
}

func (s *Server) createMessage(w http.ResponseWriter, r *http.Request) {
	c := s.found(w, r)
	if c == nil {
		return
	}
	m, ok := parse(w, r)
	if !ok {
		return
	}
	switch {
	case m.Type != "incoming" && m.Type != "outgoing":
		invalid(w, "'%s' is not a valid message_type", m.Type)
		return
	case utf8.RuneCountInString(m.Content) > maxContent:
		invalid(w, "Validation failed: Content is too long (maximum is %d characters)", maxContent)
		return
	case len(m.Files) > maxAttachments:
		invalid(w, "Validation failed: Attachments exceeded maximum allowed")
		return
	case slices.ContainsFunc(m.Files, func(f File) bool { return len(f.Content) > maxFile }):
		invalid(w, "Validation failed: Attachments file size is too big")
		return
	}
	if m.Type == "outgoing" {
		m.Agent = apiUser
	}
	reply(w, s.messageView(c, s.add(c, *m)))
}

// messageFields are those of a message in JSON.
type messageFields struct {
	Content           string
	Type              string `json:"message_type"`
	Private           bool
	ContentAttributes map[string]any `json:"content_attributes"`
	SourceID          string         `json:"source_id"`
}

func (f *messageFields) message() *Message {
	return &Message{
		Type: cmp.Or(f.Type, "outgoing"), Content: f.Content, Private: f.Private, ContentAttributes: f.ContentAttributes, SourceID: f.SourceID,
	}
}

// parse reads a message in JSON, or in a form with files.
func parse(w http.ResponseWriter, r *http.Request) (*Message, bool) {
	m := &Message{Type: "outgoing"}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		var f messageFields
		if !read(w, r, &f) {
			return nil, false
		}
		return f.message(), true
	}
	// More than all attachments together: what is too large is refused below.
	r.Body = http.MaxBytesReader(w, r.Body, maxAttachments*maxFile+1<<20)
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		fail(w, http.StatusBadRequest, map[string]any{"error": "Invalid request"})
		return nil, false
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }()
	if t := r.FormValue("message_type"); t != "" {
		m.Type = t
	}
	m.Content, m.SourceID, m.Private = r.FormValue("content"), r.FormValue("source_id"), r.FormValue("private") == "true"
	if a := r.FormValue("content_attributes"); a != "" && json.Unmarshal([]byte(a), &m.ContentAttributes) != nil {
		m.ContentAttributes = nil // Chatwoot drops what it cannot read
	}
	for _, header := range r.MultipartForm.File["attachments[]"] {
		f, err := header.Open()
		if err != nil {
			invalid(w, "Attachments cannot be read")
			return nil, false
		}
		content, err := io.ReadAll(f)
		_ = f.Close()
		if err != nil {
			invalid(w, "Attachments cannot be read")
			return nil, false
		}
		m.Files = append(m.Files, File{Name: header.Filename, ContentType: header.Header.Get("Content-Type"), Content: content})
	}
	return m, true
}

// updateMessage sets a message's status, which only inboxes of the API channel
// allow. Chatwoot does not take a failed or read one back to sent.
func (s *Server) updateMessage(w http.ResponseWriter, r *http.Request) {
	c := s.found(w, r)
	if c == nil {
		return
	}
	m := c.message(number(r, "mid"))
	var f struct {
		Status        string
		ExternalError string `json:"external_error"`
	}
	switch {
	case m == nil:
		missing(w)
		return
	case !read(w, r, &f):
		return
	case !slices.Contains([]string{"sent", "delivered", "read", "failed"}, f.Status):
		invalid(w, "'%s' is not a valid status", f.Status)
		return
	}
	if m.Status != "read" || f.Status != "delivered" {
		m.Status, m.ExternalError = f.Status, ""
		if f.Status == "failed" {
			m.ExternalError = strings.TrimSpace(f.ExternalError)
		}
		s.tell("message_updated", s.messageHook(c, m))
	}
	reply(w, s.messageView(c, m))
}

func (s *Server) deleteMessage(w http.ResponseWriter, r *http.Request) {
	c := s.found(w, r)
	if c == nil {
		return
	}
	m := c.message(number(r, "mid"))
	if m == nil {
		missing(w)
		return
	}
	s.blank(c, m)
	reply(w, s.messageView(c, m))
}
