// Package freshdesk plays a Freshdesk account with agents at work: contacts,
// tickets, conversations and files behind its REST API, and a webhook that its
// automation rules call. It keeps the rules that are documented at
// https://developers.freshdesk.com/api: basic authentication by the API key,
// contacts that are found by an external id, fields that are refused one by
// one, forms with files, lists in pages, times in whole seconds, a search whose
// index lags behind, tickets in the trash, merged ones, links to files that run
// out, and the limit of requests.
package freshdesk

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/host"
)

// Options of a server.
type Options struct {
	// APIKey is that of the agent under whom the API is called.
	APIKey string
	// Hook is what the automation rules call; empty for nothing. Secret is sent
	// in the header X-Deskbridge-Secret, or as the password of basic
	// authentication where Basic.
	Hook, Secret string
	Basic        bool
	// RetryAfter is how long Freshdesk waits before it calls again; the second
	// time it waits six times, the third and last time twelve times as long.
	// Five minutes where 0.
	RetryAfter time.Duration
	// IndexLag is how old a ticket must be before the search finds it; a minute
	// where 0.
	IndexLag time.Duration
	// PerMinute is how many requests a minute are answered; 0 is any number.
	PerMinute int
	// First is added to the numbers of tickets, so that they differ from those
	// of an earlier run that the daemon remembers.
	First int64
}

// The agent under whom the API is called.
const apiAgent = 4300001

// Server is one account. It is an http.Handler, and Start serves it on a port
// of its own.
type Server struct {
	// Faults strike the requests of the API.
	Faults fault.Queue

	*host.Host
	o     Options
	calls *host.Line
	token string // of links to files

	mu            sync.Mutex
	id            int64 // the latest id of a contact, an entry or a file
	ticket        int64 // the latest id of a ticket
	people        []*Person
	tickets       []*Ticket
	conversations []*Conversation
	window        time.Time // when the minute began in which used requests were made
	used          int
	refused       int
	mailed        int
}

// New makes a server.
func New(o Options) *Server {
	if o.RetryAfter == 0 {
		o.RetryAfter = 5 * time.Minute
	}
	if o.IndexLag == 0 {
		o.IndexLag = time.Minute
	}
	s := &Server{
		Host: host.New(30 * time.Second), o: o, id: 43000000000, ticket: o.First, token: rand.Text(),
		people: []*Person{{ID: apiAgent, Name: "Deskbridge", Email: "deskbridge@example.com", Agent: true}},
	}
	s.calls = s.Line(o.RetryAfter, 6*o.RetryAfter, 12*o.RetryAfter)
	s.Handle(s.Faults.Wrap(s.routes()))
	return s
}

// Start makes a server on a loopback port.
func Start(o Options) (*Server, error) {
	s := New(o)
	if err := s.Listen("Freshdesk"); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// SetHook changes what the automation rules call from now on.
func (s *Server) SetHook(url, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Hook, s.o.Secret = url, secret
}

func (s *Server) routes() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /api/v2/agents/me", s.showMe)
	api.HandleFunc("GET /api/v2/agents/{id}", s.showAgent)
	api.HandleFunc("GET /api/v2/contacts/{id}", s.showContact)
	api.HandleFunc("GET /api/v2/tickets", s.listTickets)
	api.HandleFunc("POST /api/v2/tickets", s.createTicket)
	api.HandleFunc("GET /api/v2/tickets/{id}", s.showTicket)
	api.HandleFunc("PUT /api/v2/tickets/{id}", s.updateTicket)
	api.HandleFunc("PUT /api/v2/tickets/merge", s.mergeTickets)
	api.HandleFunc("GET /api/v2/search/tickets", s.search)
	api.HandleFunc("POST /api/v2/tickets/{id}/notes", s.createNote)
	api.HandleFunc("POST /api/v2/tickets/{id}/reply", s.createReply)
	api.HandleFunc("GET /api/v2/tickets/{id}/conversations", s.listConversations)
	api.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/data/") || r.URL.Path == inlinePath {
			s.download(w, r) // by a link: another host in the real product
			return
		}
		if !s.admit(w, r) {
			return
		}
		api.ServeHTTP(w, r)
	})
}

// admit checks the key and counts the request.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, _, ok := r.BasicAuth()
	if !ok || key != s.o.APIKey {
		s.refused++
		reply(w, 401, map[string]any{"code": "invalid_credentials", "message": "You have to be logged in to perform this action."})
		return false
	}
	if s.o.PerMinute == 0 {
		return true
	}
	now := time.Now()
	if now.Sub(s.window) >= time.Minute {
		s.window, s.used = now, 0
	}
	s.used++
	h := w.Header()
	h.Set("X-RateLimit-Total", strconv.Itoa(s.o.PerMinute))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, s.o.PerMinute-s.used)))
	h.Set("X-RateLimit-Used-CurrentRequest", "1")
	if s.used <= s.o.PerMinute {
		return true
	}
	h.Set("Retry-After", strconv.Itoa(int((s.window.Add(time.Minute).Sub(now)+time.Second-1)/time.Second)))
	reply(w, 429, map[string]any{"message": "You have exceeded the limit of requests per minute"})
	return false
}

// Basic is the value of Authorization for a user name and a password.
func Basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func (s *Server) nextID() int64 {
	s.id++
	return s.id
}

// now is the time as the product keeps it, in whole seconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }
