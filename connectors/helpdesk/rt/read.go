package rt

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
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

// The statuses that tickets are given: of RT's own lifecycle, and of nearly all
// that people make of it.
const (
	statusOpen    = "open"
	statusClosed  = "resolved"
	statusDeleted = "deleted"
)

// maxWords bounds what is read of a text, in bytes of RT's answer.
const maxWords = 8 << 20

const (
	// perPage is the most that RT lists at once.
	perPage = 100
	// perRead is how many entries one Read lists: each takes two requests more.
	perRead = 25
)

// ticket is one that is there, neither merged nor deleted.
type ticket struct {
	ID              json.Number
	Subject, Status string
	closed          bool
}

// ticket reads one. Of one that was merged RT gives what it was merged into.
func (h *Helpdesk) ticket(ctx context.Context, id string) (*ticket, error) {
	var t ticket
	err := h.get(ctx, "/ticket/"+url.PathEscape(id), nil, &t)
	switch {
	case kit.IsStatus(err, http.StatusNotFound):
		return nil, &helpdesk.Gone{}
	case kit.IsStatus(err, http.StatusForbidden):
		// Either our rights are wrong altogether, or somebody moved this ticket
		// to a queue that is not ours to see.
		if err := h.Probe(ctx); err != nil {
			return nil, err
		}
		return nil, &helpdesk.Gone{}
	case err != nil:
		return nil, err
	case t.Status == statusDeleted:
		return nil, &helpdesk.Gone{}
	case t.ID.String() != id:
		return nil, &helpdesk.Gone{Into: t.ID.String()}
	}
	t.closed, err = h.closed(ctx, id, t.Status)
	return &t, err
}

// closed asks RT about a status that is not its own.
func (h *Helpdesk) closed(ctx context.Context, id, status string) (bool, error) {
	switch status {
	case "new", statusOpen, "stalled":
		return false, nil
	case statusClosed, "rejected":
		return true, nil
	}
	var page struct{ Count int }
	err := h.get(ctx, "/tickets", url.Values{"query": {"id = " + id + " AND Status = '__Inactive__'"}}, &page)
	return page.Count > 0, err
}

// transaction is what was done to a ticket at once.
type transaction struct {
	ID         string
	Of         string `json:"type"` // always "transaction"; else it would be taken for Type
	Type       string
	ObjectID   string `json:"ObjectId"`
	Created    time.Time
	Creator    user
	Hyperlinks []struct {
		Ref string
		URL string `json:"_url"`
	} `json:"_hyperlinks"`
}

func (t *transaction) number() int64 {
	n, _ := strconv.ParseInt(t.ID, 10, 64)
	return n
}

// history returns the transactions of some types of a ticket, and of those that
// were merged into it, above a number, in order.
func (h *Helpdesk) history(ctx context.Context, ticket string, after int64, limit int, page int, types ...string) ([]transaction, time.Time, error) {
	filter := []map[string]string{{"field": "id", "operator": ">", "value": strconv.FormatInt(after, 10)}}
	for _, typ := range types {
		filter = append(filter, map[string]string{"field": "Type", "value": typ, "entry_aggregator": "OR"})
	}
	b, err := json.Marshal(filter)
	if err != nil {
		return nil, time.Time{}, err
	}
	return h.list(ctx, "/ticket/"+url.PathEscape(ticket)+"/history", url.Values{
		"query": {string(b)}, "orderby": {"id"}, "per_page": {strconv.Itoa(limit)}, "page": {strconv.Itoa(page)},
		"fields": {"Type,Created,Creator,_hyperlinks"}, "fields[Creator]": {"id,Name,RealName,EmailAddress"},
	})
}

// Read returns how a ticket stands and what was written on it. Its position is
// a cursor.
func (h *Helpdesk) Read(ctx context.Context, id, after string) (*helpdesk.Reading, error) {
	c, err := parseCursor(after)
	if err != nil {
		return nil, err
	}
	me, err := h.self(ctx)
	if err != nil {
		return nil, err
	}
	t, err := h.ticket(ctx, id)
	if err != nil {
		return nil, err
	}
	r := &helpdesk.Reading{State: normalize.Open}
	if t.closed {
		r.State = normalize.Closed
	}
	var all []transaction
	last := 1 + len(c.Seen)/perRead
	for page := 1; page <= last; page++ {
		list, now, err := h.history(ctx, id, c.After, perRead, page, "Create", "Correspond", "Comment")
		if err != nil {
			return nil, err
		}
		for _, x := range list {
			if c.saw(&x) {
				continue
			}
			w, err := h.written(ctx, me, &x)
			if err != nil {
				return nil, err
			}
			r.Entries = append(r.Entries, *w)
		}
		all = append(all, list...)
		if r.More = len(list) == perRead; !r.More || page == last {
			r.Position = c.next(all, now).String()
			break
		}
	}
	return r, nil
}

