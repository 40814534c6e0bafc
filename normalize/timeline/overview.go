package timeline

import (
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// Overview is a conversation as a list of work shows it.
type Overview struct {
	*normalize.Conversation
	// Last is its newest message that is no note; nil where there is none.
	Last *normalize.Message
	// Asked is the customer's newest message that nobody has answered; nil
	// where there is none. Quiet ones need no answer.
	Asked *normalize.Message
	// Unread: the customer wrote since OverviewFilter.Agent looked.
	Unread bool
	// Match is the newest message that holds the words of the query, and
	// Around some of what it says there; zero where the words are in the
	// subject, a name or an address alone.
	Match  normalize.ID
	Around string
}

// OverviewFilter selects conversations, the most recently active first.
type OverviewFilter struct {
	State normalize.ConversationState // open where it is empty
	// AnyState asks for open and closed ones. No index gives their order, so
	// that it takes longer the more there are.
	AnyState bool
	Channel  string // empty for all
	// Query is a piece of the subject, of the customer's name or of the
	// address, or beginnings of words that all are in one of the newer
	// messages, whatever their case; empty for all.
	Query string
	// Assignee is whose conversations; Nobodys asks for those that are
	// nobody's instead.
	Assignee string
	Nobodys  bool
	Tag      string
	// Agent is who looks, by the e-mail address; Unread asks for what they
	// have not read.
	Agent  string
	Unread bool
	// ActiveAt and ID are those of the last conversation of the page before.
	ActiveAt time.Time
	ID       normalize.ID
	Limit    int
}
