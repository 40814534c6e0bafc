// Package chatwoot plays one account of Chatwoot with an inbox of the API
// channel: our requests make contacts, conversations and messages, agents
// answer by methods of the server, webhooks tell of what happened. It keeps
// what is documented at https://developers.chatwoot.com and
// https://www.chatwoot.com/docs: unique identifiers and sources, pages of 25
// conversations, 20 or 100 messages, incoming messages reopening, a deletion
// that blanks a message and its attributes, webhooks signed over time and body
// that are tried once for five seconds.
package chatwoot

import (
	"slices"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/host"
)

// Options of a server.
type Options struct {
	// Token is the api_access_token that is taken; "simulated-chatwoot-token"
	// where empty.
	Token string
	// Account and Inbox are the ids; 1 and 5 where 0.
	Account, Inbox int64
	// First is added to the ids, so that they differ from those of an earlier
	// run that the daemon remembers.
	First int64
	// PerMinute is how many requests a minute are taken before 429; 0 is no
	// limit (Chatwoot's own is 3,000).
	PerMinute int
}

// Agent is somebody who works in Chatwoot.
type Agent struct{ Name, Email string }

// File is one attachment.
type File struct {
	Name, ContentType string
	Content           []byte
	id                int64
}

// Message is one message as Chatwoot keeps it.
type Message struct {
	ID int64
	// Type is incoming, outgoing or activity.
	Type              string
	Private           bool
	Content           string
	ContentAttributes map[string]any
	SourceID          string
	// Status is sent, delivered, read or failed, with the error of the last.
	Status, ExternalError string
	// Agent is who wrote an outgoing message.
	Agent Agent
	Files []File
	At    time.Time
}

// Conversation is one conversation as Chatwoot keeps it.
type Conversation struct {
	ID, ContactID        int64
	SourceID             string
	Status               string // open, resolved, pending or snoozed
	CustomAttributes     map[string]any
	AdditionalAttributes map[string]any
	Messages             []Message
	LastActivity         time.Time
}

// Contact is one customer as Chatwoot keeps it.
type Contact struct {
	ID                             int64
	Name, Email, Phone, Identifier string
	CustomAttributes               map[string]any
	Sources                        []string // of the inbox
}

// Server is Chatwoot. It is an http.Handler, and Start serves it on a port of
// its own: what it shows of itself begins with that address.
type Server struct {
	// Faults strike our requests.
	Faults fault.Queue

	*host.Host
	opts Options

	mu            sync.Mutex
	last          int64 // the id given out last
	contacts      []*Contact
	conversations []*Conversation
	files         map[int64]File
	taken         []time.Time // requests of the last minute
	hook          hook
	deliveries    []Delivery
}

// New makes a server.
func New(o Options) *Server {
	if o.Token == "" {
		o.Token = "simulated-chatwoot-token"
	}
	if o.Account == 0 {
		o.Account = 1
	}
	if o.Inbox == 0 {
		o.Inbox = 5
	}
	s := &Server{opts: o, last: 100 + o.First, files: map[int64]File{}, Host: host.New(hookTimeout)}
	s.Handle(s.Faults.Wrap(s.routes()))
	return s
}

// Start makes a server on a loopback port.
func Start(o Options) (*Server, error) {
	s := New(o)
	return s, s.Listen("Chatwoot")
}

// Token is the api_access_token that is taken.
func (s *Server) Token() string { return s.opts.Token }

// Account and Inbox are the ids to configure.
func (s *Server) Account() int64 { return s.opts.Account }

// Inbox is the id of the inbox of the API channel.
func (s *Server) Inbox() int64 { return s.opts.Inbox }

// Conversations returns all conversations, oldest first.
func (s *Server) Conversations() []Conversation {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Conversation, len(s.conversations))
	for i, c := range s.conversations {
		list[i] = *c
		list[i].Messages = slices.Clone(c.Messages)
	}
	return list
}

// Contacts returns all contacts, oldest first.
func (s *Server) Contacts() []Contact {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Contact, len(s.contacts))
	for i, c := range s.contacts {
		list[i] = *c
		list[i].Sources = slices.Clone(c.Sources)
	}
	return list
}

// id returns the next id; the lock is held.
func (s *Server) id() int64 {
	s.last++
	return s.last
}

// conversation returns one, nil where there is none; the lock is held.
func (s *Server) conversation(id int64) *Conversation {
	if i := slices.IndexFunc(s.conversations, func(c *Conversation) bool { return c.ID == id }); i >= 0 {
		return s.conversations[i]
	}
	return nil
}

// contact returns one, nil where there is none; the lock is held.
func (s *Server) contact(id int64) *Contact {
	if i := slices.IndexFunc(s.contacts, func(c *Contact) bool { return c.ID == id }); i >= 0 {
		return s.contacts[i]
	}
	return nil
}

// message returns one of a conversation, nil where there is none; the lock is
// held.
func (c *Conversation) message(id int64) *Message {
	if i := slices.IndexFunc(c.Messages, func(m Message) bool { return m.ID == id }); i >= 0 {
		return &c.Messages[i]
	}
	return nil
}
