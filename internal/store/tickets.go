package store

import (
	"context"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
	"github.com/deskbridge/deskbridge/outbox/ticket"
)

var _ ticket.Store = (*DB)(nil)

const (
	ticketSelect = `SELECT k.conversation_id, k.ticket, k.url, k.state, k.position, k.seen FROM tickets k JOIN accounts a ON a.id = k.account_id `
	lineSelect   = `SELECT l.entry, l.tag, l.conversation_id, l.message_id, l.outcome, l.reason, l.at FROM ticket_lines l
		JOIN accounts a ON a.id = l.account_id WHERE a.name = $1 AND `
)

func scanTicket(r row) (*ticket.Ticket, error) {
	k := &ticket.Ticket{}
	var state string
	err := r.scan(&k.Conversation, &k.Ticket, &k.URL, &state, &k.Position, &k.Seen)
	k.State = normalize.ConversationState(state)
	return k, err
}

// TicketOf implements ticket.Store.
func (db *DB) TicketOf(ctx context.Context, account string, conversation normalize.ID) (k *ticket.Ticket, err error) {
	err = db.read(ctx, func(s session) error {
		return s.query(ticketSelect+`WHERE a.name = $1 AND k.conversation_id = $2`, args(account, conversation), func(r row) error {
			k, err = scanTicket(r)
			return err
		})
	})
	return k, err
}

// TicketsNamed implements ticket.Store.
func (db *DB) TicketsNamed(ctx context.Context, account, name string) (list []*ticket.Ticket, err error) {
	err = db.read(ctx, func(s session) error {
		return s.query(ticketSelect+`JOIN conversations c ON c.id = k.conversation_id WHERE a.name = $1 AND k.ticket = $2
			ORDER BY c.active_at DESC, c.id DESC`, args(account, name), func(r row) error {
			k, err := scanTicket(r)
			list = append(list, k)
			return err
		})
	})
	return list, err
}

// KeepTicket implements ticket.Store.
func (db *DB) KeepTicket(ctx context.Context, account string, k *ticket.Ticket, lines ...ticket.Line) error {
	return db.write(ctx, func(t tx) error {
		a, err := db.accounts.named(t, account)
		if err != nil {
			return refuse(err)
		}
		if k != nil {
			t.exec(`INSERT INTO tickets (account_id, conversation_id, ticket, url, state, position, seen) VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (account_id, conversation_id) DO UPDATE SET ticket = excluded.ticket, url = excluded.url,
				state = excluded.state, position = excluded.position, seen = excluded.seen`,
				a.ID, k.Conversation, clean(k.Ticket), clean(k.URL), k.State, clean(k.Position), k.Seen)
		}
		for _, l := range lines {
			t.exec(`INSERT INTO ticket_lines (account_id, entry, tag, conversation_id, message_id, outcome, reason, at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account_id, entry) DO NOTHING`,
				a.ID, clean(l.Entry), l.Tag, l.Conversation, l.Message, string(l.Outcome), clean(l.Reason), l.At)
		}
		return nil
	})
}

// MoveTickets implements ticket.Store.
func (db *DB) MoveTickets(ctx context.Context, account, from, into string) error {
	return db.write(ctx, func(t tx) error {
		a, err := db.accounts.named(t, account)
		if err != nil {
			return refuse(err)
		}
		t.exec(`UPDATE tickets SET ticket = $1, url = '', position = '' WHERE account_id = $2 AND ticket = $3`, clean(into), a.ID, from)
		return nil
	})
}

// Line implements ticket.Store.
func (db *DB) Line(ctx context.Context, account, entry string) (*ticket.Line, error) {
	return db.line(ctx, `l.entry = $2`, account, entry)
}

// LineTagged implements ticket.Store.
func (db *DB) LineTagged(ctx context.Context, account, tag string) (*ticket.Line, error) {
	return db.line(ctx, `l.tag = $2 AND l.tag <> ''`, account, tag)
}

// LineOf implements ticket.Store.
func (db *DB) LineOf(ctx context.Context, account string, message normalize.ID) (*ticket.Line, error) {
	return db.line(ctx, `l.message_id = $2 AND l.message_id <> 0 AND l.outcome IN ('sent', 'noted')`, account, message)
}

