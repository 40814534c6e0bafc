package zendesk

import (
	"cmp"
	"context"
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// What one comment takes
// (https://developer.zendesk.com/api-reference/ticketing/tickets/ticket-attachments/).
const (
	maxComment = 65_000   // bytes of HTML
	maxFile    = 50 << 20 // bytes
	maxFiles   = 50
)

// Write adds a comment. A customer's is public and written by the customer's
// user; all else is internal and written by ours.
func (z *Zendesk) Write(ctx context.Context, id string, e *helpdesk.Entry) (string, error) {
	change := map[string]any{"metadata": metadata{e.Tag}}
	var author int64
	if e.Kind == helpdesk.FromCustomer || e.Reopen {
		t, err := z.ticket(ctx, id)
		switch {
		case err != nil:
			return "", err
		case t.Status == closed:
			return "", z.gone(ctx, id)
		case e.Reopen && (t.Status == solved || t.Status == pending || t.Status == hold):
			change["status"] = open
		}
		if e.Kind == helpdesk.FromCustomer {
			author = t.RequesterID
		}
	}
	words, err := z.comment(ctx, e, author)
	if err != nil {
		return "", err
	}
	change["comment"] = words
	var made struct{ Audit audit }
	if err := z.put(ctx, id, change, &made); err != nil {
		return "", err
	}
	for i := range made.Audit.Events {
		if c := &made.Audit.Events[i]; c.is() {
			return strconv.FormatInt(c.ID, 10), nil
		}
	}
	return "", connectors.Errorf(connectors.Ambiguous, "", "Zendesk did not say which comment it made")
}

// comment uploads the files of an entry and writes its words.
func (z *Zendesk) comment(ctx context.Context, e *helpdesk.Entry, author int64) (map[string]any, error) {
	var tokens []string
	var leftOut []helpdesk.Attachment
	var inline []string // Content-ID, address, ...
	for _, a := range e.Files {
		if a.Media.Size > maxFile || a.Media.Size == 0 || len(tokens) == maxFiles {
			leftOut = append(leftOut, a)
			continue
		}
		token, address, err := z.upload(ctx, cmp.Or(a.Media.Name, "file"), a.Media.ContentType, a.Media.Size, a.Open)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
		if a.Media.ContentID != "" {
			inline = append(inline, "cid:"+html.EscapeString(a.Media.ContentID)+`"`, html.EscapeString(address)+`"`)
		}
	}
	now := z.deps.Clock.Now()
	plain := e.Own(now, leftOut...)
	rich := text.ToHTML(plain)
	if e.HTML != "" {
		h := text.ToHTML(e.OwnHeading(now)) + strings.NewReplacer(inline...).Replace(e.HTML) + text.ToHTML(e.Foot(leftOut...))
		if len(h) <= maxComment {
			rich = h
		}
	}
	if len(rich) > maxComment {
		token, _, err := z.upload(ctx, "message.txt", "text/plain; charset=utf-8", int64(len(plain)), func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(plain)), nil
		})
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
		for n := maxComment / 2; len(rich) > maxComment; n /= 2 {
			rich = text.ToHTML(text.Truncate(plain, n))
		}
	}
	if e.Kind != helpdesk.FromCustomer {
		rich = kit.Literal(rich) // Zendesk fills in placeholders in what agents write
	}
	c := map[string]any{"html_body": rich, "public": e.Kind == helpdesk.FromCustomer}
	if author != 0 {
		c["author_id"] = author
	}
	if len(tokens) > 0 {
		c["uploads"] = tokens
	}
	return c, nil
}

// upload hands over a file for a comment to come, and returns the token that
// the comment names it by and the address that shows it.
func (z *Zendesk) upload(ctx context.Context, name, contentType string, size int64, open func(ctx context.Context) (io.ReadCloser, error)) (token, address string, err error) {
	var made struct {
		Upload struct {
			Token      string
			Attachment attachment
		}
	}
	err = z.do(ctx, kit.RESTCall{
		Method: http.MethodPost, Path: "uploads", Query: url.Values{"filename": {name}}, Into: &made,
		Stream: &kit.RESTStream{Type: cmp.Or(contentType, "application/octet-stream"), Length: size, Open: open},
	})
	if err == nil && made.Upload.Token == "" {
		err = connectors.Errorf(connectors.Transient, "", "Zendesk did not say what it calls the file")
	}
	if e, ok := errors.AsType[*connectors.Error](err); ok && e.Class == connectors.Ambiguous {
		e.Class = connectors.Transient // a file that no comment names is thrown away
	}
	return made.Upload.Token, made.Upload.Attachment.ContentURL, err
}
