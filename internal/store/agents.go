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

// splitTags reads the tags of a conversation as they come from its row.
func splitTags(joined string) []string {
	if joined == "" {
		return nil
	}
	tags := strings.Split(joined, ",")
	slices.Sort(tags)
	return tags
}

// Label changes the assignee and the tags of a conversation, and tells of it
// where that changes anything. Its error is a *timeline.Refused for labels
// that cannot be.
func (db *DB) Label(ctx context.Context, id normalize.ID, labels timeline.Labels, now time.Time) (*normalize.Conversation, error) {
	labels, err := labels.Clean()
	if err != nil {
		return nil, err
	}
	err = db.write(ctx, func(t tx) error {
		var assignee string
		var erased time.Time
		found, err := one(t, `SELECT assignee, erased_at FROM conversations WHERE id = $1 {LOCK}`, args(id), &assignee, &erased)
		switch {
		case err != nil:
			return err
		case !found:
			return refuse(timeline.ErrNotFound)
		case !erased.IsZero():
			return refuse(timeline.ErrErased)
		}
		tags, err := tagsOf(t, id)
		if err != nil {
			return err
		}
		who, after, err := labels.Apply(assignee, tags)
		if err != nil {
			return refuse(err)
		}
		if who == assignee && slices.Equal(tags, after) {
			return nil
		}
		t.exec(`UPDATE conversations SET assignee = $1 WHERE id = $2`, who, id)
		for _, tag := range tags {
			if !slices.Contains(after, tag) {
				t.exec(`DELETE FROM tags WHERE conversation_id = $1 AND tag = $2`, id, tag)
			}
		}
		for _, tag := range after {
			if !slices.Contains(tags, tag) {
				t.exec(`INSERT INTO tags (conversation_id, tag) VALUES ($1, $2)`, id, tag)
			}
		}
		t.emit(event{typ: normalize.ConversationUpdated, conversation: id, ref: id, at: now})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return db.Conversation(ctx, id)
}

func tagsOf(s session, conversation normalize.ID) (tags []string, err error) {
	err = s.query(`SELECT tag FROM tags WHERE conversation_id = $1`, args(conversation), func(r row) error {
		var tag string
		err := r.scan(&tag)
		tags = append(tags, tag)
		return err
	})
	slices.Sort(tags)
	return tags, err
}

// Tags returns the tags in use, in order, at most limit of them.
func (db *DB) Tags(ctx context.Context, limit int) (tags []string, err error) {
	err = db.read(ctx, func(s session) error {
		return s.query(fmt.Sprintf(`SELECT DISTINCT tag FROM tags ORDER BY tag LIMIT %d`, bounded(limit)), nil, func(r row) error {
			var tag string
			err := r.scan(&tag)
			tags = append(tags, tag)
			return err
		})
	})
	return tags, err
}

// SessionUsers returns who is logged in to the inbox, each with a mark of
// theirs, at most listLimit of them.
func (db *DB) SessionUsers(ctx context.Context, now time.Time) (marks map[string]string, err error) {
	marks = map[string]string{}
	err = db.read(ctx, func(s session) error {
		return s.query(fmt.Sprintf(`SELECT email, max(mark) FROM inbox_sessions WHERE expires_at > $1 GROUP BY email ORDER BY email LIMIT %d`, listLimit), args(now),
			func(r row) error {
				var email, mark string
				err := r.scan(&email, &mark)
				marks[email] = mark
				return err
			})
	})
	return marks, err
}

// Look notes that an agent has read a conversation up to a message.
func (db *DB) Look(ctx context.Context, agent string, conversation, upTo normalize.ID) error {
	var seen normalize.ID
	err := db.read(ctx, func(s session) error {
		_, err := one(s, `SELECT message_id FROM looks WHERE email = $1 AND conversation_id = $2`, args(agent, conversation), &seen)
		return err
	})
	if err != nil || seen >= upTo {
		return err // most looks show nothing new
	}
	return db.write(ctx, func(t tx) error {
		t.exec(`INSERT INTO looks (email, conversation_id, message_id) VALUES ($1, $2, $3)
			ON CONFLICT (email, conversation_id) DO UPDATE SET message_id = {MOST}(looks.message_id, excluded.message_id)`, clean(agent), conversation, upTo)
		return nil
	})
}

// Unlook makes a conversation unread again for an agent.
func (db *DB) Unlook(ctx context.Context, agent string, conversation normalize.ID) error {
	return db.write(ctx, func(t tx) error {
		t.exec(`DELETE FROM looks WHERE email = $1 AND conversation_id = $2`, agent, conversation)
		return nil
	})
}

// unreadWithin is how many of the most recently active conversations are
// looked through for unread ones, so that counting them stays fast.
const unreadWithin = 2000

// Unread counts what an agent has not read.
func (db *DB) Unread(ctx context.Context, agent string) (n timeline.Unread, err error) {
	err = db.read(ctx, func(s session) error {
		_, err := one(s, fmt.Sprintf(`SELECT count(*), coalesce(sum(CASE WHEN c.assignee = $1 THEN 1 ELSE 0 END), 0),
			coalesce(sum(CASE WHEN c.assignee = '' THEN 1 ELSE 0 END), 0)
			FROM (SELECT id, assignee, last_inbound FROM conversations WHERE state = 'open' AND erased_at = 0 ORDER BY active_at DESC LIMIT %d) c
			LEFT JOIN looks l ON l.email = $1 AND l.conversation_id = c.id
			WHERE c.last_inbound > coalesce(l.message_id, 0)`, unreadWithin), args(agent), &n.All, &n.Mine, &n.Nobodys)
		return err
	})
	return n, err
}