// attachment is a part of what was written.
type attachment struct {
	ID                              json.Number
	Filename, ContentType, Headers  string
	Subject, Content, ContentLength string
}

func (h *Helpdesk) written(ctx context.Context, me *user, x *transaction) (*helpdesk.Written, error) {
	var page struct{ Items []attachment }
	err := h.get(ctx, "/transaction/"+url.PathEscape(x.ID)+"/attachments", url.Values{
		"fields": {"Filename,ContentType,ContentLength,Subject,Headers"}, "orderby": {"id"}, "per_page": {strconv.Itoa(perPage)},
	}, &page)
	if err != nil {
		return nil, err
	}
	w := &helpdesk.Written{ID: x.ID, At: x.Created, Author: normalize.Author{Name: cmp.Or(x.Creator.RealName, x.Creator.Name), Email: x.Creator.EmailAddress}}
	if x.Creator.ID == me.ID && len(page.Items) > 0 {
		w.Tag = tagOf(page.Items[0].Subject)
		// What our user did by the web form is of a person who borrowed it.
		byREST := strings.Contains(page.Items[0].Headers, "X-RT-Interface: REST")
		if w.Ours = byREST && (w.Tag != "" || x.Type == "Create"); w.Ours {
			return w, nil
		}
		w.Tag = ""
	}
	if x.Type == "Correspond" {
		if w.Public, err = h.staff(ctx, x.Creator.Name); err != nil {
			return nil, err
		}
	}
	return w, h.content(ctx, w, page.Items)
}

// content fills in the words and names the files.
func (h *Helpdesk) content(ctx context.Context, w *helpdesk.Written, list []attachment) error {
	for _, a := range list {
		kind := strings.ToLower(a.ContentType)
		var into *string
		switch {
		case strings.HasPrefix(kind, "multipart/"):
			continue
		case a.Filename == "" && kind == "text/plain":
			into = &w.Text
		case a.Filename == "" && kind == "text/html":
			into = &w.HTML
		}
		if into == nil || *into != "" {
			size, _ := strconv.ParseInt(a.ContentLength, 10, 64)
			w.Files = append(w.Files, helpdesk.File{Ref: a.ID.String(), Name: a.Filename, ContentType: a.ContentType, Size: size})
			continue
		}
		b, err := h.attachment(ctx, a.ID.String(), maxWords)
		if err != nil {
			return err
		}
		*into = strings.TrimSpace(string(b))
	}
	for _, a := range list {
		if id := contentID(a.Headers); id != "" && slices.ContainsFunc(w.Files, func(f helpdesk.File) bool { return f.Ref == a.ID.String() }) {
			w.HTML = strings.ReplaceAll(w.HTML, "cid:"+id, "cid:"+a.ID.String())
		}
	}
	if w.Text == "" && w.HTML != "" {
		w.Text = text.FromHTML(w.HTML)
	}
	return nil
}

var contentIDs = regexp.MustCompile(`(?im)^Content-ID:\s*<([^<>\s]+)>`)

func contentID(headers string) string {
	if m := contentIDs.FindStringSubmatch(headers); m != nil {
		return m[1]
	}
	return ""
}

// File opens a file of an entry. RT gives it whole, in base64.
func (h *Helpdesk) File(ctx context.Context, f helpdesk.File) (io.ReadCloser, error) {
	if _, err := strconv.ParseInt(f.Ref, 10, 64); err != nil {
		return nil, connectors.Errorf(connectors.Rejected, "", "%q is no file of ours", f.Ref)
	}
	b, err := h.attachment(ctx, f.Ref, 2*h.maxMedia+maxWords)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (h *Helpdesk) attachment(ctx context.Context, id string, limit int64) ([]byte, error) {
	r, err := h.api.Open(ctx, "/attachment/"+id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	var a struct{ Content string }
	if err := json.NewDecoder(io.LimitReader(r, limit)).Decode(&a); err != nil {
		return nil, connectors.Errorf(connectors.Transient, "", "the attachment %s cannot be read: %w", id, err)
	}
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(a.Content, "\n", ""))
	if err != nil {
		return nil, connectors.Errorf(connectors.Transient, "", "the attachment %s is not in base64", id)
	}
	return b, nil
}
