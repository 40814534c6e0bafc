package rt

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	// maxFiles bounds the files of one entry together, in bytes, which are in
	// memory while they go out.
	maxFiles = 25 << 20
	// maxSubject is what RT's database takes of a ticket's subject, and of an
	// entry's with its tag, in characters.
	maxSubject = 180
)

// link is the address by which a ticket that was made with a tag is found.
func link(tag string) string { return "deskbridge:" + tag }

// Open makes a ticket that begins with the draft's first entry.
func (h *Helpdesk) Open(ctx context.Context, d *helpdesk.Draft) (*helpdesk.Opened, error) {
	requestor, err := h.requestor(ctx, d.Conversation)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{"Queue": h.queue, "Subject": cut(d.Subject, maxSubject), "RefersTo": []string{link(d.Tag)}}
	if requestor != "" {
		fields["Requestor"] = requestor
	}
	first := d.First
	if first == nil {
		first = &helpdesk.Entry{}
	}
	files, left, err := load(ctx, first.Files)
	if err != nil {
		return nil, err
	}
	var facts strings.Builder
	for _, f := range d.Facts {
		fmt.Fprintf(&facts, "%s: %s\n", f.Name, f.Value)
	}
	fields["Content"] = clean(strings.TrimSpace(first.Plain(left...) + "\n\n" + facts.String()))
	var made struct{ ID json.Number }
	if _, err := h.post(ctx, "/ticket", fields, files, &made); err != nil {
		return nil, err
	}
	o, err := h.opened(ctx, made.ID.String())
	if err != nil { // there is one now, to be found by its tag
		return nil, connectors.Errorf(connectors.Ambiguous, "", "a ticket was made, but not read again: %w", err)
	}
	h.remember(o.Entry)
	if d.First == nil {
		o.Entry = ""
	}
	return o, nil
}

// Find returns the ticket that was made with a tag. RT hides deleted tickets
// from searches; of merged ones it names what they were merged into.
func (h *Helpdesk) Find(ctx context.Context, tag string) (*helpdesk.Opened, error) {
	var page struct{ Items []struct{ ID string } }
	query := url.Values{"query": {"RefersTo = " + quote(link(tag))}, "orderby": {"id"}, "per_page": {"1"}}
	if err := h.get(ctx, "/tickets", query, &page); err != nil {
		return nil, err
	}
	if len(page.Items) == 0 {
		return nil, nil
	}
	return h.opened(ctx, page.Items[0].ID)
}

func (h *Helpdesk) opened(ctx context.Context, ticket string) (*helpdesk.Opened, error) {
	list, _, err := h.history(ctx, ticket, 0, 1, 1, "Create")
	if err != nil {
		return nil, err
	}
	o := &helpdesk.Opened{Ticket: ticket, URL: h.base + "/Ticket/Display.html?id=" + ticket}
	if len(list) == 1 {
		o.Entry = list[0].ID
	}
	return o, nil
}

// Write adds an entry: the customer's words as correspondence, all else as a
// comment. Correspondence would go to whom agents added as Cc, and so would be
// an answer that has gone out already.
func (h *Helpdesk) Write(ctx context.Context, ticket string, e *helpdesk.Entry) (string, error) {
	// RT would take an entry for a merged or deleted ticket without a word.
	t, err := h.ticket(ctx, ticket)
	if err != nil {
		return "", err
	}
	files, left, err := load(ctx, e.Files)
	if err != nil {
		return "", err
	}
	fields := map[string]any{
		"Subject": subject(t.Subject, e.Tag), "Content": cmp.Or(clean(e.Plain(left...)), " "), "ContentType": "text/plain",
	}
	how := "comment"
	if e.Kind == helpdesk.FromCustomer {
		how = "correspond"
	}
	switch {
	case t.closed && e.Reopen:
		fields["Status"] = statusOpen
	case t.closed && how == "correspond": // which opens it
		fields["Status"] = t.Status
	}
	header, err := h.post(ctx, "/ticket/"+url.PathEscape(ticket)+"/"+how, fields, files, nil)
	if err != nil {
		return "", err
	}
	at := header.Get("Location")
	id := at[strings.LastIndexByte(at, '/')+1:]
	if id == "" {
		return "", connectors.Errorf(connectors.Ambiguous, "", "Request Tracker did not say what it wrote")
	}
	h.remember(id)
	return id, nil
}

