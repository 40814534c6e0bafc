package redmine

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	page = 100 // issues of an answer, the most that Redmine gives
	// overlap is how far back each question goes: a change bears the time at
	// which it began, and is seen when it was committed.
	overlap = time.Minute
	// settling is after how long nothing else can bear the same second.
	settling = 5 * time.Second
	// maxSeen bounds a cursor. What is not in it is only named once more.
	maxSeen = 2000
)

// cursor is how far we have asked for changes. Redmine tells times in whole
// seconds, so what was seen in the last of them is kept.
type cursor struct {
	From time.Time `json:"from"`
	// Last is the time of the newest change that was seen.
	Last time.Time `json:"last"`
	// Seen are the issues that changed after From and were named.
	Seen map[string]seen `json:"seen,omitempty"`
	// Skip leaves out the first issues, where a whole page is of one second.
	Skip int `json:"skip,omitempty"`
}

type seen struct {
	Updated int64 `json:"u"`           // Unix time of the change
	First   int64 `json:"f,omitempty"` // when we saw it first; 0 where it is settled
}

// Changed names the issues that were changed since a cursor, in whatever
// project: agents move them.
func (r *Redmine) Changed(ctx context.Context, at string) (helpdesk.Changes, error) {
	// A key that has been revoked would let us read on as anybody may.
	if _, err := r.whoami(ctx, ""); err != nil {
		return helpdesk.Changes{}, err
	}
	if at == "" {
		return r.beginning(ctx)
	}
	var c cursor
	if err := json.Unmarshal([]byte(at), &c); err != nil {
		return helpdesk.Changes{}, connectors.Errorf(connectors.Rejected, "", "this cursor cannot be read: %w", err)
	}
	list, err := r.list(ctx, url.Values{"updated_on": {">=" + c.From.UTC().Format(time.RFC3339)}, "sort": {"updated_on,id"}, "offset": {strconv.Itoa(c.Skip)}})
	if err != nil {
		return helpdesk.Changes{}, err
	}
	ch := helpdesk.Changes{Tickets: c.take(list, r.now()), More: len(list) == page}
	b, err := json.Marshal(c)
	ch.Cursor = string(b)
	return ch, err
}

// beginning is the cursor of this moment, by Redmine's clock.
func (r *Redmine) beginning(ctx context.Context) (ch helpdesk.Changes, err error) {
	list, err := r.list(ctx, url.Values{"sort": {"updated_on:desc,id"}})
	if err != nil {
		return ch, err
	}
	var c cursor
	if len(list) > 0 {
		c.Last = list[0].Updated
		c.From = c.Last.Add(-overlap)
	}
	now := r.now().Unix()
	c.Seen = map[string]seen{}
	for _, i := range list {
		if !i.Updated.Before(c.From) {
			c.Seen[i.ticket()] = seen{Updated: i.Updated.Unix(), First: now}
		}
	}
	b, err := json.Marshal(c)
	return helpdesk.Changes{Cursor: string(b)}, err
}

func (r *Redmine) list(ctx context.Context, q url.Values) ([]issue, error) {
	q.Set("status_id", "*")
	q.Set("limit", strconv.Itoa(page))
	var found struct{ Issues []issue }
	err := r.get(ctx, "/issues.json?"+q.Encode(), &found)
	return found.Issues, err
}

// take names what is new in a page, oldest change first, and moves the cursor
// behind it.
func (c *cursor) take(list []issue, now time.Time) (tickets []string) {
	if c.Seen == nil {
		c.Seen = map[string]seen{}
	}
	for _, i := range list {
		id := i.ticket()
		s, known := c.Seen[id]
		switch {
		case !known || s.Updated != i.Updated.Unix():
			s = seen{Updated: i.Updated.Unix(), First: now.Unix()}
			tickets = append(tickets, id)
		case s.First != 0:
			tickets = append(tickets, id)
			if now.Sub(time.Unix(s.First, 0)) >= settling {
				s.First = 0
			}
		}
		if i.Updated.After(c.Last) {
			c.Last = i.Updated
		}
		c.Seen[id] = s
	}
	if len(list) < page {
		c.Skip = 0
		if from := c.Last.Add(-overlap); from.After(c.From) {
			c.From = from
		}
	} else if last := list[len(list)-1].Updated; last.After(c.From) {
		c.From, c.Skip = last, 0
	} else {
		c.Skip += page
	}
	for id, s := range c.Seen {
		// Redmine's "since" includes the second before.
		if s.Updated < c.From.Unix()-1 || len(c.Seen) > maxSeen {
			delete(c.Seen, id)
		}
	}
	return tickets
}

