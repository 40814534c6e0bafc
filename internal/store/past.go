package store

import (
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// past is one thing that a helpdesk could have been told of. Where its event is
// no longer kept, it is made of what is: the id of a message stands for the
// event that the message came or went, that of a conversation for its opening,
// and that of a conversation with its last bit turned for its end. So such an
// event has the same id each time that it is made.
type past struct {
	event        normalize.ID
	typ          normalize.EventType
	conversation normalize.ID
	message      normalize.ID // 0 where it is about none
	at           normalize.ID // where it stands in the order
	made         bool         // its event is not kept
	// before: the helpdesk was told of the conversation before this happened.
	before bool
}

// endOf is the id of the event that a conversation was closed; it lies in the
// same microsecond as the conversation's own, where a process makes one id.
func endOf(conversation normalize.ID) normalize.ID { return conversation ^ 1 }

// nodeBits are the bits of an id below its time.
var nodeBits = normalize.FirstID(time.UnixMicro(1)) - 1

// jobFor is the id of the job that brings a past event to a helpdesk: at the
// time of the event, so that queues, which go by ids, keep the order of what
// happened and what happens now comes behind.
func (p past) jobFor(account int64) normalize.ID { return p.at ^ normalize.ID(account)&nodeBits }

func messageType(flags int64) normalize.EventType {
	if flags&flagOutbound != 0 {
		return normalize.MessageSent
	}
	return normalize.MessageReceived
}

// madeEvent makes an event that is not kept; timeline.ErrNotFound where the id
// stands for none.
func madeEvent(s session, id normalize.ID) (e eventRow, err error) {
	e.ID, e.Timestamp = id, id.Time()
	var flags int64
	found, err := one(s, `SELECT conversation_id, flags FROM messages WHERE id = $1`, args(id), &e.Conversation, &flags)
	if err != nil {
		return e, err
	}
	if found {
		if flags&(flagErased|flagEcho) != 0 {
			return e, timeline.ErrNotFound
		}
		e.Type, e.ref = messageType(flags), id
		return e, nil
	}
	for typ, of := range map[normalize.EventType]normalize.ID{normalize.ConversationOpened: id, normalize.ConversationClosed: endOf(id)} {
		var c conversationRow
		found, err := one(s, `SELECT closed_at, erased_at FROM conversations WHERE id = $1`, args(of), &c.closedAt, &c.erasedAt)
		if err != nil {
			return e, err
		}
		if !found || !c.erasedAt.IsZero() {
			continue
		}
		e.Type, e.Conversation, e.ref = typ, of, of
		if typ == normalize.ConversationClosed && !c.closedAt.IsZero() {
			e.Timestamp = c.closedAt
		}
		return e, nil
	}
	return e, timeline.ErrNotFound
}
