package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// Comparison is what two helpdesks were given, as long as their jobs are kept.
type Comparison struct {
	Helpdesks [2]string      `json:"helpdesks"`
	Since     time.Time      `json:"since"`
	Until     time.Time      `json:"until"`
	Types     []ComparedType `json:"types"`
	// Only are the conversations that one helpdesk got and the other did not,
	// oldest first; of each helpdesk.
	Only [2][]normalize.ID `json:"only"`
	// Differ are conversations of which both got something, and not the same.
	Differ []normalize.ID `json:"differ"`
}

// ComparedType counts the events of one type at both helpdesks.
type ComparedType struct {
	Type   normalize.EventType `json:"type"`
	Counts [2]ComparedCount    `json:"counts"`
}

// ComparedCount is how the forwarding of some events stands.
type ComparedCount struct {
	Taken   int `json:"taken"`
	Waiting int `json:"waiting"`
	Failed  int `json:"failed"` // also expired and cancelled
}

// told is what an event says, whichever id it has.
type told struct {
	typ     normalize.EventType
	message normalize.ID
}

// typeGone stands for the type of an event that is no longer kept.
const typeGone normalize.EventType = "no longer kept"

// Compare compares what two helpdesks were given of what happened from since
// to until.
func (db *DB) Compare(ctx context.Context, a, b string, since, until time.Time) (*Comparison, error) {
	c := &Comparison{Helpdesks: [2]string{a, b}, Since: since, Until: until, Types: []ComparedType{}}
	types := map[normalize.EventType]*[2]ComparedCount{}
	var got [2]map[normalize.ID]map[told]int // by conversation
	err := db.read(ctx, func(s session) error {
		for i, name := range c.Helpdesks {
			acc, err := db.accounts.named(s, name)
			if err != nil {
				return err
			}
			if acc.Role != RoleHelpdesk {
				return fmt.Errorf("%q is no helpdesk", name)
			}
			got[i] = map[normalize.ID]map[told]int{}
			err = s.query(`SELECT j.event_id, coalesce(e.type, ''), q.conversation_id, j.message_id, coalesce(m.flags, 0), j.state
				FROM jobs j JOIN queues q ON q.id = j.queue_id LEFT JOIN events e ON e.id = j.event_id LEFT JOIN messages m ON m.id = j.message_id
				WHERE j.id >= $1 AND j.id < $2 AND q.account_id = $3 AND j.event_id <> 0`,
				args(normalize.FirstID(since), normalize.FirstID(until), acc.ID), func(r row) error {
					var p past
					var flags int64
					var state string
					if err := r.scan(&p.event, &p.typ, &p.conversation, &p.message, &flags, &state); err != nil {
						return err
					}
					if p.typ == "" {
						p.typ = p.madeType(flags)
					}
					if types[p.typ] == nil {
						types[p.typ] = &[2]ComparedCount{}
					}
					types[p.typ][i].count(outbox.State(state))
					if outbox.State(state) == outbox.Done && p.conversation != 0 {
						if got[i][p.conversation] == nil {
							got[i][p.conversation] = map[told]int{}
						}
						got[i][p.conversation][told{p.typ, p.message}]++
					}
					return nil
				})
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, typ := range slices.Sorted(maps.Keys(types)) {
		c.Types = append(c.Types, ComparedType{typ, *types[typ]})
	}
	for i := range got {
		c.Only[i] = []normalize.ID{}
		for id := range got[i] {
			if got[1-i][id] == nil {
				c.Only[i] = append(c.Only[i], id)
			}
		}
		slices.SortFunc(c.Only[i], cmp.Compare)
	}
	c.Differ = []normalize.ID{}
	for id, events := range got[0] {
		if other := got[1][id]; other != nil && !maps.Equal(events, other) {
			c.Differ = append(c.Differ, id)
		}
	}
	slices.SortFunc(c.Differ, cmp.Compare)
	return c, err
}

// madeType is the type of an event that is not kept, by its id.
func (p past) madeType(flags int64) normalize.EventType {
	switch p.event {
	case p.message:
		return messageType(flags)
	case p.conversation:
		return normalize.ConversationOpened
	case endOf(p.conversation):
		return normalize.ConversationClosed
	}
	return typeGone
}

func (c *ComparedCount) count(s outbox.State) {
	switch s {
	case outbox.Done:
		c.Taken++
	case outbox.Queued, outbox.Sending:
		c.Waiting++
	default:
		c.Failed++
	}
}
