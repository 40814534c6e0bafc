package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// where collects the conditions of a list.
type where struct {
	conditions []string
	args       []any
}

// and adds a condition; each ? in it stands for the next of values. What was
// asked for may be any text.
func (w *where) and(condition string, values ...any) {
	for _, v := range values {
		if s, ok := v.(string); ok {
			v = clean(s)
		}
		w.args = append(w.args, v)
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(w.args)), 1)
	}
	w.conditions = append(w.conditions, condition)
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

const conversationSelect = `SELECT c.id, c.account_id, c.subject, c.state, c.closed_at, c.active_at, c.assignee,
	coalesce((SELECT string_agg(t.tag, ',') FROM tags t WHERE t.conversation_id = c.id), ''), ` + windowColumns + `,
	a.kind, a.value, a.name, a.customer_id FROM conversations c JOIN addresses a ON a.id = c.address_id
	LEFT JOIN windows w ON w.account_id = c.account_id AND w.address_id = c.address_id AND w.thread = c.window_thread`

// readConversations returns conversations with their customers.
func (db *DB) readConversations(s session, tail string, list []any) (out []*normalize.Conversation, err error) {
	customers := map[normalize.ID]*normalize.Customer{}
	var owners []normalize.ID
	var accounts []int64
	err = s.query(conversationSelect+tail, list, func(r row) error {
		c := &normalize.Conversation{}
		var account int64
		var owner normalize.ID
		var w window
		var tags string
		if err := r.scan(&c.ID, &account, &c.Subject, &c.State, &c.ClosedAt, &c.LastActivityAt, &c.Assignee, &tags, &w.until, &w.remaining, &w.pending,
			&c.Address.Kind, &c.Address.Value, &c.Address.Name, &owner); err != nil {
			return err
		}
		c.OpenedAt, c.Tags = c.ID.Time(), splitTags(tags)
		c.ReplyWindow = w.left()
		customers[owner] = nil
		out, owners, accounts = append(out, c), append(owners, owner), append(accounts, account)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := readCustomers(s, customers); err != nil {
		return nil, err
	}
	for i, c := range out {
		acc, err := db.accounts.numbered(s, accounts[i])
		if err != nil {
			return nil, err
		}
		c.Channel, c.Customer = acc.ref(), customers[owners[i]]
	}
	return out, nil
}

func (db *DB) oneConversation(s session, id normalize.ID) (*normalize.Conversation, error) {
	list, err := db.readConversations(s, ` WHERE c.id = $1`, args(id))
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, timeline.ErrNotFound
	}
	return list[0], nil
}

// Conversation implements timeline.Reader.
func (db *DB) Conversation(ctx context.Context, id normalize.ID) (c *normalize.Conversation, err error) {
	err = db.read(ctx, func(s session) error {
		c, err = db.oneConversation(s, id)
		return err
	})
	return c, err
}

// Conversations implements timeline.Reader.
func (db *DB) Conversations(ctx context.Context, f timeline.ConversationFilter) (list []*normalize.Conversation, err error) {
	err = db.read(ctx, func(s session) error {
		var w where
		if f.After != 0 {
			w.and("c.id < ?", f.After)
		}
		if f.State != "" {
			w.and("c.state = ?", f.State)
		}
		if f.Channel != "" {
			w.and("c.account_id = (SELECT id FROM accounts WHERE name = ?)", f.Channel)
		}
		if f.Customer != 0 {
			customer, err := currentCustomer(s, f.Customer)
			if err != nil {
				return err
			}
			w.and("a.customer_id = ?", customer)
		}
		list, err = db.readConversations(s, fmt.Sprintf("%s ORDER BY c.id DESC LIMIT %d", &w, bounded(f.Limit)), w.args)
		return err
	})
	return list, err
}

// SetConversation implements timeline.Store.
func (db *DB) SetConversation(ctx context.Context, id normalize.ID, state normalize.ConversationState, now time.Time) (*normalize.Conversation, error) {
	if !slices.Contains([]normalize.ConversationState{normalize.Open, normalize.Closed}, state) {
		return nil, fmt.Errorf("%w: a conversation cannot be %q", timeline.ErrConflict, state)
	}
	err := db.write(ctx, func(t tx) error {
		b := newBatch(db, t)
		c, err := b.conversation(id)
		if err != nil {
			return err
		}
		if c == nil {
			return refuse(timeline.ErrNotFound)
		}
		if !c.erasedAt.IsZero() {
			return refuse(timeline.ErrErased)
		}
		if state == normalize.Open {
			if c.state != state {
				b.reopen(c, now)
				c.activeAt = maxTime(c.activeAt, now) // or it would be idle at once
			}
		} else {
			b.shut(c, now)
		}
		b.saveConversations()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return db.Conversation(ctx, id)
}

// CloseIdle implements timeline.Store.
func (db *DB) CloseIdle(ctx context.Context, before, now time.Time, limit int) (int, error) {
	return commit(ctx, db, func(t tx) (int, error) {
		var ids []normalize.ID
		err := t.query(fmt.Sprintf(`SELECT id FROM conversations WHERE state = 'open' AND active_at < $1 ORDER BY active_at LIMIT %d`, bounded(limit)),
			args(before), func(r row) error { return scanID(r, &ids) })
		if err != nil {
			return 0, err
		}
		slices.Sort(ids)
		b := newBatch(db, t)
		if err := b.readConversations(ids); err != nil {
			return 0, err
		}
		n := 0
		for _, id := range ids {
			if c := b.conversations[id]; c != nil && c.state == normalize.Open && c.activeAt.Before(before) {
				b.shut(c, now)
				n++
			}
		}
		b.saveConversations()
		return n, nil
	})
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
