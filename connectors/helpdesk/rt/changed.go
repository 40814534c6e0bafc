package rt

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
)

const (
	// maxPages bounds what one call of Changed reads beyond what was seen.
	maxPages = 5
	// maxSeen bounds the numbers in a cursor.
	maxSeen = 1000
)

// settling is how long a transaction may take from its number to its commit: a
// smaller number may become visible after a larger one.
const settling = 2 * time.Minute

// cursor is a place in RT's transactions, whose numbers rise. Those that are
// not settled yet are looked at again; Seen are the ones among them that were
// told of already.
type cursor struct {
	After int64   `json:"after"`
	Seen  []int64 `json:"seen,omitempty"`
}

// parseCursor reads what String wrote; "" is the beginning.
func parseCursor(s string) (c cursor, err error) {
	if s != "" && json.Unmarshal([]byte(s), &c) != nil {
		return c, connectors.Errorf(connectors.Rejected, "", "%q is no cursor of ours", s)
	}
	return c, nil
}

// Changed names tickets by the transactions since the cursor: those of our
// queue, and of tickets that were ours and moved to another. What this process
// wrote itself is no news.
func (h *Helpdesk) Changed(ctx context.Context, from string) (helpdesk.Changes, error) {
	me, err := h.self(ctx)
	if err != nil {
		return helpdesk.Changes{}, err
	}
	if from == "" {
		list, _, err := h.transactions(ctx, "id > 0", "DESC", 1, 1)
		if err != nil {
			return helpdesk.Changes{}, err
		}
		var c cursor
		if len(list) > 0 {
			c.After = list[0].number()
		}
		return helpdesk.Changes{Cursor: c.String()}, nil
	}
	c, err := parseCursor(from)
	if err != nil {
		return helpdesk.Changes{}, err
	}
	where := fmt.Sprintf(`id > %d AND (TicketQueue = %s OR TicketCreator = %s) AND (Type = 'Create' OR Type = 'Correspond' OR Type = 'Comment' OR Type = 'Status' OR Type = 'AddLink')`,
		c.After, quote(h.queue), quote(me.Name))
	var changes helpdesk.Changes
	var all []transaction
	last := maxPages + len(c.Seen)/perPage
	for page := 1; page <= last; page++ {
		list, now, err := h.transactions(ctx, where, "ASC", perPage, page)
		if err != nil {
			return helpdesk.Changes{}, err
		}
		for _, x := range list {
			if !c.saw(&x) && !h.ours(x.ID) && !slices.Contains(changes.Tickets, x.ObjectID) {
				changes.Tickets = append(changes.Tickets, x.ObjectID)
			}
		}
		all = append(all, list...)
		changes.More = len(list) == perPage
		if !changes.More || page == last {
			changes.Cursor = c.next(all, now).String()
			break
		}
	}
	return changes, nil
}

func (h *Helpdesk) ours(transaction string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wrote[transaction]
}

func (c cursor) saw(x *transaction) bool { return slices.Contains(c.Seen, x.number()) }

// next is the cursor behind a list, by RT's clock.
func (c cursor) next(list []transaction, now time.Time) cursor {
	n := cursor{After: c.After}
	for _, x := range list {
		if len(n.Seen) == 0 && now.Sub(x.Created) > settling {
			n.After = x.number()
			continue
		}
		n.Seen = append(n.Seen, x.number())
	}
	// More than that within two minutes: what comes late among them is only
	// seen by the next change of its ticket.
	if over := len(n.Seen) - maxSeen; over > 0 {
		n.After, n.Seen = n.Seen[over-1], n.Seen[over:]
	}
	return n
}

func (c cursor) String() string {
	b, _ := json.Marshal(c) //nolint:errchkjson // numbers always can
	return string(b)
}

// transactions searches those of tickets, and returns RT's time with them.
func (h *Helpdesk) transactions(ctx context.Context, where, order string, limit, page int) ([]transaction, time.Time, error) {
	// With ObjectType first, RT leaves out by the database what we may not see,
	// and pages are full.
	return h.list(ctx, "/transactions", url.Values{
		"query": {"ObjectType = 'RT::Ticket' AND " + where}, "orderby": {"id"}, "order": {order},
		"per_page": {strconv.Itoa(limit)}, "page": {strconv.Itoa(page)}, "fields": {"Type,ObjectId,Created"},
	})
}

func (h *Helpdesk) list(ctx context.Context, path string, query url.Values) ([]transaction, time.Time, error) {
	var found struct{ Items []transaction }
	header, err := h.api.Do(ctx, kit.RESTCall{Method: http.MethodGet, Path: path, Query: query, Into: &found})
	if err != nil {
		return nil, time.Time{}, err
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = h.clock.Now()
	}
	return found.Items, now, nil
}
