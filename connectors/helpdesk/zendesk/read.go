package zendesk

import (
	"context"
	"errors"
	"html"
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

// position is how far a ticket's audits were read: the cursor of the page, and
// the last audit on it.
type position struct {
	cursor string
	last   int64
}

func parsePosition(s string) (p position) {
	last, cursor, _ := strings.Cut(s, " ")
	p.cursor = cursor
	p.last, _ = strconv.ParseInt(last, 10, 64)
	return p
}

func (p position) String() string { return strconv.FormatInt(p.last, 10) + " " + p.cursor }

// Read returns the comments of a ticket from its audits, which alone tell what
// was written by us. What was written on a ticket before it was merged is read
// before it is gone.
func (z *Zendesk) Read(ctx context.Context, id, after string) (*helpdesk.Reading, error) {
	t, err := z.ticket(ctx, id)
	if err != nil {
		return nil, err
	}
	at := parsePosition(after)
	audits, next, err := z.audits(ctx, id, at.cursor)
	if err != nil {
		return nil, err
	}
	r := &helpdesk.Reading{State: t.state(), More: next != ""}
	authors, err := z.authors(ctx, audits, at.last)
	if err != nil {
		return nil, err
	}
	for i := range audits {
		if a := &audits[i]; a.ID > at.last {
			r.Entries = append(r.Entries, a.written(authors)...)
		}
	}
	for _, a := range audits {
		at.last = max(at.last, a.ID)
	}
	if next != "" {
		at.cursor = next
	}
	r.Position = at.String()
	if t.merged() {
		if len(r.Entries) == 0 && !r.More {
			return nil, z.gone(ctx, id)
		}
		r.State, r.More = "", true
	}
	return r, nil
}

// written are the comments of an audit. Those in which a merge is announced are
// Zendesk's words.
func (a *audit) written(authors map[int64]user) (list []helpdesk.Written) {
	tag := a.tag()
	for i := range a.Events {
		c := &a.Events[i]
		if !c.is() || tag == "" && a.Via.Source.Rel == merge {
			continue
		}
		by := authors[c.AuthorID]
		w := helpdesk.Written{
			ID: strconv.FormatInt(c.ID, 10), Ours: tag != "", Tag: tag, At: a.CreatedAt,
			Public: c.Public && (by.Role == "agent" || by.Role == "admin"), Author: normalize.Author{Name: by.Name, Email: by.Email},
		}
		w.Text, w.HTML = c.PlainBody, c.HTMLBody
		if w.HTML != "" {
			w.Text = text.FromHTML(w.HTML)
		} else if w.Text == "" {
			w.Text = c.Body
		}
		for _, f := range c.Attachments {
			ref := strconv.FormatInt(f.ID, 10)
			w.Files = append(w.Files, helpdesk.File{Ref: ref, Name: f.FileName, ContentType: f.ContentType, Size: f.Size})
			if f.ContentURL != "" {
				w.HTML = strings.NewReplacer(f.ContentURL+`"`, "cid:"+ref+`"`, html.EscapeString(f.ContentURL)+`"`, "cid:"+ref+`"`).Replace(w.HTML)
			}
		}
		list = append(list, w)
	}
	return list
}

// authors are those of the comments after an audit that we did not write.
func (z *Zendesk) authors(ctx context.Context, audits []audit, after int64) (map[int64]user, error) {
	var ids []string
	for i := range audits {
		a := &audits[i]
		if a.ID <= after || a.tag() != "" {
			continue
		}
		for j := range a.Events {
			if id := strconv.FormatInt(a.Events[j].AuthorID, 10); a.Events[j].is() && a.Events[j].AuthorID > 0 && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	people := map[int64]user{}
	if len(ids) == 0 {
		return people, nil
	}
	var list struct{ Users []user }
	if err := z.get(ctx, "users/show_many", url.Values{"ids": {strings.Join(ids, ",")}}, &list); err != nil {
		return nil, err
	}
	for _, u := range list.Users {
		people[u.ID] = u
	}
	return people, nil
}

var mergedInto = regexp.MustCompile(`merged into request #([0-9]{1,18})`)

// gone is the error of a ticket that is closed for good: where it was merged
// into, if it was. The last update that tells of a merge says so, or else the
// words that Zendesk proposes for it.
func (z *Zendesk) gone(ctx context.Context, id string) error {
	t, err := z.ticket(ctx, id)
	if err != nil {
		return err
	}
	g := &helpdesk.Gone{}
	for cursor, pages := "", 0; t.merged() && pages < maxPages; pages++ {
		audits, next, err := z.audits(ctx, id, cursor)
		if err != nil {
			return err
		}
		for i := range audits {
			a := &audits[i]
			if n := a.Via.Source.From.TicketID; a.Via.Source.Rel == merge && n != 0 && n != t.ID {
				g.Into, g.At = strconv.FormatInt(n, 10), a.CreatedAt
			} else if m := mergedInto.FindStringSubmatch(a.announced()); m != nil && m[1] != id {
				g.Into, g.At = m[1], a.CreatedAt
			}
		}
		if next == "" {
			break
		}
		cursor = next
	}
	return g
}

const maxPages = 100 // of audits: Zendesk takes 5,000 comments

// announced are the words of an audit's comment that we did not write.
func (a *audit) announced() string {
	for i := range a.Events {
		if c := &a.Events[i]; c.is() && a.tag() == "" {
			return c.Body
		}
	}
	return ""
}

// File opens an attachment. Its address is asked for each time; the
// credentials go along for accounts that keep attachments private.
func (z *Zendesk) File(ctx context.Context, f helpdesk.File) (io.ReadCloser, error) {
	var one struct{ Attachment attachment }
	err := z.get(ctx, "attachments/"+url.PathEscape(f.Ref), nil, &one)
	if e, ok := errors.AsType[*connectors.Error](err); ok && e.Code == "404" && e.Class == connectors.Rejected {
		return nil, connectors.Errorf(connectors.Rejected, "404", "Zendesk does not keep the file any more")
	} else if err != nil {
		return nil, err
	}
	return z.rest.Download(ctx, one.Attachment.ContentURL, true)
}
