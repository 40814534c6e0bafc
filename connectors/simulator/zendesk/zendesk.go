// Package zendesk plays one account of Zendesk Support: our requests make
// users, tickets and comments, agents answer by methods of the server,
// webhooks tell of what happened. It keeps what is documented at
// https://developer.zendesk.com/api-reference: idempotency keys for new
// tickets, one audit for each update with the metadata that came with it,
// uploads that are used once, exports that leave out the last minute, soft
// deletion, merges that close, closed tickets that take no update, solved ones
// that need an assignee, and the mails that Zendesk's own triggers send to a
// requester who has an address.
package zendesk

import (
	"slices"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/host"
)

// Options of a server.
type Options struct {
	// Email and Token are the credentials that are taken, as email/token; those
	// of desk@acme.example where empty. OAuthToken is taken as well.
	Email, Token, OAuthToken string
	// First is added to the ids, so that they differ from those of an earlier
	// run that the daemon remembers.
	First int64
	// Recent is how much of the newest past exports leave out: a minute at
	// Zendesk.
	Recent time.Duration
	// PerMinute and ExportsPerMinute are how many requests are taken before
	// 429; 0 is no limit. At Zendesk 200 to 2,500 by plan, and 10.
	PerMinute, ExportsPerMinute int
	// RetryAfter is how long Zendesk waits before it calls a webhook again; a
	// second where 0.
	RetryAfter time.Duration
}

// The roles of users.
const (
	roleAdmin    = "admin"
	roleAgent    = "agent"
	roleCustomer = "end-user"
)

// User is a person.
type User struct {
	ID                            int64
	Name, Email, ExternalID, Role string
	Details                       string
	created                       time.Time
}

// File is one attachment.
type File struct {
	ID                int64
	Name, ContentType string
	Content           []byte
	Inline            bool
}

// Comment is one comment of a ticket.
type Comment struct {
	ID, Author int64
	Public     bool
	Body, HTML string
	Files      []File
	At         time.Time
}

// Ticket is one ticket as Zendesk keeps it.
type Ticket struct {
	ID, Requester, Assignee     int64
	Subject, ExternalID, Status string // new, open, pending, hold, solved, closed or deleted
	Tags                        []string
	CustomFields                map[int64]any
	Comments                    []Comment
	Updated                     time.Time
	audits                      []*audit
	// sequence orders updates for exports.
	sequence int64
}

// audit is one update of a ticket.
type audit struct {
	id, author int64
	at         time.Time
	custom     map[string]any // metadata
	via        map[string]any
	events     []map[string]any
	comment    int // the index of its comment, -1 where it has none
}

// Server is Zendesk. It is an http.Handler, and Start serves it on a port of
// its own: what it shows of itself begins with that address.
type Server struct {
	// Faults strike our requests.
	Faults fault.Queue

	*host.Host
	opts Options

	mu         sync.Mutex
	last       int64 // the id given out last
	sequence   int64
	me         *User
	users      []*User
	tickets    []*Ticket
	uploads    map[string][]File
	files      map[int64]File
	keys       map[string]*kept
	taken      []time.Time
	exports    []time.Time
	mailed     int
	hook       hook
	deliveries []Delivery
}

// New makes a server.
func New(o Options) *Server {
	if o.Email == "" {
		o.Email = "desk@acme.example"
	}
	if o.Token == "" {
		o.Token = "simulated-zendesk-token"
	}
	if o.OAuthToken == "" {
		o.OAuthToken = "simulated-zendesk-oauth-token"
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = time.Second
	}
	s := &Server{
		opts: o, last: 1000 + o.First, Host: host.New(hookTimeout),
		uploads: map[string][]File{}, files: map[int64]File{}, keys: map[string]*kept{},
	}
	s.me = s.newUser(User{Name: "Deskbridge", Email: o.Email, Role: roleAdmin})
	s.Handle(s.Faults.Wrap(s.routes()))
	return s
}

// Start makes a server on a loopback port.
func Start(o Options) (*Server, error) {
	s := New(o)
	return s, s.Listen("Zendesk")
}

// Email and Token are the credentials that are taken.
func (s *Server) Email() string { return s.opts.Email }

// Token is the API token that is taken.
func (s *Server) Token() string { return s.opts.Token }

// OAuthToken is the OAuth access token that is taken.
func (s *Server) OAuthToken() string { return s.opts.OAuthToken }

// Tickets returns all tickets, oldest first.
func (s *Server) Tickets() []Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Ticket, len(s.tickets))
	for i, t := range s.tickets {
		list[i] = *t
		list[i].Comments, list[i].Tags = slices.Clone(t.Comments), slices.Clone(t.Tags)
	}
	return list
}

// Users returns all users, oldest first; the first is ours.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]User, len(s.users))
	for i, u := range s.users {
		list[i] = *u
	}
	return list
}

// Mailed is how many mails Zendesk's triggers have sent to requesters: one for
// each public comment on a ticket whose requester has an address.
func (s *Server) Mailed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mailed
}

// id returns the next id; the lock is held.
func (s *Server) id() int64 {
	s.last++
	return s.last
}

// newUser adds one; the lock is held, or nobody else has the server yet.
func (s *Server) newUser(u User) *User {
	u.ID, u.created = s.id(), time.Now()
	s.users = append(s.users, &u)
	return &u
}

// user returns one, nil where there is none; the lock is held.
func (s *Server) user(id int64) *User {
	if i := slices.IndexFunc(s.users, func(u *User) bool { return u.ID == id }); i >= 0 {
		return s.users[i]
	}
	return nil
}

// ticket returns one that is not deleted, nil where there is none; the lock is
// held.
func (s *Server) ticket(id int64) *Ticket {
	if i := slices.IndexFunc(s.tickets, func(t *Ticket) bool { return t.ID == id && t.Status != statusDeleted }); i >= 0 {
		return s.tickets[i]
	}
	return nil
}
