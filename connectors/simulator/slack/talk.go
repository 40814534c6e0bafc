package slack

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// room is a channel and what was said in it, oldest first.
type room struct {
	Channel
	said   []*message
	nextAt time.Time // when it takes the next message
}

// message is one in a channel, as Slack shows it.
type message struct {
	ts, thread, user, text string
	bot                    bool
	metadata               any
	files                  []string
	edited                 string
	record                 *Sent // of the app
}

// Post is what a member says.
type Post struct {
	// Channel to say it in; empty for a direct message to the app.
	Channel string
	User    string
	Text    string
	// TS of the message; empty is now.
	TS string
	// Thread is the ts of the message that it answers.
	Thread string
	Files  []File
}

// File is one that a member sends along.
type File struct {
	Name, ContentType string
	Content           []byte
	// Ask: the event has no more than its id, as in shared channels.
	Ask bool
}

// Say lets a member write, and returns the message's ts.
func (s *Server) Say(p Post) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Channel == "" {
		p.Channel = Direct(p.User)
	}
	m := &message{ts: cmp.Or(p.TS, s.ts()), thread: p.Thread, user: p.User, text: p.Text}
	var ask []string
	for _, f := range p.Files {
		k := s.newFile(f.Name, p.User)
		k.contentType, k.content, k.complete = f.ContentType, f.Content, true
		m.files = append(m.files, k.id)
		if f.Ask {
			ask = append(ask, k.id)
		}
	}
	r := s.room(p.Channel)
	r.said = append(r.said, m)
	e := s.show(r, m, ask...)
	e["event_ts"], e["channel"], e["channel_type"] = m.ts, r.ID, channelType(r.ID)
	if len(m.files) > 0 {
		e["subtype"] = "file_share"
	}
	s.emit(r, e)
	return m.ts
}

// Edit changes the words of a message.
func (s *Server) Edit(channel, ts, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, m := s.find(channel, ts)
	if m == nil {
		return
	}
	before := s.show(r, m)
	m.text, m.edited = text, s.ts()
	s.emit(r, map[string]any{
		"type": "message", "subtype": "message_changed", "hidden": true, "channel": r.ID, "channel_type": channelType(r.ID),
		"ts": m.edited, "event_ts": m.edited, "message": s.show(r, m), "previous_message": before,
	})
}

// Delete takes a message back.
func (s *Server) Delete(channel, ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delete(channel, ts)
}

func (s *Server) delete(channel, ts string) {
	r, m := s.find(channel, ts)
	if m == nil {
		return
	}
	r.said = slices.DeleteFunc(r.said, func(x *message) bool { return x == m })
	if m.record != nil {
		m.record.Deleted = true
	}
	now := s.ts()
	s.emit(r, map[string]any{
		"type": "message", "subtype": "message_deleted", "hidden": true, "channel": r.ID, "channel_type": channelType(r.ID),
		"ts": now, "event_ts": now, "deleted_ts": ts, "previous_message": s.show(r, m),
	})
}

// React puts a reaction on a message, or takes it off.
func (s *Server) React(channel, ts, user, emoji string, off bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := "reaction_added"
	if off {
		kind = "reaction_removed"
	}
	e := map[string]any{
		"type": kind, "user": user, "reaction": emoji, "event_ts": s.ts(),
		"item": map[string]any{"type": "message", "channel": channel, "ts": ts},
	}
	if _, m := s.find(channel, ts); m != nil {
		e["item_user"] = m.user
	}
	if u := s.users[user]; u.Team != s.o.Team {
		e["user_team"] = u.Team
	}
	s.emit(s.room(channel), e)
}

// Emit sends an inner event of any kind.
func (s *Server) Emit(inner map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emit(&room{}, inner)
}

// Revoke lets Slack refuse all tokens from now on, and say so by an event.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = "token_revoked"
	s.emit(&room{}, map[string]any{"type": "tokens_revoked", "tokens": map[string]any{"oauth": []string{}, "bot": []string{s.o.BotUser}}})
}

// Reinstall takes the tokens again.
func (s *Server) Reinstall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = ""
}

func (s *Server) find(channel, ts string) (*room, *message) {
	r := s.room(channel)
	for _, m := range r.said {
		if m.ts == ts {
			return r, m
		}
	}
	return r, nil
}

// ts names a message: the time in microseconds, each one once.
func (s *Server) ts() string {
	s.lastTS = max(s.lastTS+1, time.Now().UnixMicro())
	return fmt.Sprintf("%d.%06d", s.lastTS/1e6, s.lastTS%1e6)
}

func channelType(id string) string {
	switch id[:1] {
	case "D":
		return "im"
	case "G":
		return "group"
	}
	return "channel"
}

// show is a message as events and the history have it.
func (s *Server) show(r *room, m *message, ask ...string) map[string]any {
	e := map[string]any{"type": "message", "user": m.user, "text": m.text, "ts": m.ts}
	u := s.users[m.user]
	e["team"] = u.Team
	if r.Shared || u.Team != s.o.Team {
		e["user_team"], e["source_team"] = u.Team, u.Team
		e["user_profile"] = map[string]any{
			"real_name": u.Name, "display_name": u.Name, "name": u.ID, "team": u.Team,
			"is_restricted": u.Guest, "is_ultra_restricted": false,
		}
	}
	if m.bot {
		e["app_id"], e["bot_id"] = s.o.AppID, "B0DESK"
		e["bot_profile"] = map[string]any{"id": "B0DESK", "app_id": s.o.AppID, "name": u.Name, "team_id": s.o.Team}
	} else {
		e["client_msg_id"] = "m-" + m.ts
	}
	if m.metadata != nil {
		e["metadata"] = m.metadata
	}
	if m.thread != "" {
		e["thread_ts"] = m.thread
		if _, root := s.find(r.ID, m.thread); root != nil && root != m {
			e["parent_user_id"] = root.user
		}
	}
	if m.edited != "" {
		e["edited"] = map[string]any{"user": m.user, "ts": m.edited}
	}
	if len(m.files) > 0 {
		var files []any
		for _, id := range m.files {
			if slices.Contains(ask, id) {
				files = append(files, map[string]any{"id": id, "mode": "file_access", "file_access": "check_file_info"})
			} else {
				files = append(files, s.files[id].show())
			}
		}
		e["files"] = files
		if m.bot {
			// Files of an app come as if its member had shared them.
			e["subtype"], e["upload"] = "file_share", true
			delete(e, "bot_id")
			delete(e, "app_id")
			delete(e, "bot_profile")
		}
	}
	return e
}
