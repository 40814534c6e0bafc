package freshdesk

import (
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The states of a ticket.
const (
	Open     = 2
	Pending  = 3
	Resolved = 4
	Closed   = 5
)

// The sources of a conversation.
const (
	sourceReply = 0
	sourceNote  = 2
)

// Person is a contact or an agent.
type Person struct {
	ID               int64
	Name, Email      string
	Phone            string
	UniqueExternalID string
	Agent            bool
}

// Ticket is one ticket with its conversations, as a test looks at it.
type Ticket struct {
	ID                   int64
	Subject, Description string // the description is HTML
	Status, Source       int
	Tags                 []string
	Requester            Person
	Deleted              bool
	Attachments          []Attachment
	Conversations        []Conversation
	Created, Updated     time.Time

	requester int64
	born      time.Time // to the full precision, for the index
}

// Conversation is a reply or a note.
type Conversation struct {
	ID, TicketID      int64
	Body              string // HTML
	Private, Incoming bool
	Source            int // 0 a reply, 2 a note
	UserID            int64
	Attachments       []Attachment
	Created           time.Time

	pictures []Attachment // within the body, which are not named among the files
}

// Attachment is a file.
type Attachment struct {
	ID                int64
	Name, ContentType string
	Content           []byte
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

var tags = regexp.MustCompile(`<[^>]*>`)

// plain is HTML without its tags, as the product gives it beside the HTML.
func plain(body string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(body, " "))), " ")
}

func (s *Server) findTicket(id int64) *Ticket {
	for _, t := range s.tickets {
		if t.ID == id {
			return t
		}
	}
	return nil
}

func (s *Server) person(match func(*Person) bool) *Person {
	if i := slices.IndexFunc(s.people, match); i >= 0 {
		return s.people[i]
	}
	return nil
}

func (s *Server) personByID(id int64) *Person {
	return s.person(func(p *Person) bool { return p.ID == id })
}

func (s *Server) conversationsOf(ticket int64) []*Conversation {
	var list []*Conversation
	for _, c := range s.conversations {
		if c.TicketID == ticket {
			list = append(list, c)
		}
	}
	return list
}

// renderTicket is a ticket as lists have it; whole ones have their description
// and files too.
func (s *Server) renderTicket(t *Ticket, whole bool) map[string]any {
	m := map[string]any{
		"id": t.ID, "subject": t.Subject, "status": t.Status, "source": t.Source, "priority": 1, "tags": t.Tags, "requester_id": t.requester,
		"responder_id": nil, "spam": false, "custom_fields": map[string]any{}, "created_at": stamp(t.Created), "updated_at": stamp(t.Updated),
	}
	if t.Deleted {
		m["deleted"] = true
	}
	if whole {
		m["description"], m["description_text"], m["attachments"] = t.Description, plain(t.Description), s.renderFiles(t.Attachments)
	}
	return m
}

func (s *Server) renderConversation(c *Conversation) map[string]any {
	return map[string]any{
		"id": c.ID, "ticket_id": c.TicketID, "body": c.Body, "body_text": plain(c.Body), "private": c.Private, "incoming": c.Incoming, "source": c.Source,
		"user_id": c.UserID, "support_email": nil, "attachments": s.renderFiles(c.Attachments), "created_at": stamp(c.Created), "updated_at": stamp(c.Created),
	}
}

func (s *Server) renderFiles(list []Attachment) []map[string]any {
	files := []map[string]any{}
	for _, f := range list {
		files = append(files, map[string]any{
			"id": f.ID, "name": f.Name, "content_type": f.ContentType, "size": len(f.Content), "attachment_url": s.link(f.ID),
		})
	}
	return files
}

// inlinePath is where pictures within words are.
const inlinePath = "/inline/attachment"

// link is an address under which anybody may fetch a file for some minutes.
func (s *Server) link(id int64) string {
	return s.URL() + "/data/" + strconv.FormatInt(id, 10) + "?X-Amz-Signature=" + s.token + "&X-Amz-Date=" + strconv.FormatInt(time.Now().Unix(), 10)
}

// picture is an image within words, under a link that holds a token.
func (s *Server) picture(id int64) string {
	return `<img class="inline-image" src="` + s.URL() + "/inline/attachment?token=" + s.token + "&amp;id=" + strconv.FormatInt(id, 10) + `">`
}

// download gives a file to whoever has a fresh link, and to nobody who brings
// another credential along.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made, _ := strconv.ParseInt(r.FormValue("X-Amz-Date"), 10, 64)
	id, _ := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/data/"), 10, 64)
	switch {
	case r.URL.Path == inlinePath && r.FormValue("token") == s.token:
		id, _ = strconv.ParseInt(r.FormValue("id"), 10, 64)
	case r.Header.Get("Authorization") != "":
		http.Error(w, "Only one auth mechanism allowed", http.StatusBadRequest)
		return
	case r.FormValue("X-Amz-Signature") != s.token || time.Since(time.Unix(made, 0)) > 5*time.Minute:
		http.Error(w, "Request has expired", http.StatusForbidden)
		return
	}
	give := func(list []Attachment) bool {
		for _, f := range list {
			if f.ID == id {
				w.Header().Set("Content-Type", f.ContentType)
				_, _ = w.Write(f.Content)
				return true
			}
		}
		return false
	}
	for _, t := range s.tickets {
		if give(t.Attachments) {
			return
		}
	}
	for _, c := range s.conversations {
		if give(c.Attachments) || give(c.pictures) {
			return
		}
	}
	http.NotFound(w, r)
}

func reply(w http.ResponseWriter, status int, a any) {
	b, err := json.Marshal(a)
	if err != nil {
		panic("simulated Freshdesk: " + err.Error()) // a mistake in this package
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// invalid refuses one field.
func invalid(w http.ResponseWriter, f *fieldError) {
	reply(w, 400, map[string]any{
		"description": "Validation failed", "errors": []any{map[string]any{"field": f.field, "message": f.message, "code": f.code}},
	})
}

type fieldError struct{ field, code, message string }