// remember notes that a transaction is ours: Changed need not name its ticket
// for it. Each call costs RT a good part of a second, for the login's hash.
func (h *Helpdesk) remember(transaction string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.wrote) >= maxKnown {
		clear(h.wrote)
	}
	h.wrote[transaction] = true
}

// SetState opens or closes a ticket.
func (h *Helpdesk) SetState(ctx context.Context, ticket string, s normalize.ConversationState) error {
	t, err := h.ticket(ctx, ticket)
	if err != nil || t.closed == (s == normalize.Closed) {
		return err
	}
	want := statusOpen
	if s == normalize.Closed {
		want = statusClosed
	}
	// The answer is 200 whether it was done or not, with words of RT.
	var said []string
	_, err = h.api.Do(ctx, kit.RESTCall{Method: http.MethodPut, Path: "/ticket/" + url.PathEscape(ticket), JSON: map[string]string{"Status": want}, Into: &said})
	if err != nil {
		return err
	}
	if t, err = h.ticket(ctx, ticket); err != nil || t.closed == (s == normalize.Closed) {
		return err
	}
	return connectors.Errorf(connectors.Rejected, "", "the status %s was refused: %s", want, cut(strings.Join(said, "; "), 300))
}

// file is an attachment on its way out.
type file struct {
	name, contentType string
	content           []byte
}

// load reads the files that go along; those beyond maxFiles are left out.
func load(ctx context.Context, list []helpdesk.Attachment) (files []file, left []helpdesk.Attachment, err error) {
	room := int64(maxFiles)
	for _, a := range list {
		if a.Media.Size > room {
			left = append(left, a)
			continue
		}
		content, err := read(ctx, a, room)
		if err != nil {
			return nil, nil, connectors.Errorf(connectors.Transient, "", "reading the file %s: %w", a.Media.ID, err)
		}
		if int64(len(content)) > room {
			left = append(left, a)
			continue
		}
		room -= int64(len(content))
		f := file{name: cmp.Or(a.Media.Name, "file"), contentType: cmp.Or(a.Media.ContentType, "application/octet-stream"), content: content}
		if strings.HasPrefix(f.contentType, "text/") && !utf8.Valid(content) {
			f.contentType = "application/octet-stream" // RT would guess its encoding, and change its bytes
		}
		if len(content) == 0 {
			f.content = []byte("\n") // RT refuses files without content
		}
		files = append(files, f)
	}
	return files, left, nil
}

func read(ctx context.Context, a helpdesk.Attachment, room int64) ([]byte, error) {
	r, err := a.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(io.LimitReader(r, room+1))
}

// post sends fields and files as a form: in JSON, RT 5.0.3 fails on a file
// whose name is not ASCII.
func (h *Helpdesk) post(ctx context.Context, path string, fields map[string]any, files []file, out any) (http.Header, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	j, err := json.Marshal(fields)
	if err != nil {
		return nil, connectors.Errorf(connectors.Rejected, "", "this cannot be written as JSON: %w", err)
	}
	err = w.WriteField("JSON", string(j))
	for _, f := range files {
		head := textproto.MIMEHeader{}
		head.Set("Content-Disposition", multipart.FileContentDisposition("Attachments", f.name))
		head.Set("Content-Type", f.contentType)
		part, partErr := w.CreatePart(head)
		if partErr == nil {
			_, partErr = part.Write(f.content)
		}
		err = cmp.Or(err, partErr)
	}
	if err = cmp.Or(err, w.Close()); err != nil {
		return nil, connectors.Errorf(connectors.Transient, "", "building the request: %w", err)
	}
	return h.api.Do(ctx, kit.RESTCall{Method: http.MethodPost, Path: path, Body: body.Bytes(), Type: w.FormDataContentType(), Into: out})
}

// subject is that of an entry: the ticket's, which RT uses for its mails to
// agents, and the tag.
func subject(ticket, tag string) string {
	return cut(ticket, maxSubject) + " [" + tag + "]"
}

// tagOf is the reverse of subject; "" where there is none.
func tagOf(subject string) string {
	s, ok := strings.CutSuffix(subject, "]")
	at := strings.LastIndex(s, " [")
	if !ok || at < 0 || strings.ContainsAny(s[at+2:], " []") {
		return ""
	}
	return s[at+2:]
}

// quote writes a value of RT's query language.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// cut makes one line of s, of n code points at most: RT's columns count them.
func cut(s string, n int) string {
	s = text.CleanLine(s)
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// clean takes out what no database takes.
func clean(s string) string { return strings.ReplaceAll(s, "\x00", "") }
