package rt

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

// The statuses that tickets are given: of RT's own lifecycle, and of nearly all
// that people make of it.
const (
	statusOpen    = "open"
	statusClosed  = "resolved"
	statusDeleted = "deleted"
)

const (
	// perPage is the most that RT lists at once.
	perPage = 100
	// perRead is how many entries one Read lists: each takes two requests more.
	perRead = 25
)

// ticket is one that is there, neither merged nor deleted.
type ticket struct {
	ID              json.Number
	Subject, Status string
	closed          bool
}

// ticket reads one. Of one that was merged RT gives what it was merged into.
func (h *Helpdesk) ticket(ctx context.Context, id string) (*ticket, error) {
	var t ticket
	err := h.get(ctx, "/ticket/"+url.PathEscape(id), nil, &t)
	switch {
	case kit.IsStatus(err, http.StatusNotFound):
		return nil, &helpdesk.Gone{}
	case kit.IsStatus(err, http.StatusForbidden):
		// Either our rights are wrong altogether, or somebody moved this ticket
		// to a queue that is not ours to see.
		if err := h.Probe(ctx); err != nil {
			return nil, err
		}
		return nil, &helpdesk.Gone{}
	case err != nil:
		return nil, err
	case t.Status == statusDeleted:
		return nil, &helpdesk.Gone{}
	case t.ID.String() != id:
		at, err := h.mergedAt(ctx, id)
		if err != nil {
			return nil, err
		}
		return nil, &helpdesk.Gone{Into: t.ID.String(), At: at}
	}
	t.closed, err = h.closed(ctx, id, t.Status)
	return &t, err
}

// mergedAt is when a ticket was merged; zero where RT does not say.
func (h *Helpdesk) mergedAt(ctx context.Context, id string) (at time.Time, err error) {
	list, _, err := h.history(ctx, id, 0, perPage, 1, "AddLink")
	for _, x := range list {
		if x.Field == "MergedInto" {
			at = x.Created
		}
	}
	return at, err
}

// closed asks RT about a status that is not its own.
func (h *Helpdesk) closed(ctx context.Context, id, status string) (bool, error) {
	switch status {
	case "new", statusOpen, "stalled":
		return false, nil
	case statusClosed, "rejected":
		return true, nil
	}
	var page struct{ Count int }
	err := h.get(ctx, "/tickets", url.Values{"query": {"id = " + id + " AND Status = '__Inactive__'"}}, &page)
	return page.Count > 0, err
}

// transaction is what was done to a ticket at once.
type transaction struct {
	ID         string
	Of         string `json:"type"` // always "transaction"; else it would be taken for Type
	Type       string
	Field      string // that was changed; of a link, its kind
	ObjectID   string `json:"ObjectId"`
	Created    time.Time
	Creator    user
	Hyperlinks []struct {
		Ref string
		URL string `json:"_url"`
	} `json:"_hyperlinks"`
}

func (t *transaction) number() int64 {
	n, _ := strconv.ParseInt(t.ID, 10, 64)
	return n
}

// history returns the transactions of some types above a number, in order: those
// of this very ticket. RT shows those of tickets that were merged into it, too;
// their customers are others.
func (h *Helpdesk) history(ctx context.Context, ticket string, after int64, limit, page int, types ...string) ([]transaction, time.Time, error) {
	filter := []map[string]string{{"field": "id", "operator": ">", "value": strconv.FormatInt(after, 10)}, {"field": "ObjectId", "value": ticket}}
	for _, typ := range types {
		filter = append(filter, map[string]string{"field": "Type", "value": typ, "entry_aggregator": "OR"})
	}
	b, err := json.Marshal(filter)
	if err != nil {
		return nil, time.Time{}, err
	}
	return h.list(ctx, "/ticket/"+url.PathEscape(ticket)+"/history", url.Values{
		"query": {string(b)}, "orderby": {"id"}, "per_page": {strconv.Itoa(limit)}, "page": {strconv.Itoa(page)},
		"fields": {"Type,Field,ObjectId,Created,Creator,_hyperlinks"}, "fields[Creator]": {"id,Name,RealName,EmailAddress"},
	})
}

// Read returns how a ticket stands and what was written on it. Its position is
// a cursor. Of a ticket that was merged it returns what had not been read by
// then: that was said to its own customer.
func (h *Helpdesk) Read(ctx context.Context, id, after string) (*helpdesk.Reading, error) {
	c, err := parseCursor(after)
	if err != nil {
		return nil, err
	}
	t, err := h.ticket(ctx, id)
	gone, merged := errors.AsType[*helpdesk.Gone](err)
	if merged = merged && gone.Into != ""; merged {
		if t, err = h.ticket(ctx, gone.Into); err != nil {
			return nil, gone
		}
	} else if err != nil {
		return nil, err
	}
	r := &helpdesk.Reading{State: normalize.Open}
	if t.closed {
		r.State = normalize.Closed
	}
	if err := h.entries(ctx, id, c, r); err != nil {
		return nil, err
	}
	if merged {
		if len(r.Entries) == 0 {
			return nil, gone
		}
		r.More = true
	}
	return r, nil
}

// entries reads what is new since a cursor.
func (h *Helpdesk) entries(ctx context.Context, id string, c cursor, r *helpdesk.Reading) error {
	me, err := h.self(ctx)
	if err != nil {
		return err
	}
	var all []transaction
	last := 1 + len(c.Seen)/perRead
	for page := 1; page <= last; page++ {
		list, now, err := h.history(ctx, id, c.After, perRead, page, "Create", "Correspond", "Comment")
		if err != nil {
			return err
		}
		for _, x := range list {
			if c.saw(&x) {
				continue
			}
			w, err := h.written(ctx, me, &x)
			if err != nil {
				return err
			}
			r.Entries = append(r.Entries, *w)
		}
		all = append(all, list...)
		if r.More = len(list) == perRead; !r.More || page == last {
			r.Position = c.next(all, now).String()
			break
		}
	}
	return nil
}
