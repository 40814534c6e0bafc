package normalize

import "time"

// EventType names what happened, as helpdesks and API clients see it.
type EventType string

const (
	MessageReceived    EventType = "message.received"
	MessageSent        EventType = "message.sent" // an agent's message was committed
	MessageStatus      EventType = "message.status"
	MessageEdited      EventType = "message.edited"
	MessageDeleted     EventType = "message.deleted"
	ConversationOpened EventType = "conversation.opened"
	ConversationClosed EventType = "conversation.closed"
	// ConversationUpdated: its assignee or its tags were changed.
	ConversationUpdated EventType = "conversation.updated"
	CustomerMerged      EventType = "customer.merged"
	CustomerUnmerged    EventType = "customer.unmerged"
	CustomerOptedOut    EventType = "customer.opted_out"
	AccountState        EventType = "account.state"
)

// EventTypes lists all types.
var EventTypes = []EventType{
	MessageReceived, MessageSent, MessageStatus, MessageEdited, MessageDeleted,
	ConversationOpened, ConversationClosed, ConversationUpdated,
	CustomerMerged, CustomerUnmerged, CustomerOptedOut, AccountState,
}

// Event is one thing that happened. Its JSON form is the body of a webhook and
// an item of GET /v1/events.
type Event struct {
	ID        ID        `json:"id"`
	Type      EventType `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	// Data is, by type: *MessageEvent, *Conversation, *MergeEvent,
	// *OptOutEvent or *AccountEvent.
	Data any `json:"data"`
	// Seq orders events as they were committed, over all nodes.
	Seq int64 `json:"-"`
	// Conversation is zero for events that belong to none.
	Conversation ID `json:"-"`
}

// MessageEvent is the message as it is now, with what changed.
type MessageEvent struct {
	*Message
	// Change is set for message.status: the part and its new status.
	Change *StatusChange `json:"change,omitempty"`
}

// StatusChange is one step of one part, or of one of several recipients of it.
type StatusChange struct {
	PartID ID     `json:"part_id"`
	Status Status `json:"status"`
	// Previous is where the part itself stood until then; empty where it moved
	// not.
	Previous Status `json:"previous,omitempty"`
	// Recipient is set where the step is this recipient's; where there are
	// several, the part itself may stand elsewhere.
	Recipient *Address `json:"recipient,omitempty"`
	// Final is the address that this recipient's mail was sent on to, where the
	// step was taken there.
	Final  *Address  `json:"final_recipient,omitempty"`
	Code   string    `json:"code,omitempty"`
	Detail string    `json:"detail,omitempty"`
	At     time.Time `json:"at"`
}

// Conversation is a stretch of a customer's timeline about one matter.
type Conversation struct {
	ID       ID                `json:"id"`
	Customer *Customer         `json:"customer,omitempty"`
	Channel  Account           `json:"channel"`
	Address  Address           `json:"address"`
	Subject  string            `json:"subject"`
	State    ConversationState `json:"state"`
	// Assignee is the e-mail address of the agent whose it is; empty for
	// nobody's.
	Assignee string `json:"assignee,omitempty"`
	// Tags are in lower case and in order.
	Tags           []string     `json:"tags,omitempty"`
	OpenedAt       time.Time    `json:"opened_at"`
	ClosedAt       time.Time    `json:"closed_at,omitzero"`
	LastActivityAt time.Time    `json:"last_activity_at"`
	ReplyWindow    *ReplyWindow `json:"reply_window"`
}

// ConversationState is open or closed.
type ConversationState string

const (
	Open   ConversationState = "open"
	Closed ConversationState = "closed"
)

// MergeEvent tells that two customers became one, or two again.
type MergeEvent struct {
	MergeID ID     `json:"merge_id"`
	From    ID     `json:"from"`
	Into    ID     `json:"into"`
	Reason  string `json:"reason"`
	Author  string `json:"author"`
}

// OptOutEvent tells that an address must not be written to any more.
type OptOutEvent struct {
	Customer *Customer `json:"customer,omitempty"`
	Address  Address   `json:"address"`
	Reason   string    `json:"reason"`
}

// AccountEvent tells that an account went up or down.
type AccountEvent struct {
	Account Account `json:"account"`
	State   string  `json:"state"` // connected, degraded, down, paused
	Reason  string  `json:"reason"`
}
