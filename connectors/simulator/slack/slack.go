// Package slack plays Slack in one process: the Web API, files, the Events API
// and Socket Mode, for one app in one workspace with customers of other
// workspaces in shared channels and direct messages.
//
// It keeps Slack's rules: refusals are ok:false in a 200, events are sent again
// until they are acknowledged and given up after some tries, calls are signed,
// addresses of Socket Mode are good once, a channel takes one message a second,
// files show only after they were uploaded to the end. What it was told to do
// wrong stands in Faults.
package slack

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/host"
)

// Options of a server. The zero value is usable.
type Options struct {
	Team     string // the app's workspace; T0DESK where empty
	AppID    string // A0DESK where empty
	BotUser  string // U0DESKBOT where empty
	BotToken string // xoxb-simulated where empty
	AppToken string // xapp-simulated where empty
	// SigningSecret signs calls; "simulated-signing-secret" where empty.
	SigningSecret string
	// EventsURL is where events are sent; empty for Socket Mode.
	EventsURL string
	// AckWithin is how long an acknowledgement may take; 3 s where 0.
	AckWithin time.Duration
	// Retries are the pauses before an event is sent again; Slack's own, at
	// once, a minute and five, where nil.
	Retries []time.Duration
	// First is added to the numbers in ids, so that they differ from those of an
	// earlier run that the daemon remembers.
	First int64
	// PerChannel is the pause that a channel wants between two messages; 0
	// for none.
	PerChannel time.Duration
}

// User is a member of a workspace.
type User struct {
	ID, Team, Name, Email string
	// Guest of the app's workspace.
	Guest bool
	// Closed: the account was disabled.
	Closed bool
}

// Channel is a public or private channel.
type Channel struct {
	ID string
	// Shared with other workspaces by Slack Connect.
	Shared bool
	// Archived channels take nothing.
	Archived bool
	// Without the app being a member it sees and says nothing there.
	Without bool
}

// Server is a running Slack.
type Server struct {
	// Faults strike the requests of the Web API, of uploads and downloads.
	Faults fault.Queue

	*host.Host
	o Options

	mu       sync.Mutex
	users    map[string]User
	channels map[string]*room
	files    map[string]*file
	tickets  map[string]bool
	conns    map[*socket]bool
	pending  map[string]*event
	held     []*event // while Hold is in force
	holding  bool
	twice    int
	deaf     int // acknowledgements to overlook
	sent     []*Sent
	requests []Request
	lastTS   int64
	serial   int64
	revoked  string // the refusal of every token
	counts   Counts
	changed  chan struct{} // closed and replaced when something happens
}

// Counts tells what the server has seen.
type Counts struct {
	Events       int // made
	Deliveries   int // attempts to hand one over
	Acknowledged int // events
	GivenUp      int // events nobody acknowledged
	Connections  int // of Socket Mode
}

// New makes a server that is an http.Handler and listens nowhere.
func New(o Options) *Server {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&o.Team, "T0DESK")
	def(&o.AppID, "A0DESK")
	def(&o.BotUser, "U0DESKBOT")
	def(&o.BotToken, "xoxb-simulated")
	def(&o.AppToken, "xapp-simulated")
	def(&o.SigningSecret, "simulated-signing-secret")
	if o.AckWithin == 0 {
		o.AckWithin = 3 * time.Second
	}
	if o.Retries == nil {
		o.Retries = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	s := &Server{
		Host: host.New(o.AckWithin), o: o, serial: o.First, users: map[string]User{}, channels: map[string]*room{}, files: map[string]*file{}, tickets: map[string]bool{},
		conns: map[*socket]bool{}, pending: map[string]*event{}, changed: make(chan struct{}),
	}
	s.users[o.BotUser] = User{ID: o.BotUser, Team: o.Team, Name: "deskbridge"}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method}", s.call)
	mux.HandleFunc("POST /upload/v1/{file}", s.takeUpload)
	mux.HandleFunc("GET /files-pri/{file}/{name}", s.download)
	faulty := s.Faults.Wrap(mux)
	// A connection that stays is no matter of one answer.
	top := http.NewServeMux()
	top.HandleFunc("/link", s.link)
	top.Handle("/", faulty)
	s.Handle(top)
	return s
}

// Start is New, listening on 127.0.0.1. Close ends it.
func Start(o Options) (*Server, error) {
	s := New(o)
	if err := s.Listen("Slack"); err != nil {
		s.Host.Close()
		return nil, err
	}
	return s, nil
}

// APIURL is the address for api_url.
func (s *Server) APIURL() string { return s.URL() + "/api/" }

// BotToken is the one that the server takes.
func (s *Server) BotToken() string { return s.o.BotToken }

// AppToken is the app-level token that the server takes.
func (s *Server) AppToken() string { return s.o.AppToken }

// SigningSecret is the one that calls are signed with.
func (s *Server) SigningSecret() string { return s.o.SigningSecret }

// Close ends the server, its connections and its deliveries.
func (s *Server) Close() error {
	s.Host.Close()
	s.Cut()
	return nil
}

// AddUser makes a member, in the app's workspace where Team is empty.
func (s *Server) AddUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.Team == "" {
		u.Team = s.o.Team
	}
	s.users[u.ID] = u
}

// AddChannel makes a channel, or changes it.
func (s *Server) AddChannel(c Channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room(c.ID).Channel = c
}

// room is a channel with what was said in it. Direct messages come to be when
// they are asked for.
func (s *Server) room(id string) *room {
	r := s.channels[id]
	if r == nil {
		r = &room{Channel: Channel{ID: id}}
		s.channels[id] = r
	}
	return r
}

// Direct is the channel of the direct messages between the app and a member.
func Direct(user string) string { return "D" + strings.TrimLeft(user, "UW") }

// Counts returns the counters.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// notify tells those who wait that something has happened. It is called with
// the lock held.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// WaitFor returns nil when ok, which is asked whenever something happened, or
// an error when ctx ends.
func (s *Server) WaitFor(ctx context.Context, ok func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if ok() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
