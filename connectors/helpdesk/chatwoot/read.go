package chatwoot

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	// pageSize is how many messages after one come at once.
	pageSize = 100
	// settling is how long a message's number may lie behind one that is seen
	// already: Chatwoot numbers messages before it commits them.
	settling = 15 * time.Second
)

func isGone(err error) bool {
	_, ok := errors.AsType[*helpdesk.Gone](err)
	return ok
}

// Read returns the messages after one. A position is a message's number.
func (c *Chatwoot) Read(ctx context.Context, ticket, after string) (*helpdesk.Reading, error) {
	var now conversation
	if err := c.get(ctx, "conversations/"+ticket, &now); err != nil {
		return nil, err
	}
	position, _ := strconv.ParseInt(after, 10, 64)
	list, err := c.messages(ctx, ticket, url.Values{"after": {strconv.FormatInt(position, 10)}})
	if err != nil {
		return nil, err
	}
	r := &helpdesk.Reading{State: now.state(), More: len(list) >= pageSize}
	settled := c.deps.Clock.Now().Add(-settling)
	for i := range list {
		m := &list[i]
		if r.More || m.at().Before(settled) {
			position = max(position, m.ID)
		}
		if m.MessageType != incoming && m.MessageType != outgoing {
			continue // what Chatwoot says of itself
		}
		if w := m.written(ticket); w != nil {
			r.Entries = append(r.Entries, *w)
		}
	}
	r.Position = strconv.FormatInt(position, 10)
	return r, nil
}

func (c *Chatwoot) messages(ctx context.Context, ticket string, q url.Values) ([]message, error) {
	var list struct{ Payload []message }
	err := c.do(ctx, kit.RESTCall{Method: http.MethodGet, Path: c.path("conversations/" + ticket + "/messages"), Query: q, Into: &list})
	return list.Payload, err
}

// written is a message as an entry; nil for one that was deleted before we saw
// it.
func (m *message) written(ticket string) *helpdesk.Written {
	tag := m.tag()
	if tag == "" && m.attributes().Deleted {
		return nil
	}
	w := &helpdesk.Written{
		ID: strconv.FormatInt(m.ID, 10), Ours: tag != "", Tag: tag, Public: m.MessageType == outgoing && !m.Private,
		Author: normalize.Author{Name: m.Sender.Name, Email: m.Sender.Email}, At: m.at(),
	}
	w.Text, w.HTML = markdown(m.Content)
	for _, a := range m.Attachments {
		if a.DataURL == "" {
			continue // a place or a contact, whose words the content has
		}
		w.Files = append(w.Files, helpdesk.File{
			Ref:  ticket + "/" + strconv.FormatInt(m.ID, 10) + "/" + strconv.FormatInt(a.ID, 10),
			Name: a.name(), ContentType: mime.TypeByExtension(path.Ext(a.name())), Size: a.FileSize,
		})
	}
	return w
}

// name is that at the end of the address.
func (a *attachment) name() string {
	u, err := url.Parse(a.DataURL)
	if err != nil {
		return "file"
	}
	if name := path.Base(u.Path); name != "." && name != "/" {
		return name
	}
	return "file"
}

// File opens an attachment. Its address ends soon, so it is asked for each
// time; it needs no credentials.
func (c *Chatwoot) File(ctx context.Context, f helpdesk.File) (io.ReadCloser, error) {
	ticket, rest, _ := strings.Cut(f.Ref, "/")
	of, id, _ := strings.Cut(rest, "/")
	n, err := strconv.ParseInt(of, 10, 64)
	lost := connectors.Errorf(connectors.Rejected, "", "Chatwoot does not keep the file any more")
	if err != nil {
		return nil, lost
	}
	list, err := c.messages(ctx, ticket, url.Values{"after": {of}, "before": {strconv.FormatInt(n+1, 10)}})
	if isGone(err) {
		return nil, lost
	} else if err != nil {
		return nil, err
	}
	for _, m := range list {
		for _, a := range m.Attachments {
			if m.ID == n && strconv.FormatInt(a.ID, 10) == id {
				return c.rest.Download(ctx, a.DataURL, false)
			}
		}
	}
	return nil, lost
}
