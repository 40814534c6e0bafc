package zendesk

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
)

const (
	// exportPage is how many tickets are asked for at once; 1,000 is the most.
	exportPage = 500
	// early is how long ago exports begin: their start has to be older than a
	// minute, by Zendesk's clock.
	early = 5 * time.Minute
	// sinceTime begins a cursor that is a time, before Zendesk gave one.
	sinceTime = "time:"
)

// Changed goes through the export of changed tickets
// (https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/#incremental-ticket-export-cursor-based).
// It leaves out the last minute, and names deleted tickets too. Tickets that
// are not ours are named as well: one of ours may have been merged into them.
func (z *Zendesk) Changed(ctx context.Context, cursor string) (helpdesk.Changes, error) {
	first := cursor == ""
	if first {
		cursor = sinceTime + strconv.FormatInt(z.deps.Clock.Now().Add(-early).Unix(), 10)
	}
	q := url.Values{"per_page": {strconv.Itoa(exportPage)}}
	if start, ok := strings.CutPrefix(cursor, sinceTime); ok {
		q.Set("start_time", start)
	} else {
		q.Set("cursor", cursor)
	}
	var page struct {
		Tickets     []ticket
		AfterCursor string `json:"after_cursor"`
		EndOfStream *bool  `json:"end_of_stream"`
	}
	if err := z.get(ctx, "incremental/tickets/cursor", q, &page); err != nil {
		return helpdesk.Changes{}, err
	}
	if page.EndOfStream == nil {
		return helpdesk.Changes{}, connectors.Errorf(connectors.Transient, "", "Zendesk does not say whether there is more")
	}
	changes := helpdesk.Changes{Cursor: cursor, More: !*page.EndOfStream}
	if page.AfterCursor != "" {
		changes.Cursor = page.AfterCursor
	}
	if first {
		return changes, nil
	}
	for _, t := range page.Tickets {
		changes.Tickets = append(changes.Tickets, strconv.FormatInt(t.ID, 10))
	}
	return changes, nil
}
