package timeline

import (
	"context"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// govern stops a storm: when a machine of ours and one of theirs answer each
// other, somebody has to say no. It counts what is stored, so a restart and a
// second node change nothing. Answers that come at the very same moment may
// all get through; the next one does not.
func (d *Desk) govern(ctx context.Context, m *normalize.Message, o Outlet, now time.Time) error {
	limit := d.MaxPerPeerHour
	if limit < 0 {
		limit = o.PerPeerHour()
	}
	if limit == 0 {
		return nil
	}
	n, err := d.Store.Written(ctx, m.Channel.Name, m.Address, now.Add(-time.Hour), now)
	if err != nil {
		return fmt.Errorf("messages to %s: %w", m.Address.Value, err)
	}
	if n < limit {
		return nil
	}
	return Refuse("too_many", "%d messages went to %s within the last hour, and delivery.max_per_peer_hour allows %d: wait, or let an administrator raise it where people wrote them",
		n, m.Address.Value, limit)
}
