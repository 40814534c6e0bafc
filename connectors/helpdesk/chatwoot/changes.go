package chatwoot

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
)

// overlap is how far, in seconds, activity is looked at once more, since it may
// become visible after later one.
const overlap = 60

// cursor is how far conversations have been looked at.
type cursor struct {
	// Since is the last activity, in seconds of Unix time by Chatwoot's clock.
	Since int64 `json:"since"`
	// Seen are the conversations of the time of overlap before it, as they
	// stood.
	Seen map[string]string `json:"seen,omitempty"`
}

// stand tells whether something happened in a conversation.
func (c *conversation) stand() string {
	var last int64
	for _, m := range c.Messages {
		last = max(last, m.ID)
	}
	return fmt.Sprint(c.LastActivityAt, " ", c.Status, " ", last)
}

// Changed goes through the conversations of the inbox, the one with the last
// activity first, back to where it was last time. A conversation that becomes
// active meanwhile pushes others back to a page that is still to come, and is
// found itself the next time.
func (c *Chatwoot) Changed(ctx context.Context, from string) (helpdesk.Changes, error) {
	var before cursor
	if from != "" && json.Unmarshal([]byte(from), &before) != nil {
		return helpdesk.Changes{}, connectors.Errorf(connectors.Rejected, "", "%q is no cursor of Chatwoot's", from)
	}
	var changed []string
	now := cursor{Since: before.Since, Seen: map[string]string{}}
	stands := map[string]conversation{}
pages:
	for page := 1; ; page++ {
		list, err := c.list(ctx, url.Values{"page": {strconv.Itoa(page)}})
		if err != nil {
			return helpdesk.Changes{}, err
		}
		for i := range list {
			conv := list[i]
			now.Since = max(now.Since, conv.LastActivityAt)
			id := strconv.FormatInt(conv.ID, 10)
			_, again := stands[id]
			switch {
			case from == "" && conv.LastActivityAt < now.Since-overlap, from != "" && conv.LastActivityAt < before.Since-overlap:
				break pages
			case again:
				continue
			}
			stands[id] = conv
			if from != "" && before.Seen[id] != conv.stand() {
				changed = append(changed, id)
			}
		}
		if len(list) == 0 {
			break
		}
	}
	for id, conv := range stands {
		if conv.LastActivityAt >= now.Since-overlap {
			now.Seen[id] = conv.stand()
		}
	}
	encoded, err := json.Marshal(now)
	if err != nil {
		return helpdesk.Changes{}, connectors.Errorf(connectors.Rejected, "", "the cursor cannot be written: %w", err)
	}
	return helpdesk.Changes{Tickets: changed, Cursor: string(encoded)}, nil
}
