package ticket

import (
	"context"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// Ticket is how a conversation stands at a helpdesk.
type Ticket struct {
	Conversation normalize.ID                `json:"conversation_id"`
	Ticket       string                      `json:"ticket"`
	URL          string                      `json:"url,omitempty"`
	State        normalize.ConversationState `json:"state"` // as the helpdesk had it last
	// Position is how far the ticket has been read.
	Position string `json:"-"`
	// Seen is the newest inbound message that was written on it.
	Seen normalize.ID `json:"-"`
}

// Outcome is what became of an entry of a ticket. Every one that was read has
// one.
type Outcome string

const (
	Ours    Outcome = "ours"    // we wrote it
	Sent    Outcome = "sent"    // an agent's answer, which became a message
	Noted   Outcome = "noted"   // an agent's note, which became one of ours
	Refused Outcome = "refused" // an agent's answer that cannot be delivered: a remark says so
	Ignored Outcome = "ignored" // there is nothing in it, or nothing for our customer
)

// Line is an entry of a ticket, written by us or read, and what became of it.
type Line struct {
	Entry        string
	Tag          string // of what we wrote
	Conversation normalize.ID
	Message      normalize.ID // which it holds, or became
	Outcome      Outcome
	Reason       string
	At           time.Time
}

// Tag is that of the entry which holds a message.
func Tag(message normalize.ID) string { return "m" + message.String() }

// Touch says that tickets have changed.
type Touch struct {
	Account string
	Tickets []string
	// Cursor is how far the helpdesk was asked for changes; nil where it called
	// us by itself. Fence is then the token of the account's lease.
	Cursor *normalize.Cursor
	Fence  int64
	Now    time.Time
}

// Store is what keeping tickets needs of the database. Every method that
// writes is one commit. account is the helpdesk's name.
type Store interface {
	// Event returns an event as it reads now; timeline.ErrNotFound where what
	// it tells of was erased.
	Event(ctx context.Context, id normalize.ID) (*normalize.Event, error)
	Conversation(ctx context.Context, id normalize.ID) (*normalize.Conversation, error)
	LastInbound(ctx context.Context, conversation normalize.ID) (*normalize.Message, error)
	SetConversation(ctx context.Context, id normalize.ID, s normalize.ConversationState, now time.Time) (*normalize.Conversation, error)

	// TicketOf returns a conversation's ticket, or nil.
	TicketOf(ctx context.Context, account string, conversation normalize.ID) (*Ticket, error)
	// TicketsNamed returns how the conversations that have a ticket stand, the
	// one in which something happened last first.
	TicketsNamed(ctx context.Context, account, ticket string) ([]*Ticket, error)
	// KeepTicket writes a ticket down, and lines with it.
	KeepTicket(ctx context.Context, account string, t *Ticket, lines ...Line) error
	// MoveTickets gives the conversations of one ticket another one.
	MoveTickets(ctx context.Context, account, from, into string) error
	// Line returns an entry, or nil where it is not known.
	Line(ctx context.Context, account, entry string) (*Line, error)
	// LineTagged returns the entry that we wrote with a tag, or nil.
	LineTagged(ctx context.Context, account, tag string) (*Line, error)
	// LineOf returns the entry that became a message, or nil.
	LineOf(ctx context.Context, account string, message normalize.ID) (*Line, error)
	// TouchTickets queues a job for each ticket that is known, unless one is
	// waiting already: see outbox.TaskRead.
	TouchTickets(ctx context.Context, t Touch) error
}
