package zendesk

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

type user struct {
	ID                int64
	Name, Email, Role string
}

// The statuses of tickets. New, open, pending and hold ones are open. Closed
// ones take no update any more.
const (
	open    = "open"
	pending = "pending"
	hold    = "hold"
	solved  = "solved"
	closed  = "closed"
	deleted = "deleted"
)

// ticket is one as the API gives it.
type ticket struct {
	ID          int64
	Status      string
	RequesterID int64 `json:"requester_id"`
	AssigneeID  int64 `json:"assignee_id"`
	Tags        []string
}

func (t *ticket) state() normalize.ConversationState {
	if t.Status == solved || t.Status == closed {
		return normalize.Closed
	}
	return normalize.Open
}

// merged reports whether Zendesk closed the ticket because it was merged.
func (t *ticket) merged() bool {
	return t.Status == closed && slices.Contains(t.Tags, "closed_by_merge")
}

// audit is one update of a ticket
// (https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_audits/).
type audit struct {
	ID        int64
	CreatedAt time.Time `json:"created_at"`
	Via       via
	Metadata  struct{ Custom json.RawMessage }
	Events    []comment
}

// metadata are those of ours, which stand where programs write what they want.
type metadata struct {
	Deskbridge string `json:"deskbridge"`
}

func (a *audit) tag() string {
	var m metadata
	_ = json.Unmarshal(a.Metadata.Custom, &m) // others than objects have none of ours
	return m.Deskbridge
}

// via says how an update was made.
type via struct {
	Source struct {
		Rel  string
		From struct {
			TicketID int64 `json:"ticket_id"`
		}
	}
}

const merge = "merge"

// comment is an event of an audit, if its type is Comment.
type comment struct {
	ID          int64
	Type        string
	Public      bool
	AuthorID    int64 `json:"author_id"`
	Body        string
	PlainBody   string `json:"plain_body"`
	HTMLBody    string `json:"html_body"`
	Attachments []attachment
}

func (c *comment) is() bool { return c.Type == "Comment" }

type attachment struct {
	ID          int64
	FileName    string `json:"file_name"`
	ContentURL  string `json:"content_url"`
	ContentType string `json:"content_type"`
	Size        int64
	Inline      bool
}

func (z *Zendesk) get(ctx context.Context, path string, q url.Values, into any) error {
	return z.do(ctx, kit.RESTCall{Method: http.MethodGet, Path: path, Query: q, Into: into})
}

func (z *Zendesk) ticket(ctx context.Context, id string) (*ticket, error) {
	var one struct{ Ticket ticket }
	if err := z.get(ctx, "tickets/"+id, nil, &one); err != nil {
		return nil, err
	}
	return &one.Ticket, nil
}

// audits is a page of the updates of a ticket, oldest first; next is the cursor
// of the one after it, empty where there is none yet.
func (z *Zendesk) audits(ctx context.Context, id, cursor string) (list []audit, next string, err error) {
	q := url.Values{"page[size]": {strconv.Itoa(pageSize)}}
	if cursor != "" {
		q.Set("page[after]", cursor)
	}
	var page struct {
		Audits []audit
		Meta   struct {
			HasMore     bool   `json:"has_more"`
			AfterCursor string `json:"after_cursor"`
		}
	}
	if err := z.get(ctx, "tickets/"+id+"/audits", q, &page); err != nil {
		return nil, "", err
	}
	if page.Meta.HasMore {
		next = page.Meta.AfterCursor
	}
	return page.Audits, next, nil
}

const pageSize = 100
