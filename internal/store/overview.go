package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Overview lists the conversations of a state with their last words, the most
// recently active first.
func (db *DB) Overview(ctx context.Context, f timeline.OverviewFilter) (list []timeline.Overview, err error) {
	var w where
	// Written out, since the indexes of the two states are partial ones.
	switch {
	case f.AnyState:
	case f.State == normalize.Closed:
		w.and("c.state = 'closed'")
	default:
		w.and("c.state = 'open'")
	}
	w.and("c.erased_at = 0")
	if !f.ActiveAt.IsZero() {
		w.and("c.active_at <= ? AND (c.active_at < ? OR c.id < ?)", f.ActiveAt, f.ActiveAt, f.ID)
	}
	if f.Channel != "" {
		w.and("c.account_id = (SELECT id FROM accounts WHERE name = ?)", f.Channel)
	}
	switch {
	case f.Nobodys:
		w.and("c.assignee = ''")
	case f.Assignee != "":
		w.and("c.assignee = ? AND c.assignee <> ''", f.Assignee) // which lets the partial index be used
	}
	if f.Tag != "" {
		w.and("c.id IN (SELECT conversation_id FROM tags WHERE tag = ?)", f.Tag)
	}
	if f.Unread {
		w.and("c.last_inbound > coalesce((SELECT message_id FROM looks WHERE email = ? AND conversation_id = c.id), 0)", f.Agent)
	}
	err = db.read(ctx, func(s session) error {
		w := w
		var matches map[normalize.ID]match
		if query := strings.TrimSpace(f.Query); query != "" {
			if matches, err = db.find(s, query); err != nil {
				return err
			}
			list := []int64{}
			for id := range matches {
				list = append(list, int64(id))
			}
			ids, err := json.Marshal(list)
			if err != nil {
				return err
			}
			like := piece(query)
			w.and(foldFor(query, `({FOLD}(c.subject) LIKE ? ESCAPE '\' OR {FOLD}(a.value) LIKE ? ESCAPE '\' OR {FOLD}(a.name) LIKE ? ESCAPE '\'
				OR a.customer_id IN (SELECT id FROM customers WHERE {FOLD}(name) LIKE ? ESCAPE '\')
				OR c.id IN (SELECT CAST(value AS BIGINT) FROM {JSONLIST}(CAST(CAST(? AS TEXT) AS {JSON}))))`), like, like, like, like, string(ids))
		}
		conversations, err := db.readConversations(s, fmt.Sprintf("%s ORDER BY c.active_at DESC, c.id DESC LIMIT %d", &w, bounded(f.Limit)), w.args)
		if err != nil {
			return err
		}
		list = make([]timeline.Overview, len(conversations))
		asked := make([][]any, len(conversations))
		seen := make([][]any, len(conversations))
		for i, c := range conversations {
			list[i].Conversation, list[i].Match, list[i].Around = c, matches[c.ID].message, matches[c.ID].around
			asked[i], seen[i] = args(c.ID), args(c.ID, f.Agent)
		}
		if err := s.each(`SELECT 1 FROM conversations c LEFT JOIN looks l ON l.email = $2 AND l.conversation_id = c.id
			WHERE c.id = $1 AND c.last_inbound > coalesce(l.message_id, 0)`, seen, func(i int, _ row) error {
			list[i].Unread = f.Agent != ""
			return nil
		}); err != nil {
			return err
		}
		last := make(map[normalize.ID]int, len(list))
		var ids []normalize.ID
		if err := s.each(lastWords, asked, func(i int, r row) error {
			var id normalize.ID
			err := r.scan(&id)
			last[id] = i
			ids = append(ids, id)
			return err
		}); err != nil {
			return err
		}
		waits := map[normalize.ID]int{}
		if err := s.each(unanswered, asked, func(i int, r row) error {
			var id normalize.ID
			err := r.scan(&id)
			waits[id] = i
			if _, known := last[id]; !known {
				ids = append(ids, id)
			}
			return err
		}); err != nil {
			return err
		}
		messages, err := db.readMessages(s, ids)
		for _, m := range messages {
			if i, ok := last[m.ID]; ok {
				list[i].Last = m
			}
			if i, ok := waits[m.ID]; ok {
				list[i].Asked = m
			}
		}
		return err
	})
	return list, err
}

// lastWords finds the newest message of a conversation that is no note.
var lastWords = fmt.Sprintf(`SELECT id FROM messages WHERE conversation_id = $1
	AND owner_id = (SELECT address_id FROM conversations WHERE id = $1)
	AND flags < %d AND (flags & %d) = 0 ORDER BY id DESC LIMIT 1`, flagEcho, flagNote)

// unanswered finds what a customer said last where nobody has answered since.
var unanswered = `SELECT c.last_inbound FROM conversations c WHERE c.id = $1 AND c.last_inbound <> 0 AND ` + noAnswer
