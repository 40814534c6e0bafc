package freshdesk

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// lag is how long after its own time a change may show.
const lag = 10 * time.Second

// Changed implements helpdesk.Tickets. Deleted tickets are not among what
// changed.
func (f *Freshdesk) Changed(ctx context.Context, cursor string) (helpdesk.Changes, error) {
	since, limit := kit.Since{At: f.clock.Now(), Page: 1}, 1
	if cursor != "" {
		var err error
		if since, err = kit.ParseSince(cursor); err != nil {
			return helpdesk.Changes{}, connectors.Errorf(connectors.Rejected, "", "%w", err)
		}
		limit = perPage
	}
	var list []ticket
	header, err := f.get(ctx, "/tickets", url.Values{
		"updated_since": {since.At.UTC().Format("2006-01-02T15:04:05Z")}, "order_by": {"updated_at"}, "order_type": {"asc"},
		"per_page": {strconv.Itoa(limit)}, "page": {strconv.Itoa(since.Page)},
	}, &list)
	if err != nil {
		return helpdesk.Changes{}, err
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = f.clock.Now()
	}
	if cursor == "" {
		return helpdesk.Changes{Cursor: kit.Since{At: now.Truncate(time.Second), Page: 1}.String()}, nil
	}
	var c helpdesk.Changes
	var last time.Time
	for _, t := range list {
		c.Tickets = append(c.Tickets, itoa(t.ID))
		last = t.UpdatedAt
	}
	c.More = len(list) >= limit
	c.Cursor = since.Next(last, c.More, now, lag, time.Second).String()
	return c, nil
}

// merged is the position behind the last entry of a ticket that was merged.
const merged = "merged"

// Read implements helpdesk.Tickets. A position is the last page that was read;
// the one before it is read again, since entries that were deleted let others
// move up. A merged ticket keeps its entries: they are read before it is said
// to be gone.
func (f *Freshdesk) Read(ctx context.Context, id, after string) (*helpdesk.Reading, error) {
	t, err := f.ticket(ctx, id)
	if err != nil {
		return nil, err
	}
	if after == merged {
		gone, err := f.mergedInto(ctx, t)
		if err != nil {
			return nil, err
		}
		if gone != nil {
			return nil, gone
		}
		after = "" // it was opened again
	}
	first := 1
	if after != "" {
		last, err := strconv.Atoi(after)
		if err != nil || last < 1 {
			return nil, connectors.Errorf(connectors.Rejected, "", "not a position: %q", after)
		}
		first = max(1, last-1)
	}
	r := &helpdesk.Reading{State: t.state()}
	if after == "" {
		r.Entries = append(r.Entries, f.description(t))
	}
	var newest *conversation
	for page := first; ; page++ {
		list, err := f.conversations(ctx, id, page)
		if err != nil {
			return nil, err
		}
		for i := range list {
			w, err := f.written(ctx, t, &list[i])
			if err != nil {
				return nil, err
			}
			r.Entries = append(r.Entries, w)
			newest = &list[i]
		}
		r.Position, r.More = strconv.Itoa(page), len(list) >= perPage
		if !r.More || page-first+1 >= maxPages {
			break
		}
	}
	if !r.More && mergeNote(t, newest) != nil {
		r.Entries = r.Entries[:len(r.Entries)-1] // the product's own word
		r.Position, r.More = merged, true
	}
	return r, nil
}

// description is the first entry of a ticket: ours, or what a customer said.
func (f *Freshdesk) description(t *ticket) helpdesk.Written {
	plain := text.FromHTML(t.Description)
	w := helpdesk.Written{ID: descriptionOf(itoa(t.ID)), Tag: tagOf(plain), Text: plain, HTML: t.Description, At: t.CreatedAt}
	w.Ours = w.Tag != ""
	w.Files = filesOf(itoa(t.ID)+"/"+w.ID, t.Attachments)
	return w
}

// quoted begins what the editor for replies quotes below them.
var quoted = regexp.MustCompile(`<div class=["']freshdesk_quote["']`)

// written is a conversation in the words of the contract. What quotes our words
// at its end is ours only where its author is our agent, or the customer, who
// cannot write to Freshdesk but through us.
func (f *Freshdesk) written(ctx context.Context, t *ticket, c *conversation) (helpdesk.Written, error) {
	me, err := f.people.self(ctx, f)
	if err != nil {
		return helpdesk.Written{}, err
	}
	w := helpdesk.Written{ID: itoa(c.ID), At: c.CreatedAt}
	body := c.Body
	if at := quoted.FindStringIndex(body); at != nil && c.Source == sourceReply {
		body = body[:at[0]]
	}
	w.Text = strings.TrimSpace(text.FromHTML(body))
	if tag := tagOf(w.Text); tag != "" && (c.UserID == me || c.Incoming && c.UserID == t.RequesterID) {
		w.Ours, w.Tag = true, tag
	}
	w.Public = !c.Private && !c.Incoming && c.UserID != t.RequesterID && (c.Source == sourceReply || c.Source == sourceNote)
	if w.Ours {
		return w, nil
	}
	if !c.Incoming && c.UserID != t.RequesterID {
		if w.Author, err = f.people.author(ctx, f, c.UserID); err != nil {
			return w, err
		}
	}
	entry := itoa(t.ID) + "/" + w.ID
	w.Files = filesOf(entry, c.Attachments)
	pictures := 0
	w.HTML = inlinePicture.ReplaceAllStringFunc(body, func(tag string) string {
		ref := entry + "/p" + strconv.Itoa(pictures)
		pictures++
		w.Files = append(w.Files, helpdesk.File{Ref: ref, Name: "picture-" + strconv.Itoa(pictures)})
		return inlinePicture.ReplaceAllString(tag, `${1}"cid:`+ref+`"`)
	})
	return w, nil
}

func filesOf(entry string, list []attachment) (files []helpdesk.File) {
	for _, a := range list {
		files = append(files, helpdesk.File{Ref: entry + "/" + itoa(a.ID), Name: a.Name, ContentType: a.ContentType, Size: a.Size})
	}
	return files
}
