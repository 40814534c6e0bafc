package freshdesk

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// The states of a ticket that mean something here; all others are open
// (https://developers.freshdesk.com/api/#ticket_attributes).
const (
	statusOpen     = 2
	statusResolved = 4
	statusClosed   = 5
)

// ticket is what is asked of a ticket.
type ticket struct {
	ID          int64        `json:"id"`
	Status      int          `json:"status"`
	Tags        []string     `json:"tags"`
	RequesterID int64        `json:"requester_id"`
	Deleted     bool         `json:"deleted"`
	Description string       `json:"description"`
	Attachments []attachment `json:"attachments"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`
}

func (t *ticket) state() normalize.ConversationState {
	if t.Status == statusResolved || t.Status == statusClosed {
		return normalize.Closed
	}
	return normalize.Open
}

// conversation is a reply or a note
// (https://developers.freshdesk.com/api/#conversations).
type conversation struct {
	ID          int64        `json:"id"`
	Body        string       `json:"body"`
	Private     bool         `json:"private"`
	Incoming    bool         `json:"incoming"`
	Source      int          `json:"source"`
	UserID      int64        `json:"user_id"`
	Attachments []attachment `json:"attachments"`
	CreatedAt   time.Time    `json:"created_at"`
}

type attachment struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	URL         string `json:"attachment_url"`
}

// The sources of a conversation that are answers or notes; others are
// forwarded mails, surveys and the like.
const (
	sourceReply = 0
	sourceNote  = 2
)

// perPage is how many things a list has at once, at most.
const perPage = 100

// ticket returns a ticket that is still there.
func (f *Freshdesk) ticket(ctx context.Context, id string) (*ticket, error) {
	var t ticket
	if _, err := f.get(ctx, "/tickets/"+url.PathEscape(id), nil, &t); err != nil {
		return nil, ofTicket(err)
	}
	if t.Deleted {
		return nil, &helpdesk.Gone{}
	}
	return &t, nil
}

// conversations returns one page of a ticket's, oldest first.
func (f *Freshdesk) conversations(ctx context.Context, id string, page int) ([]conversation, error) {
	var list []conversation
	_, err := f.get(ctx, "/tickets/"+url.PathEscape(id)+"/conversations", url.Values{
		"per_page": {strconv.Itoa(perPage)}, "page": {strconv.Itoa(page)},
	}, &list)
	return list, ofTicket(err)
}

// maxPages bounds how many pages of one ticket are read in a row.
const maxPages = 5

// mergedInto returns the ticket that a closed one was merged into, as the note
// says that a merge leaves at its end; nil where there is none.
func (f *Freshdesk) mergedInto(ctx context.Context, t *ticket) (*helpdesk.Gone, error) {
	if t.Status != statusClosed {
		return nil, nil
	}
	var last *conversation
	for page := 1; page <= 10*maxPages; page++ {
		list, err := f.conversations(ctx, itoa(t.ID), page)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			last = &list[len(list)-1]
		}
		if len(list) < perPage {
			break
		}
	}
	return mergeNote(t, last), nil
}

var intoTicket = regexp.MustCompile(`(?i)\bmerged into ticket\W{0,20}([0-9]{1,19})\b`)

func mergeNote(t *ticket, last *conversation) *helpdesk.Gone {
	if t.Status != statusClosed || last == nil || !last.Private || last.Source != sourceNote {
		return nil
	}
	m := intoTicket.FindStringSubmatch(text.FromHTML(last.Body))
	if m == nil || m[1] == itoa(t.ID) {
		return nil
	}
	return &helpdesk.Gone{Into: m[1]}
}

// alive returns a ticket that was neither deleted nor merged.
func (f *Freshdesk) alive(ctx context.Context, id string) (*ticket, error) {
	t, err := f.ticket(ctx, id)
	if err != nil {
		return nil, err
	}
	gone, err := f.mergedInto(ctx, t)
	if err != nil {
		return nil, err
	}
	if gone != nil {
		return nil, gone
	}
	return t, nil
}

// SetState implements helpdesk.Tickets.
func (f *Freshdesk) SetState(ctx context.Context, id string, s normalize.ConversationState) error {
	t, err := f.alive(ctx, id)
	if err != nil {
		return err
	}
	return f.setState(ctx, t, s)
}

func (f *Freshdesk) setState(ctx context.Context, t *ticket, s normalize.ConversationState) error {
	if t.state() == s {
		return nil
	}
	status := statusOpen
	if s == normalize.Closed {
		status = statusClosed
	}
	_, err := f.do(ctx, kit.RESTCall{Method: http.MethodPut, Path: "/tickets/" + itoa(t.ID), JSON: map[string]any{"status": status}})
	return ofTicket(err)
}

// requester is who a ticket is made for: a contact that Freshdesk finds by the
// external id, or makes.
func requester(c *normalize.Conversation) (externalID, name string) {
	id, name := c.ID, c.Address.Name
	if c.Customer != nil {
		id, name = c.Customer.ID, cmp.Or(c.Customer.Name, name)
	}
	return "deskbridge-" + id.String(), text.Truncate(cmp.Or(name, c.Address.Value, "Customer"), 120)
}
