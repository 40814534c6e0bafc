package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// eventRow is an event as it is stored.
type eventRow struct {
	normalize.Event
	ref    normalize.ID
	detail string
}

const eventSelect = `SELECT seq, id, type, conversation_id, ref_id, detail FROM events`

func scanEvent(r row) (e eventRow, err error) {
	err = r.scan(&e.Seq, &e.ID, &e.Type, &e.Conversation, &e.ref, &e.detail)
	e.Timestamp = e.ID.Time()
	return e, err
}

// Events implements timeline.Reader.
func (db *DB) Events(ctx context.Context, after int64, limit int) (list []*normalize.Event, err error) {
	err = db.read(ctx, func(s session) error {
		var rows []eventRow
		if err := s.query(fmt.Sprintf(eventSelect+` WHERE seq > $1 ORDER BY seq LIMIT %d`, bounded(limit)), args(after), func(r row) error {
			e, err := scanEvent(r)
			rows = append(rows, e)
			return err
		}); err != nil {
			return err
		}
		list, err = db.renderEvents(s, rows)
		return err
	})
	return list, err
}

// Event returns one event by its id, for the forward lane; also one that a
// replay made, see past.
func (db *DB) Event(ctx context.Context, id normalize.ID) (e *normalize.Event, err error) {
	err = db.read(ctx, func(s session) error {
		var rows []eventRow
		if err := s.query(eventSelect+` WHERE id = $1`, args(id), func(r row) error {
			e, err := scanEvent(r)
			rows = append(rows, e)
			return err
		}); err != nil {
			return err
		}
		if len(rows) == 0 {
			e, err := madeEvent(s, id)
			if err != nil {
				return err
			}
			rows = append(rows, e)
		}
		list, err := db.renderEvents(s, rows)
		if err == nil {
			e = list[0]
		}
		return err
	})
	return e, err
}

// LastEvent implements timeline.Reader.
func (db *DB) LastEvent(ctx context.Context) (seq int64, err error) {
	err = db.read(ctx, func(s session) error {
		_, err := one(s, `SELECT coalesce(max(seq), 0) FROM events`, nil, &seq)
		return err
	})
	return seq, err
}

// renderEvents makes events of rows: with the things that they are about, as
// these are now.
func (db *DB) renderEvents(s session, rows []eventRow) ([]*normalize.Event, error) {
	messages, err := db.messagesOfEvents(s, rows)
	if err != nil {
		return nil, err
	}
	list := make([]*normalize.Event, len(rows))
	conversations := map[normalize.ID]*normalize.Conversation{}
	for i := range rows {
		e := &rows[i]
		if e.Data, err = db.eventData(s, e, messages, conversations); err != nil {
			return nil, fmt.Errorf("event %s: %w", e.ID, err)
		}
		list[i] = &e.Event
	}
	return list, nil
}

func (db *DB) messagesOfEvents(s session, rows []eventRow) (map[normalize.ID]*normalize.Message, error) {
	wanted := map[normalize.ID]bool{}
	for _, e := range rows {
		switch e.Type {
		case normalize.MessageReceived, normalize.MessageSent, normalize.MessageStatus, normalize.MessageEdited, normalize.MessageDeleted:
			wanted[e.ref] = true
		}
	}
	list, err := db.readMessages(s, sortedKeys(wanted))
	if err != nil {
		return nil, err
	}
	byID := map[normalize.ID]*normalize.Message{}
	for _, m := range list {
		byID[m.ID] = m
	}
	return byID, nil
}

func (db *DB) eventData(s session, e *eventRow, messages map[normalize.ID]*normalize.Message, conversations map[normalize.ID]*normalize.Conversation) (any, error) {
	detail := func(into any) error {
		if e.detail == "" {
			return nil
		}
		return json.Unmarshal([]byte(e.detail), into)
	}
	switch e.Type {
	case normalize.MessageStatus:
		var change *normalize.StatusChange // nil once the customer was erased
		err := detail(&change)
		return &normalize.MessageEvent{Message: messages[e.ref], Change: change}, err
	case normalize.MessageReceived, normalize.MessageSent, normalize.MessageEdited, normalize.MessageDeleted:
		return &normalize.MessageEvent{Message: messages[e.ref]}, nil
	case normalize.ConversationOpened, normalize.ConversationClosed, normalize.ConversationUpdated:
		c, known := conversations[e.ref]
		if !known {
			var err error
			if c, err = db.oneConversation(s, e.ref); err != nil && !errors.Is(err, timeline.ErrNotFound) {
				return nil, err
			}
			conversations[e.ref] = c
		}
		if c == nil {
			return &normalize.Conversation{ID: e.ref}, nil
		}
		if e.Type == normalize.ConversationUpdated {
			return c, nil
		}
		then := *c // its state is what the event says, whatever came after
		then.State, then.ClosedAt = normalize.Open, time.Time{}
		if e.Type == normalize.ConversationClosed {
			then.State, then.ClosedAt = normalize.Closed, e.Timestamp
		}
		return &then, nil
	case normalize.CustomerMerged, normalize.CustomerUnmerged:
		m := &normalize.MergeEvent{}
		return m, detail(m)
	case normalize.CustomerOptedOut:
		o := &normalize.OptOutEvent{}
		if err := detail(o); err != nil {
			return nil, err
		}
		c, err := customerOf(s, o.Address)
		if err != nil && !errors.Is(err, timeline.ErrNotFound) {
			return nil, err
		}
		o.Customer = c
		return o, nil
	case normalize.AccountState:
		a := &normalize.AccountEvent{}
		return a, detail(a)
	}
	return nil, fmt.Errorf("unknown type %q", e.Type)
}
