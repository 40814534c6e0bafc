package zammad

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// tagDomain makes a message id of a tag. The top-level domain is one that
// nobody can have (RFC 2606).
const tagDomain = "@deskbridge.invalid"

func messageID(tag string) string { return "<" + tag + tagDomain + ">" }

// tagOf returns the tag that an article bears.
func tagOf(messageID string) (tag string, ok bool) {
	tag, ok = strings.CutPrefix(messageID, "<")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(tag, tagDomain+">")
}

// Open implements helpdesk.Tickets. Zammad finds the customer by the login, or
// makes one; that has no e-mail address, so that no trigger reaches it.
func (z *Zammad) Open(ctx context.Context, d *helpdesk.Draft) (*helpdesk.Opened, error) {
	var t ticket
	err := z.post(ctx, d.First, d.Facts, func(first map[string]any) kit.RESTCall {
		first["in_reply_to"] = messageID(d.Tag)
		return kit.RESTCall{Method: http.MethodPost, Path: "/tickets", Into: &t, JSON: map[string]any{
			"title": d.Subject, "group": z.cfg.Group, "customer": customer(d.Conversation), "tags": d.Conversation.Channel.Type, "article": first,
		}}
	})
	if kit.IsStatus(err, http.StatusUnprocessableEntity) && strings.Contains(err.Error(), "'group'") {
		e := connectors.Classify(err)
		return nil, connectors.Errorf(connectors.AccountDown, e.Code, "Zammad does not take the group: check group")
	}
	if err != nil {
		return nil, err
	}
	o := z.opened(t.ID)
	if len(t.ArticleIDs) > 0 {
		o.Entry = itoa(t.ArticleIDs[0])
		return o, nil
	}
	return z.begun(ctx, o, d.Tag)
}

// maxName is the longest first name that Zammad keeps, in characters. It takes a
// whole name apart by itself.
const maxName = 100

// customer is who a ticket is made for.
func customer(c *normalize.Conversation) map[string]any {
	login, name, phone := c.ID.String(), c.Address.Name, ""
	if c.Customer != nil {
		login, name = c.Customer.ID.String(), cmp.Or(c.Customer.Name, name)
	}
	if c.Address.Kind == normalize.KindPhone {
		phone = c.Address.Value
	}
	return map[string]any{
		"login": "deskbridge-" + login, "firstname": text.Truncate(cmp.Or(name, c.Address.Value, "Customer"), maxName), "lastname": "", "phone": phone,
		"note": "A customer of Deskbridge, which delivers the answers. Give no e-mail address here, or Zammad will write there as well.",
	}
}

func (z *Zammad) opened(id int64) *helpdesk.Opened {
	return &helpdesk.Opened{Ticket: itoa(id), URL: z.cfg.base() + "/#ticket/zoom/" + itoa(id)}
}

// Find implements helpdesk.Tickets.
func (z *Zammad) Find(ctx context.Context, tag string) (*helpdesk.Opened, error) {
	var list []ticket
	err := z.get(ctx, "/tickets/search", url.Values{
		"condition[article.in_reply_to][operator]": {"is"}, "condition[article.in_reply_to][value]": {messageID(tag)},
		"expand": {"true"}, "limit": {"1"},
	}, &list)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return z.begun(ctx, z.opened(list[0].ID), tag)
}

// begun finds the article that a ticket began with.
func (z *Zammad) begun(ctx context.Context, o *helpdesk.Opened, tag string) (*helpdesk.Opened, error) {
	list, err := z.articles(ctx, o.Ticket)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].InReplyTo == messageID(tag) {
			o.Entry = itoa(list[i].ID)
			break
		}
	}
	return o, nil
}

// Write implements helpdesk.Tickets.
func (z *Zammad) Write(ctx context.Context, id string, e *helpdesk.Entry) (string, error) {
	t, err := z.ticket(ctx, id)
	if err != nil {
		return "", err
	}
	if e.Reopen { // first: whoever finds the article finds the ticket open
		if err := z.setState(ctx, t, normalize.Open); err != nil {
			return "", err
		}
	}
	var made article
	err = z.post(ctx, e, nil, func(a map[string]any) kit.RESTCall {
		a["ticket_id"] = t.ID
		return kit.RESTCall{Method: http.MethodPost, Path: "/ticket_articles", JSON: a, Into: &made}
	})
	if err != nil {
		return "", followUp(t, err)
	}
	return itoa(made.ID), nil
}

// post sends an article, and once more without its files where the web server
// before Zammad finds it too large: then their links stand below the words.
func (z *Zammad) post(ctx context.Context, e *helpdesk.Entry, facts []helpdesk.Fact, call func(article map[string]any) kit.RESTCall) error {
	a, err := z.article(ctx, e, facts, false)
	if err != nil {
		return err
	}
	err = z.do(ctx, call(a))
	if len(e.Files) == 0 || !kit.IsStatus(err, http.StatusRequestEntityTooLarge) {
		return err
	}
	if a, err = z.article(ctx, e, facts, true); err != nil {
		return err
	}
	return z.do(ctx, call(a))
}

// file is an attachment on its way into Zammad.
func file(name, contentType string, content []byte) map[string]string {
	return map[string]string{
		"filename": cmp.Or(name, "file"), "mime-type": cmp.Or(contentType, "application/octet-stream"), "data": base64.StdEncoding.EncodeToString(content),
	}
}