func (db *DB) line(ctx context.Context, which string, values ...any) (l *ticket.Line, err error) {
	err = db.read(ctx, func(s session) error {
		l = nil
		return s.query(lineSelect+which, values, func(r row) error {
			l = &ticket.Line{}
			var outcome string
			err := r.scan(&l.Entry, &l.Tag, &l.Conversation, &l.Message, &outcome, &l.Reason, &l.At)
			l.Outcome = ticket.Outcome(outcome)
			return err
		})
	})
	return l, err
}

// TicketTrace is where a message is at a helpdesk that keeps tickets.
type TicketTrace struct {
	Helpdesk string                      `json:"helpdesk"`
	Ticket   string                      `json:"ticket"`
	URL      string                      `json:"url,omitempty"`
	State    normalize.ConversationState `json:"state"`
	// Entry holds the message, or became it; empty where none does.
	Entry   string         `json:"entry,omitempty"`
	Outcome ticket.Outcome `json:"outcome,omitempty"`
}

// TicketsOf returns the tickets of a conversation, and the entries of a
// message on them, by the helpdesk's name.
func (db *DB) TicketsOf(ctx context.Context, conversation, message normalize.ID) (list []TicketTrace, err error) {
	err = db.read(ctx, func(s session) error {
		return s.query(`SELECT a.name, k.ticket, k.url, k.state, COALESCE(l.entry, ''), COALESCE(l.outcome, '')
			FROM tickets k JOIN accounts a ON a.id = k.account_id
			LEFT JOIN ticket_lines l ON l.account_id = k.account_id AND l.message_id = $2 AND l.message_id <> 0 AND l.entry NOT LIKE 'part:%'
				AND (l.tag = '' OR l.tag = $3)
			WHERE k.conversation_id = $1 ORDER BY a.name, l.entry`, args(conversation, message, ticket.Tag(message)), func(r row) error {
			var k TicketTrace
			var state, outcome string
			err := r.scan(&k.Helpdesk, &k.Ticket, &k.URL, &state, &k.Entry, &outcome)
			k.State, k.Outcome = normalize.ConversationState(state), ticket.Outcome(outcome)
			list = append(list, k)
			return err
		})
	})
	return list, err
}

// TouchTickets implements ticket.Store.
func (db *DB) TouchTickets(ctx context.Context, in ticket.Touch) error {
	return db.work(ctx, outbox.Forward, func(t tx) error {
		a, err := db.accounts.named(t, in.Account)
		if err != nil {
			return refuse(err)
		}
		if in.Fence != 0 {
			var fence int64
			if _, err := one(t, `SELECT fence FROM leases WHERE name = $1 {LOCK}`, args("account/"+in.Account), &fence); err != nil {
				return err
			}
			if fence != in.Fence {
				return refuse(timeline.ErrFenced)
			}
		}
		if err := queueReads(t, a.ID, in.Tickets, in.Now); err != nil {
			return err
		}
		if in.Cursor != nil {
			t.insert(putCursor, a.ID, in.Cursor.Key, clean(in.Cursor.Value))
		}
		return nil
	})
}

// queueReads queues the jobs that read tickets, each in the queue of the
// conversation in which something happened last. One that waits already, and
// has not begun, reads what is there when it begins.
func queueReads(t tx, account int64, tickets []string, now time.Time) error {
	asked := make([][]any, len(tickets))
	for i, name := range tickets {
		asked[i] = args(account, clean(name))
	}
	queues := map[queueOf]time.Time{}
	err := t.each(`SELECT k.conversation_id FROM tickets k JOIN conversations c ON c.id = k.conversation_id
		WHERE k.account_id = $1 AND k.ticket = $2 ORDER BY c.active_at DESC, c.id DESC LIMIT 1`, asked, func(_ int, r row) error {
		q := queueOf{account: account}
		err := r.scan(&q.conversation)
		queues[q] = now
		return err
	})
	if err != nil {
		return err
	}
	for q := range queues {
		waiting, err := one(t, `SELECT j.id FROM jobs j JOIN queues q ON q.id = j.queue_id
			WHERE q.account_id = $1 AND q.conversation_id = $2 AND j.task = $3 AND j.state = 'queued' LIMIT 1`,
			args(account, q.conversation, outbox.TaskRead), new(normalize.ID))
		if err != nil {
			return err
		}
		if waiting {
			delete(queues, q)
		}
	}
	touchQueues(t, outbox.Forward, queues)
	for q := range queues {
		t.insert(putJob, normalize.NewID(now), outbox.TaskRead, normalize.ID(0), normalize.ID(0), outbox.Queued, now, account, q.conversation)
	}
	return nil
}
