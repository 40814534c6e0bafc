package zammad

import (
	"cmp"
	"context"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// lag is how long after its own time a change may show: transactions end later
// than their times say.
const lag = 10 * time.Second

// perPage is how many tickets Zammad gives at once, at most.
const perPage = 200

// Changed implements helpdesk.Tickets.
func (z *Zammad) Changed(ctx context.Context, cursor string) (helpdesk.Changes, error) {
	since := kit.Since{At: z.clock.Now(), Page: 1}
	if cursor != "" {
		var err error
		if since, err = kit.ParseSince(cursor); err != nil {
			return helpdesk.Changes{}, connectors.Errorf(connectors.Rejected, "", "%w", err)
		}
	}
	limit := perPage
	if cursor == "" {
		limit = 1
	}
	var list []ticket
	header, err := z.api.Do(ctx, kit.RESTCall{Method: http.MethodGet, Path: "/tickets/search", Into: &list, Query: url.Values{
		"condition[ticket.updated_at][operator]": {"after (absolute)"},
		"condition[ticket.updated_at][value]":    {since.At.UTC().Format(time.RFC3339Nano)},
		"sort_by":                                {"updated_at"}, "order_by": {"asc"}, "expand": {"true"},
		"limit": {itoa(int64(limit))}, "per_page": {itoa(int64(limit))}, "page": {itoa(int64(since.Page))},
	}})
	if kit.IsStatus(err, http.StatusForbidden) {
		return helpdesk.Changes{}, connectors.Errorf(connectors.AccountDown, "403", "Zammad does not permit to search: the token needs ticket.agent")
	}
	if err != nil {
		return helpdesk.Changes{}, err
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = z.clock.Now()
	}
	if cursor == "" {
		return helpdesk.Changes{Cursor: kit.Since{At: now, Page: 1}.String()}, nil
	}
	var c helpdesk.Changes
	var last time.Time
	for _, t := range list {
		c.Tickets = append(c.Tickets, itoa(t.ID))
		last = t.UpdatedAt
	}
	c.More = len(list) >= limit
	c.Cursor = since.Next(last, c.More, now, lag, time.Millisecond).String()
	return c, nil
}

// article is what is asked of an article.
type article struct {
	ID          int64        `json:"id"`
	From        string       `json:"from"`
	CreatedBy   string       `json:"created_by"`
	Body        string       `json:"body"`
	ContentType string       `json:"content_type"`
	Type        string       `json:"type"`
	Sender      string       `json:"sender"`
	Internal    bool         `json:"internal"`
	MessageID   string       `json:"message_id"`
	InReplyTo   string       `json:"in_reply_to"`
	Attachments []attachment `json:"attachments"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`
}

type attachment struct {
	ID       int64  `json:"id"`
	Filename string `json:"filename"`
}

func (z *Zammad) articles(ctx context.Context, id string) ([]article, error) {
	var list []article
	if err := z.get(ctx, "/ticket_articles/by_ticket/"+url.PathEscape(id), url.Values{"expand": {"true"}}, &list); err != nil {
		return nil, ofTicket(err)
	}
	return list, nil
}

// overlap is how far Read looks back behind its position: see lag.
const overlap = time.Minute

// position is how far a ticket has been read: to the time of its latest change,
// and with which tickets merged into it.
type position struct {
	at     time.Time
	merged []int64
}

func parsePosition(s string) (p position, err error) {
	when, ids, _ := strings.Cut(s, " ")
	if p.at, err = time.Parse(time.RFC3339Nano, when); err != nil {
		return p, connectors.Errorf(connectors.Rejected, "", "not a position: %w", err)
	}
	for id := range strings.SplitSeq(ids, ",") {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			p.merged = append(p.merged, n)
		}
	}
	return p, nil
}

func (p position) String() string {
	var ids []string
	for _, id := range p.merged {
		ids = append(ids, itoa(id))
	}
	return strings.TrimSpace(p.at.UTC().Format(time.RFC3339Nano) + " " + strings.Join(ids, ","))
}

// Read implements helpdesk.Tickets. A merge moves the articles of the other
// ticket here, as if they had always been here: what is older than a merge of
// which we did not know is not told from what was written here just before.
func (z *Zammad) Read(ctx context.Context, id, after string) (*helpdesk.Reading, error) {
	t, err := z.ticket(ctx, id)
	if err != nil {
		return nil, err
	}
	var since time.Time
	var p position
	if after != "" {
		if p, err = parsePosition(after); err != nil {
			return nil, err
		}
		since = p.at.Add(-overlap)
	}
	merged, until, err := z.adopted(ctx, id, p.merged)
	if err != nil {
		return nil, err
	}
	list, err := z.articles(ctx, id)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b article) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	r := &helpdesk.Reading{State: conversationState(t.kind)}
	for i := range list {
		a := &list[i]
		if a.UpdatedAt.After(p.at) {
			p.at = a.UpdatedAt
		}
		if a.UpdatedAt.Before(since) || a.Sender == "System" {
			continue
		}
		w := written(id, a)
		w.Moved = a.CreatedAt.Before(until)
		r.Entries = append(r.Entries, w)
	}
	if p.merged = merged; !p.at.IsZero() {
		r.Position = p.String()
	}
	return r, nil
}

// written is an article in the words of the contract. Agents answer by public
// notes: what they mail or telephone has reached its reader by itself.
func written(ticket string, a *article) helpdesk.Written {
	w := helpdesk.Written{ID: itoa(a.ID), Author: author(a), At: a.CreatedAt}
	w.Tag, w.Ours = tagOf(a.MessageID)
	w.Public = a.Sender == "Agent" && !a.Internal && (a.Type == "note" || a.Type == "web")
	for _, f := range a.Attachments {
		w.Files = append(w.Files, helpdesk.File{Ref: ticket + "/" + itoa(a.ID) + "/" + itoa(f.ID), Name: f.Filename})
	}
	if !strings.Contains(a.ContentType, "html") {
		w.Text = a.Body
		return w
	}
	w.Text = strings.TrimSpace(text.FromHTML(a.Body))
	w.HTML = inlinePicture.ReplaceAllStringFunc(a.Body, func(tag string) string {
		m := inlinePicture.FindStringSubmatch(tag)
		ref := m[2]
		if !slices.ContainsFunc(w.Files, func(f helpdesk.File) bool { return f.Ref == ref }) {
			w.Files = append(w.Files, helpdesk.File{Ref: ref, Name: "picture-" + ref[strings.LastIndexByte(ref, '/')+1:]})
		}
		return m[1] + `"cid:` + ref + `"`
	})
	return w
}

// inlinePicture is an image within the text, which Zammad does not name among
// the files.
var inlinePicture = regexp.MustCompile(`(<img\b[^>]*?\bsrc=)"/api/v1/ticket_attachment/([0-9]{1,19}/[0-9]{1,19}/[0-9]{1,19})(?:\?[^"]*)?"`)

// author is who wrote, by the name that Zammad shows. Logins are e-mail
// addresses as a rule.
func author(a *article) normalize.Author {
	name, _, _ := strings.Cut(a.From, " <")
	w := normalize.Author{Name: strings.Trim(html.UnescapeString(name), `" `)}
	if strings.Contains(a.CreatedBy, "@") {
		w.Email = a.CreatedBy
	}
	return w
}

// File implements helpdesk.Tickets.
func (z *Zammad) File(ctx context.Context, f helpdesk.File) (io.ReadCloser, error) {
	return z.api.Open(ctx, "/ticket_attachment/"+f.Ref)
}
