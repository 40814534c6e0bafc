package telegram

import (
	"fmt"
	"maps"
	"strconv"
	"time"
)

// Person is somebody who writes to the bot.
type Person struct {
	ID                  int64
	FirstName, LastName string
	Username            string
}

// Group is a group that the bot is in; its id is negative.
type Group struct {
	ID    int64
	Title string
}

func (p Person) user() map[string]any {
	return map[string]any{"id": p.ID, "is_bot": false, "first_name": p.FirstName, "last_name": p.LastName, "username": p.Username, "language_code": "en"}
}

func (p Person) chat() map[string]any {
	return map[string]any{"id": p.ID, "type": "private", "first_name": p.FirstName, "last_name": p.LastName, "username": p.Username}
}

// Write lets a person write to the bot, in the fields of a message beyond
// those that every message has: {"text": "hello"}. It returns the message's
// id.
func (s *Server) Write(p Person, fields map[string]any) int {
	return s.write(p.ID, p, p.chat(), fields)
}

// WriteIn lets a person write in a group.
func (s *Server) WriteIn(g Group, p Person, fields map[string]any) int {
	return s.write(g.ID, p, map[string]any{"id": g.ID, "type": "supergroup", "title": g.Title}, fields)
}

// Text lets a person write words to the bot.
func (s *Server) Text(p Person, text string) int { return s.Write(p, map[string]any{"text": text}) }

func (s *Server) write(place int64, p Person, chat, fields map[string]any) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.message++
	m := map[string]any{"message_id": s.message, "from": p.user(), "chat": chat, "date": time.Now().Unix()}
	maps.Copy(m, fields)
	s.known[place] = true
	s.announce("message", m)
	return s.message
}

// Edit changes what a person wrote.
func (s *Server) Edit(p Person, message int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().Unix()
	s.announce("edited_message", map[string]any{"message_id": message, "from": p.user(), "chat": p.chat(), "date": now, "edit_date": now, "text": text})
}

// React puts an emoji on a message, or takes it off again.
func (s *Server) React(p Person, message int, emoji string, removed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, after := []any{}, []any{map[string]any{"type": "emoji", "emoji": emoji}}
	if removed {
		before, after = after, before
	}
	s.announce("message_reaction", map[string]any{
		"chat": p.chat(), "message_id": message, "user": p.user(), "date": time.Now().Unix(), "old_reaction": before, "new_reaction": after,
	})
}

// Block lets a person block the bot.
func (s *Server) Block(p Person) { s.membership(p, "member", "kicked") }

// Unblock takes it back.
func (s *Server) Unblock(p Person) { s.membership(p, "kicked", "member") }

func (s *Server) membership(p Person, before, after string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocked[p.ID] = after == "kicked"
	bot := map[string]any{"id": s.id, "is_bot": true, "first_name": "Desk", "username": s.opts.Username}
	member := func(status string) map[string]any {
		m := map[string]any{"user": bot, "status": status}
		if status == "kicked" {
			m["until_date"] = 0
		}
		return m
	}
	s.announce("my_chat_member", map[string]any{
		"chat": p.chat(), "from": p.user(), "date": time.Now().Unix(), "old_chat_member": member(before), "new_chat_member": member(after),
	})
}

// AddFile stores a file that a message can refer to and returns its id.
func (s *Server) AddFile(name string, content []byte) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id = "file-" + strconv.Itoa(len(s.files)+1) + "-" + name
	s.files[id] = content
	return id
}

// Photo is the field of a message with a picture of AddFile.
func Photo(id string, size int) map[string]any {
	return map[string]any{"photo": []any{
		map[string]any{"file_id": id + "-small", "file_unique_id": id + "s", "width": 90, "height": 60, "file_size": size / 10},
		map[string]any{"file_id": id, "file_unique_id": id, "width": 900, "height": 600, "file_size": size},
	}}
}

// Document is the field of a message with any file of AddFile.
func Document(id, name, contentType string, size int) map[string]any {
	return map[string]any{"document": map[string]any{"file_id": id, "file_unique_id": id, "file_name": name, "mime_type": contentType, "file_size": size}}
}

func (s *Sent) String() string { return fmt.Sprintf("%s to %d: %s", s.Method, s.ChatID, s.Text) }
