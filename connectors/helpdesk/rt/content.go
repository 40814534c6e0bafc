package rt

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// maxWords bounds what is read of a text, in bytes of RT's answer.
const maxWords = 8 << 20

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
