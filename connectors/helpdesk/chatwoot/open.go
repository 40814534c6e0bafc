package chatwoot

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

// attribute is that of a conversation that holds the tag of its draft.
const attribute = "deskbridge"

// Open makes a conversation for a contact. It begins with a private note of
// what is known, made with it at once, so that a conversation never stands
// without; the tag in the note is what Find searches for.
func (c *Chatwoot) Open(ctx context.Context, d *helpdesk.Draft) (*helpdesk.Opened, error) {
	contact, err := c.contact(ctx, d.Conversation)
	if err != nil {
		return nil, err
	}
	custom := map[string]any{
		attribute: d.Tag, "subject": d.Subject, "channel": d.Conversation.Channel.Name, "address": d.Conversation.Address.Value,
	}
	var made struct{ ID int64 }
	err = c.do(ctx, kit.RESTCall{Method: http.MethodPost, Path: c.path("conversations"), Into: &made, JSON: map[string]any{
		// Each conversation has a source of its own: a contact with several would
		// show them as one where the inbox is locked to a single conversation.
		"source_id": sourcePrefix + d.Tag, "inbox_id": c.cfg.InboxID, "contact_id": contact, "status": "open", "custom_attributes": custom,
		"message": map[string]any{
			"content": known(d), "message_type": "outgoing", "private": true, "source_id": sourcePrefix + d.Tag,
			"content_attributes": map[string]any{"deskbridge": d.Tag},
		},
	}})
	if err != nil {
		return nil, err
	}
	if made.ID == 0 {
		return nil, connectors.Errorf(connectors.Ambiguous, "", "Chatwoot did not say which conversation it made")
	}
	return c.opened(made.ID), nil
}

func (c *Chatwoot) opened(id int64) *helpdesk.Opened {
	n := strconv.FormatInt(id, 10)
	return &helpdesk.Opened{
		Ticket: n, URL: c.rest.URL + "/app/accounts/" + strconv.FormatInt(c.cfg.AccountID, 10) + "/conversations/" + n,
	}
}

// known is the note that a conversation begins with. It has the subject where
// that says more than the first message.
func known(d *helpdesk.Draft) string {
	var lines []string
	if d.First == nil || !strings.HasPrefix(squeeze(d.First.Text), strings.TrimSuffix(squeeze(d.Subject), "…")) {
		lines = append(lines, "Subject: "+d.Subject)
	}
	for _, f := range d.Facts {
		lines = append(lines, f.Name+": "+f.Value)
	}
	// Soft breaks would join the lines when they are shown.
	return kit.Literal(strings.Join(append(lines, "Reference: "+d.Tag), "  \n"))
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// Find searches for the note that conversations begin with. Anybody may quote
// it, so that the conversation's own attribute decides.
func (c *Chatwoot) Find(ctx context.Context, tag string) (*helpdesk.Opened, error) {
	for page := 1; ; page++ {
		list, err := c.list(ctx, url.Values{"q": {tag}, "page": {strconv.Itoa(page)}})
		if err != nil || len(list) == 0 || page > maxFindPages {
			return nil, err
		}
		for i := range list {
			if list[i].CustomAttributes[attribute] == tag {
				return c.opened(list[i].ID), nil
			}
		}
	}
}

const maxFindPages = 20

// list is a page of conversations of the inbox, the one with the last message
// first.
func (c *Chatwoot) list(ctx context.Context, q url.Values) ([]conversation, error) {
	var list struct {
		Data struct{ Payload []conversation }
	}
	q.Set("status", "all")
	q.Set("inbox_id", strconv.FormatInt(c.cfg.InboxID, 10))
	err := c.do(ctx, kit.RESTCall{Method: http.MethodGet, Path: c.path("conversations"), Query: q, Into: &list})
	return list.Data.Payload, err
}

// contact finds or makes the contact of a customer.
func (c *Chatwoot) contact(ctx context.Context, conv *normalize.Conversation) (int64, error) {
	identifier := sourcePrefix + conv.Address.Value
	name := conv.Address.Name
	if conv.Customer != nil {
		identifier = sourcePrefix + conv.Customer.ID.String()
		if conv.Customer.Name != "" {
			name = conv.Customer.Name
		}
	}
	if name == "" {
		name = conv.Address.Value
	}
	if id, err := c.findContact(ctx, identifier); id != 0 || err != nil {
		return id, err
	}
	var made struct {
		ID      int64 // as it is described
		Payload struct {
			Contact struct{ ID int64 } // as it is
		}
	}
	err := c.do(ctx, kit.RESTCall{Method: http.MethodPost, Path: c.path("contacts"), Into: &made, JSON: map[string]any{
		"inbox_id": c.cfg.InboxID, "name": name, "identifier": identifier, "custom_attributes": map[string]any{"address": conv.Address.Value},
	}})
	if e, ok := errors.AsType[*connectors.Error](err); ok && e.Code == "422" {
		// Somebody made it in the meantime: identifiers are unique.
		if id, again := c.findContact(ctx, identifier); id != 0 || again != nil {
			return id, again
		}
	}
	switch {
	case err != nil:
		return 0, err
	case made.Payload.Contact.ID != 0:
		return made.Payload.Contact.ID, nil
	case made.ID != 0:
		return made.ID, nil
	}
	return 0, connectors.Errorf(connectors.Transient, "", "Chatwoot did not say which contact it made")
}

func (c *Chatwoot) findContact(ctx context.Context, identifier string) (int64, error) {
	var list struct {
		Payload []struct {
			ID         int64
			Identifier string
		}
	}
	err := c.do(ctx, kit.RESTCall{Method: http.MethodGet, Path: c.path("contacts/search"), Query: url.Values{"q": {identifier}}, Into: &list})
	if err != nil {
		return 0, err
	}
	for _, contact := range list.Payload {
		if contact.Identifier == identifier {
			return contact.ID, nil
		}
	}
	return 0, nil
}
