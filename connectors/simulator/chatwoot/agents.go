package chatwoot

import (
	"maps"
	"regexp"
	"slices"
	"time"
)

// The statuses of a conversation.
const (
	Open     = "open"
	Resolved = "resolved"
)

// deleted is what a message says after its deletion.
const deleted = "This message was deleted"

// variable is one that Chatwoot fills in, in what is outgoing; here with
// nothing.
var variable = regexp.MustCompile(`\{\{[^}]*\}\}|\{%[^%]*%\}`)

// Answer lets an agent write to the customer and returns the message's id, 0
// where there is no such conversation.
func (s *Server) Answer(conversation int64, from Agent, text string, files ...File) int64 {
	return s.write(conversation, Message{Type: "outgoing", Content: text, Agent: from, Files: files})
}

// Note lets an agent write a private note and returns its id.
func (s *Server) Note(conversation int64, from Agent, text string, files ...File) int64 {
	return s.write(conversation, Message{Type: "outgoing", Private: true, Content: text, Agent: from, Files: files})
}

func (s *Server) write(conversation int64, m Message) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conversation(conversation)
	if c == nil {
		return 0
	}
	return s.add(c, m).ID
}

// add puts a message into a conversation and tells the webhook; the lock is
// held.
func (s *Server) add(c *Conversation, m Message) *Message {
	m.ID, m.At = s.id(), time.Now()
	if m.Type == "outgoing" {
		m.Content = variable.ReplaceAllString(m.Content, "")
	}
	if m.Status == "" {
		m.Status = "sent"
	}
	if m.ContentAttributes == nil {
		m.ContentAttributes = map[string]any{}
	}
	m.Files = slices.Clone(m.Files)
	for i := range m.Files {
		m.Files[i].id = s.id()
		s.files[m.Files[i].id] = m.Files[i]
	}
	c.Messages = append(c.Messages, m)
	c.LastActivity = m.At
	s.tell("message_created", s.messageHook(c, &m))
	if m.Type == "incoming" && (c.Status == Resolved || c.Status == "snoozed") {
		s.status(c, Open, Agent{})
	}
	return &c.Messages[slices.IndexFunc(c.Messages, func(x Message) bool { return x.ID == m.ID })]
}

// SetStatus lets an agent open, resolve or snooze a conversation.
func (s *Server) SetStatus(conversation int64, by Agent, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conversation(conversation); c != nil {
		s.status(c, status, by)
	}
}

// status changes it with the line that Chatwoot writes about it; the lock is
// held.
func (s *Server) status(c *Conversation, status string, by Agent) {
	if c.Status == status {
		return
	}
	before := c.Status
	c.Status = status
	payload := s.conversationView(c)
	payload["changed_attributes"] = []any{map[string]any{"status": map[string]any{"previous_value": before, "current_value": status}}}
	s.tell("conversation_status_changed", payload)
	who := by.Name
	if who == "" {
		who = "system"
	}
	c.Messages = append(c.Messages, Message{
		ID: s.id(), Type: "activity", Content: "Conversation was marked " + status + " by " + who, Status: "sent", ContentAttributes: map[string]any{}, At: time.Now(),
	})
	c.LastActivity = time.Now()
}

// DeleteMessage lets an agent delete a message: it stays with other words,
// without its files, and of its attributes only the mark of the deletion.
func (s *Server) DeleteMessage(conversation, message int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conversation(conversation)
	if c == nil {
		return
	}
	if m := c.message(message); m != nil {
		s.blank(c, m)
	}
}

// blank deletes a message; the lock is held.
func (s *Server) blank(c *Conversation, m *Message) {
	m.Content, m.ContentAttributes = deleted, map[string]any{"deleted": true}
	for _, f := range m.Files {
		delete(s.files, f.id)
	}
	m.Files = nil
	s.tell("message_updated", s.messageHook(c, m))
}

// DeleteConversation lets an administrator delete a conversation. No webhook
// tells of it.
func (s *Server) DeleteConversation(conversation int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conversations = slices.DeleteFunc(s.conversations, func(c *Conversation) bool { return c.ID == conversation })
}

// DeleteContact lets an administrator delete a contact with its conversations.
func (s *Server) DeleteContact(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeContact(id)
}

// removeContact does it; the lock is held.
func (s *Server) removeContact(id int64) {
	s.contacts = slices.DeleteFunc(s.contacts, func(c *Contact) bool { return c.ID == id })
	s.conversations = slices.DeleteFunc(s.conversations, func(c *Conversation) bool { return c.ContactID == id })
}

// MergeContacts lets an agent merge a contact into another: its conversations
// and sources go over.
func (s *Server) MergeContacts(from, into int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, b := s.contact(from), s.contact(into)
	if a == nil || b == nil {
		return
	}
	b.Sources = append(b.Sources, a.Sources...)
	if b.Identifier == "" {
		b.Identifier = a.Identifier
	}
	maps.Copy(b.CustomAttributes, a.CustomAttributes)
	for _, c := range s.conversations {
		if c.ContactID == from {
			c.ContactID = into
		}
	}
	s.contacts = slices.DeleteFunc(s.contacts, func(c *Contact) bool { return c.ID == from })
}
