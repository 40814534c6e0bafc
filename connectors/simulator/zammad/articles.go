package zammad

import (
	"cmp"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxBody is the longest text of an article, in bytes.
const maxBody = 1_500_000

// articleParams are the attributes that a request may set.
type articleParams struct {
	TicketID    int64          `json:"ticket_id"`
	From        string         `json:"from"`
	Subject     string         `json:"subject"`
	Body        *string        `json:"body"`
	ContentType string         `json:"content_type"`
	Type        string         `json:"type"`
	Sender      string         `json:"sender"`
	Internal    bool           `json:"internal"`
	MessageID   string         `json:"message_id"`
	InReplyTo   string         `json:"in_reply_to"`
	OriginByID  int64          `json:"origin_by_id"`
	Preferences map[string]any `json:"preferences"`
	Attachments []struct {
		Filename *string `json:"filename"`
		Data     *string `json:"data"`
		MimeType *string `json:"mime-type"`
	} `json:"attachments"`
}

// article returns what a request asks for, or why not.
func (p *articleParams) article() (a *Article, why string) {
	a = &Article{
		From: p.From, Subject: p.Subject, ContentType: cmp.Or(p.ContentType, "text/plain"), Type: cmp.Or(p.Type, "note"), Sender: cmp.Or(p.Sender, "Agent"),
		Internal: p.Internal, MessageID: p.MessageID, InReplyTo: p.InReplyTo, OriginBy: p.OriginByID, CreatedBy: apiUser, Preferences: map[string]any{},
	}
	maps.Copy(a.Preferences, p.Preferences)
	switch {
	case p.Body == nil:
		return nil, `Need at least an 'article body' field.`
	case len(*p.Body) > maxBody:
		return nil, "body of article is too large, " + strconv.Itoa(len(*p.Body)) + " chars - only " + strconv.Itoa(maxBody) + " allowed"
	case !slices.Contains([]string{"note", "web", "phone", "email"}, a.Type):
		return nil, "No lookup value found for 'type': \"" + a.Type + "\""
	case !slices.Contains([]string{"Customer", "Agent", "System"}, a.Sender):
		return nil, "No lookup value found for 'sender': \"" + a.Sender + "\""
	}
	a.Body = *p.Body
	for i, f := range p.Attachments {
		missing := ""
		switch {
		case f.MimeType == nil:
			missing = "mime-type"
		case f.Filename == nil:
			missing = "filename"
		case f.Data == nil:
			missing = "data"
		}
		if missing != "" {
			return nil, "Attachment needs '" + missing + "' param for attachment with index '" + strconv.Itoa(i) + "'"
		}
		content, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\r", "", "\n", "").Replace(*f.Data))
		if err != nil {
			return nil, "Invalid base64 for attachment with index '" + strconv.Itoa(i) + "'"
		}
		a.Attachments = append(a.Attachments, Attachment{Name: *f.Filename, ContentType: *f.MimeType, Content: content})
	}
	return a, ""
}

// add puts an article, nil for none, onto a ticket that has changed, and tells
// of it; the lock is held.
func (s *Server) add(t *Ticket, a *Article) {
	t.Time = s.now()
	if a != nil {
		a.ID, a.TicketID, a.Created = s.nextID(), t.ID, t.Time
		if a.OriginBy == 0 && a.Sender == "Customer" && a.Type != "email" {
			a.OriginBy = t.customer
		}
		if a.From == "" {
			a.From = s.userByID(cmp.Or(a.OriginBy, a.CreatedBy)).Name()
		}
		for i := range a.Attachments {
			a.Attachments[i].ID = s.nextID()
		}
		s.articles = append(s.articles, a)
		s.mail(t, a)
	}
	s.announce(t, a)
}

// mail counts what Zammad sends by itself, as it is set up at first: articles
// that are mails, and the answers to what a customer wrote, if the customer
// has an address; the lock is held.
func (s *Server) mail(t *Ticket, a *Article) {
	if a.Type == "email" && a.Sender != "Customer" || a.Sender == "Customer" && s.userByID(t.customer).Email != "" {
		s.mailed++
	}
}

func (s *Server) createArticle(w http.ResponseWriter, r *http.Request) {
	var p articleParams
	if !read(w, r, &p) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.findTicket(p.TicketID)
	if t == nil {
		fail(w, 404, "Couldn't find Ticket with 'id'="+strconv.FormatInt(p.TicketID, 10))
		return
	}
	if s.noFollowUp(t) {
		fail(w, 422, "Cannot follow-up on a closed ticket. Please create a new ticket.")
		return
	}
	a, why := p.article()
	if why != "" {
		fail(w, 422, why)
		return
	}
	s.add(t, a)
	reply(w, 201, s.renderArticle(a))
}

func (s *Server) findArticle(id int64) *Article {
	for _, a := range s.articles {
		if a.ID == id {
			return a
		}
	}
	return nil
}

func (s *Server) showArticle(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.findArticle(pathID(r, "id")); a != nil {
		reply(w, 200, s.renderArticle(a))
		return
	}
	fail(w, 404, "Couldn't find Ticket::Article with 'id'="+r.PathValue("id"))
}

func (s *Server) listArticles(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.findTicket(pathID(r, "id"))
	if t == nil {
		fail(w, 404, "Couldn't find Ticket with 'id'="+r.PathValue("id"))
		return
	}
	list := []map[string]any{}
	for _, a := range s.articlesOf(t.ID) {
		list = append(list, s.renderArticle(a))
	}
	reply(w, 200, list)
}

func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, t := s.findArticle(pathID(r, "article")), s.findTicket(pathID(r, "ticket"))
	if a == nil || t == nil || a.TicketID != t.ID && t.State != "merged" {
		fail(w, 403, "The article does not belong to the specified ticket.")
		return
	}
	for _, f := range a.Attachments {
		if f.ID == pathID(r, "id") {
			w.Header().Set("Content-Type", f.ContentType)
			w.Header().Set("Content-Disposition", `attachment; filename="`+f.Name+`"`)
			_, _ = w.Write(f.Content)
			return
		}
	}
	fail(w, 403, "The file does not belong to the specified article.")
}

func sizeOf(b []byte) string { return strconv.Itoa(len(b)) }