// Read returns the notes on an issue. A position is the name of a journal;
// those of the minute before it are returned once more, since a number may come
// again and clocks go back.
func (r *Redmine) Read(ctx context.Context, ticket, after string) (*helpdesk.Reading, error) {
	self, err := r.me(ctx)
	if err != nil {
		return nil, err
	}
	i, err := r.issue(ctx, ticket, "journals,attachments")
	if err != nil {
		return nil, err
	}
	reading := &helpdesk.Reading{State: i.state(), Position: after}
	var last int
	var at int64
	switch {
	case after != "":
		if last, at, err = numbers(after); err != nil {
			return nil, err
		}
	case i.Author.ID == self && tagOf(i.Description) != "":
		reading.Entries = append(reading.Entries, helpdesk.Written{
			ID: i.beginning(), Ours: true, Tag: tagOf(i.Description), Public: true, Text: worded(i.Description), At: i.Created,
		})
	}
	var notes map[int]*html.Node
	for n := range i.Journals {
		j := &i.Journals[n]
		if j.ID <= last && j.Created.Unix() < at-int64(overlap/time.Second) {
			continue
		}
		reading.Position = j.entry()
		w := i.written(j, self)
		if w == nil {
			continue
		}
		if w.Public && !w.Ours {
			if notes == nil {
				notes = r.rendered(ctx, i.ID)
			}
			if n := notes[j.ID]; n != nil {
				w.HTML = fragment(n, w.Files)
			}
			if w.HTML != "" {
				w.Text = ""
			}
		}
		reading.Entries = append(reading.Entries, *w)
	}
	return reading, nil
}

// written returns what a journal says, or nil where it only holds changes. A
// file without a word is no answer: Redmine keeps the files of a private note
// in a journal of their own, which is not private.
func (i *issue) written(j *journal, self int) *helpdesk.Written {
	w := &helpdesk.Written{ID: j.entry(), Author: normalize.Author{Name: j.User.Name}, At: j.Created}
	for _, d := range j.Details {
		if d.Property != "attachment" || d.New == "" {
			continue
		}
		for _, a := range i.Attachments { // it may have been deleted since
			if strconv.Itoa(a.ID) == d.Name {
				w.Files = append(w.Files, helpdesk.File{Ref: d.Name, Name: a.Name, ContentType: a.Type, Size: a.Size})
			}
		}
	}
	said := strings.TrimSpace(j.Notes) != ""
	if j.User.ID == self {
		if w.Tag = tagOf(j.Notes); w.Tag != "" {
			w.Ours = true
		} else if !said {
			return nil
		}
	}
	if !said && w.Files == nil {
		return nil
	}
	w.Text, w.Public = withoutPictures(worded(j.Notes), w.Files), said && !j.Private
	return w
}

// withoutPictures takes the places out of a text at which files of it are
// shown: they go along with it.
func withoutPictures(s string, files []helpdesk.File) string {
	for _, f := range files {
		for _, place := range []string{"!" + f.Name + "!", "![](" + f.Name + ")", "![](" + url.PathEscape(f.Name) + ")"} {
			s = strings.ReplaceAll(s, place, "")
		}
	}
	return strings.TrimSpace(s)
}

// File opens a file of a note.
func (r *Redmine) File(ctx context.Context, f helpdesk.File) (io.ReadCloser, error) {
	if _, err := strconv.Atoi(f.Ref); err != nil {
		return nil, connectors.Errorf(connectors.Rejected, "", "%.40q is not the number of a file", f.Ref)
	}
	content, err := r.api.Open(ctx, "/attachments/download/"+f.Ref)
	if kit.IsStatus(err, http.StatusNotFound, http.StatusForbidden) {
		return nil, connectors.Errorf(connectors.Rejected, "", "Redmine does not have it any more")
	}
	return content, err
}
