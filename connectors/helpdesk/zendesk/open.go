package zendesk

import (
	"cmp"
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

// ours begins the external_id of tickets and users.
const ours = "deskbridge:"

// Open makes a ticket that begins with the draft's first entry. Zendesk takes
// the tag as the key of the request for two hours
// (https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency).
func (z *Zendesk) Open(ctx context.Context, d *helpdesk.Draft) (*helpdesk.Opened, error) {
	requester, err := z.customer(ctx, d)
	if err != nil {
		return nil, err
	}
	first := *d.First
	first.Footing = append([]string(nil), first.Footing...)
	for _, f := range d.Facts {
		first.Footing = append(first.Footing, f.Name+": "+f.Value)
	}
	author := requester
	if first.Kind != helpdesk.FromCustomer {
		author = 0
	}
	words, err := z.comment(ctx, &first, author)
	if err != nil {
		return nil, err
	}
	var made struct {
		Ticket ticket
		Audit  audit
	}
	err = z.do(ctx, kit.RESTCall{
		Method: http.MethodPost, Path: "tickets", Header: http.Header{"Idempotency-Key": {"deskbridge-" + d.Tag}}, Into: &made,
		JSON: map[string]any{"ticket": map[string]any{
			"subject": d.Subject, "external_id": ours + d.Tag, "requester_id": requester, "comment": words, "metadata": metadata{first.Tag},
			"tags": []string{"deskbridge", "channel_" + label(d.Conversation.Channel.Type)},
		}},
	})
	switch {
	case errors.Is(err, errRepeated):
		if o, again := z.Find(ctx, d.Tag); o != nil || again != nil {
			return o, again
		}
		return nil, err
	case err != nil:
		return nil, err
	case made.Ticket.ID == 0:
		return nil, connectors.Errorf(connectors.Ambiguous, "", "Zendesk did not say which ticket it made")
	}
	for i := range made.Audit.Events {
		if c := &made.Audit.Events[i]; c.is() {
			return z.opened(made.Ticket.ID, c.ID), nil
		}
	}
	return z.Find(ctx, d.Tag)
}

func (z *Zendesk) opened(id, entry int64) *helpdesk.Opened {
	n := strconv.FormatInt(id, 10)
	return &helpdesk.Opened{Ticket: n, URL: z.rest.URL + "/agent/tickets/" + n, Entry: strconv.FormatInt(entry, 10)}
}

// label is a word as tags are made of.
func label(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(s))
}

// Find looks for a ticket by its external_id, and for the comment that it
// began with.
func (z *Zendesk) Find(ctx context.Context, tag string) (*helpdesk.Opened, error) {
	var list struct{ Tickets []ticket }
	if err := z.get(ctx, "tickets", url.Values{"external_id": {ours + tag}}, &list); err != nil {
		return nil, err
	}
	for i := range list.Tickets {
		t := &list.Tickets[i]
		if t.Status == deleted {
			continue
		}
		audits, _, err := z.audits(ctx, strconv.FormatInt(t.ID, 10), "")
		if err != nil {
			return nil, err
		}
		for _, a := range audits {
			for j := range a.Events {
				if c := &a.Events[j]; c.is() {
					return z.opened(t.ID, c.ID), nil
				}
			}
		}
	}
	return nil, nil
}

// customer finds or makes the user of a customer, who gets no e-mail address.
// One that is there already stays as agents named it.
func (z *Zendesk) customer(ctx context.Context, d *helpdesk.Draft) (int64, error) {
	conv := d.Conversation
	id, name := ours+conv.Address.Value, conv.Address.Name
	if conv.Customer != nil {
		id, name = ours+conv.Customer.ID.String(), cmp.Or(conv.Customer.Name, name)
	}
	var list struct{ Users []user }
	if err := z.get(ctx, "users/search", url.Values{"external_id": {id}}, &list); err != nil {
		return 0, err
	}
	if len(list.Users) > 0 {
		return list.Users[0].ID, nil
	}
	var made struct{ User user }
	err := z.do(ctx, kit.RESTCall{Method: http.MethodPost, Path: "users/create_or_update", Into: &made, JSON: map[string]any{"user": map[string]any{
		"external_id": id, "name": cmp.Or(name, conv.Address.Value, "Customer"), "role": "end-user", "details": conv.Address.Value, "skip_verify_email": true,
	}}})
	if err == nil && made.User.ID == 0 {
		return 0, connectors.Errorf(connectors.Transient, "", "Zendesk did not say which user it made")
	}
	if e, ok := errors.AsType[*connectors.Error](err); ok && e.Class == connectors.Ambiguous {
		e.Class = connectors.Transient // making it twice is making it once
	}
	return made.User.ID, err
}

// SetState opens or solves a ticket. Solving needs somebody it is assigned to:
// our own user where there is nobody.
func (z *Zendesk) SetState(ctx context.Context, id string, s normalize.ConversationState) error {
	t, err := z.ticket(ctx, id)
	switch {
	case err != nil:
		return err
	case t.merged():
		return z.gone(ctx, id)
	case t.state() == s:
		return nil
	case t.Status == closed:
		return &helpdesk.Gone{}
	}
	change := map[string]any{"status": open}
	if s == normalize.Closed {
		change["status"] = solved
		if t.AssigneeID == 0 {
			me, err := z.me(ctx)
			if err != nil {
				return err
			}
			change["assignee_id"] = me
		}
	}
	return z.put(ctx, id, change, nil)
}

// put changes a ticket. One that is closed for good is gone.
func (z *Zendesk) put(ctx context.Context, id string, change map[string]any, into any) error {
	err := z.do(ctx, kit.RESTCall{Method: http.MethodPut, Path: "tickets/" + id, JSON: map[string]any{"ticket": change}, Into: into})
	if errors.Is(err, errClosed) {
		return z.gone(ctx, id)
	}
	return err
}
