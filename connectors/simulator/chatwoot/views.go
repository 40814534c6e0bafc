package chatwoot

import (
	"fmt"
	"hash/fnv"
	"maps"
	"path"
	"strings"
	"time"
)

var messageTypes = map[string]int{"incoming": 0, "outgoing": 1, "activity": 2}

func (a Agent) id() int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(a.Name + a.Email))
	return int64(h.Sum32() % 100_000)
}

// sender is the person of a message, nil for one of the system.
func (s *Server) sender(c *Conversation, m *Message) map[string]any {
	switch {
	case m.Type == "outgoing":
		return map[string]any{"id": m.Agent.id(), "name": m.Agent.Name, "email": m.Agent.Email, "type": "user"}
	case m.Type == "incoming":
		if contact := s.contact(c.ContactID); contact != nil {
			v := s.contactView(contact)
			v["type"] = "contact"
			return v
		}
	}
	return nil
}

func (s *Server) attachments(m *Message) []any {
	list := []any{}
	for _, f := range m.Files {
		kind, _, _ := strings.Cut(f.ContentType, "/")
		if kind != "image" && kind != "audio" && kind != "video" {
			kind = "file"
		}
		list = append(list, map[string]any{
			"id": f.id, "message_id": m.ID, "file_type": kind, "account_id": s.opts.Account, "extension": nil, "thumb_url": "", "file_size": len(f.Content),
			"data_url": fmt.Sprintf("%s/rails/active_storage/blobs/redirect/%d/%s", s.URL(), f.id, path.Base("/"+f.Name)),
		})
	}
	return list
}

// messageView is a message as the API gives it.
func (s *Server) messageView(c *Conversation, m *Message) map[string]any {
	attributes := maps.Clone(m.ContentAttributes)
	if m.ExternalError != "" {
		attributes["external_error"] = m.ExternalError
	}
	v := map[string]any{
		"id": m.ID, "content": m.Content, "account_id": s.opts.Account, "inbox_id": s.opts.Inbox, "conversation_id": c.ID,
		"message_type": messageTypes[m.Type], "created_at": m.At.Unix(), "private": m.Private, "status": m.Status, "source_id": nil,
		"content_type": "text", "content_attributes": attributes, "additional_attributes": map[string]any{},
	}
	if m.SourceID != "" {
		v["source_id"] = m.SourceID
	}
	if sender := s.sender(c, m); sender != nil {
		v["sender"] = sender
	}
	if len(m.Files) > 0 {
		v["attachments"] = s.attachments(m)
	}
	return v
}

// messageHook is a message as webhooks give it: the type by name, the time in
// words, with its conversation.
func (s *Server) messageHook(c *Conversation, m *Message) map[string]any {
	v := s.messageView(c, m)
	delete(v, "conversation_id")
	v["message_type"], v["created_at"] = m.Type, m.At.UTC().Format(time.RFC3339)
	v["conversation"] = s.conversationView(c)
	v["account"] = map[string]any{"id": s.opts.Account, "name": "Acme"}
	v["inbox"] = map[string]any{"id": s.opts.Inbox, "name": "Deskbridge"}
	return v
}

func (s *Server) contactView(c *Contact) map[string]any {
	sources := []any{}
	for _, id := range c.Sources {
		sources = append(sources, map[string]any{"source_id": id, "inbox": map[string]any{"id": s.opts.Inbox, "name": "Deskbridge", "channel_type": "Channel::Api"}})
	}
	null := func(v string) any {
		if v == "" {
			return nil
		}
		return v
	}
	return map[string]any{
		"id": c.ID, "name": c.Name, "email": null(c.Email), "phone_number": null(c.Phone), "identifier": null(c.Identifier), "blocked": false,
		"custom_attributes": c.CustomAttributes, "additional_attributes": map[string]any{}, "availability_status": "offline", "contact_inboxes": sources,
	}
}

// conversationView is a conversation as the API gives it, with its last
// message.
func (s *Server) conversationView(c *Conversation) map[string]any {
	meta := map[string]any{"channel": "Channel::Api", "hmac_verified": false}
	if contact := s.contact(c.ContactID); contact != nil {
		meta["sender"] = s.contactView(contact)
	}
	messages := []any{}
	if n := len(c.Messages); n > 0 {
		messages = append(messages, s.messageView(c, &c.Messages[n-1]))
	}
	return map[string]any{
		"id": c.ID, "account_id": s.opts.Account, "inbox_id": s.opts.Inbox, "status": c.Status, "can_reply": true, "labels": []any{}, "muted": false,
		"custom_attributes": c.CustomAttributes, "additional_attributes": c.AdditionalAttributes, "messages": messages, "meta": meta, "unread_count": 0,
		"contact_inbox":    map[string]any{"source_id": c.SourceID, "inbox_id": s.opts.Inbox, "contact_id": c.ContactID},
		"last_activity_at": c.LastActivity.Unix(), "timestamp": c.LastActivity.Unix(), "channel": "Channel::Api",
	}
}
