// Package zammad plays a Zammad with agents at work: tickets, articles, users
// and files behind its REST API, and a webhook that tells of each change. It
// keeps the rules that are documented at https://docs.zammad.org/en/latest/api
// and https://admin-docs.zammad.org/en/latest/manage/webhook.html: token
// authentication, customers found by id, e-mail address or login, articles
// whose text cannot be changed, lists in pages, the search by conditions,
// merged tickets whose articles move, follow-ups that a group refuses, and the
// signature and the retries of the webhook.
package zammad

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/host"
)

// Options of a server.
type Options struct {
	// Token is the access token of the user under whom the API is called.
	Token string
	// Groups are the names of the groups; Users where empty. In those of
	// Strict a closed ticket takes no follow-up.
	Groups []string
	Strict []string
	// Hook is where changes are told, signed with HookSecret; empty for
	// nowhere.
	Hook, HookSecret string
	// RetryAfter is how long Zammad waits before it calls again, once for the
	// first time, twice for the second, four times in all; ten seconds where 0.
	RetryAfter time.Duration
	// First is added to the numbers of tickets, so that they differ from those
	// of an earlier run that the daemon remembers.
	First int64
}

// The user under whom the API is called.
const apiUser = 3

// Server is one Zammad. It is an http.Handler, and Start serves it on a port
// of its own.
type Server struct {
	// Faults strike the requests of the API.
	Faults fault.Queue

	*host.Host
	o     Options
	calls *host.Line

	mu       sync.Mutex
	last     time.Time // the latest time that was given out
	id       int64     // the latest id of an article, a file or a user
	ticket   int64     // the latest id of a ticket
	users    []*User
	tickets  []*Ticket
	articles []*Article
	links    []link
	refused  int
	mailed   int
}

// New makes a server.
func New(o Options) *Server {
	if len(o.Groups) == 0 {
		o.Groups = []string{"Users"}
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = 10 * time.Second
	}
	s := &Server{Host: host.New(60 * time.Second), o: o, id: 100, ticket: o.First}
	s.users = []*User{
		{ID: 1, Login: "-", Firstname: "-"},
		{ID: apiUser, Login: "deskbridge@example.com", Email: "deskbridge@example.com", Firstname: "Deskbridge", Agent: true},
	}
	s.calls = s.Line(o.RetryAfter, 2*o.RetryAfter, 3*o.RetryAfter, 4*o.RetryAfter)
	s.Handle(s.Faults.Wrap(s.routes()))
	return s
}

// Start makes a server on a loopback port.
func Start(o Options) (*Server, error) {
	s := New(o)
	if err := s.Listen("Zammad"); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// SetHook changes where changes are told from now on.
func (s *Server) SetHook(url, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Hook, s.o.HookSecret = url, secret
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/users/me", s.showMe)
	mux.HandleFunc("PUT /api/v1/users/{id}", s.updateUser)
	mux.HandleFunc("GET /api/v1/ticket_states", s.listStates)
	mux.HandleFunc("GET /api/v1/tickets", s.listTickets)
	mux.HandleFunc("POST /api/v1/tickets", s.createTicket)
	mux.HandleFunc("GET /api/v1/tickets/search", s.search)
	mux.HandleFunc("GET /api/v1/tickets/{id}", s.showTicket)
	mux.HandleFunc("PUT /api/v1/tickets/{id}", s.updateTicket)
	mux.HandleFunc("PUT /api/v1/ticket_merge/{source}/{number}", s.mergeTickets)
	mux.HandleFunc("GET /api/v1/links", s.listLinks)
	mux.HandleFunc("POST /api/v1/ticket_articles", s.createArticle)
	mux.HandleFunc("GET /api/v1/ticket_articles/{id}", s.showArticle)
	mux.HandleFunc("GET /api/v1/ticket_articles/by_ticket/{id}", s.listArticles)
	mux.HandleFunc("GET /api/v1/ticket_attachment/{ticket}/{article}/{id}", s.download)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fail(w, 404, "No route matches") })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Token token=")
		if !ok {
			token, ok = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		}
		if !ok || token != s.o.Token {
			s.mu.Lock()
			s.refused++
			s.mu.Unlock()
			fail(w, 401, "Authentication required")
			return
		}
		if r.Method != http.MethodGet && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			fail(w, 422, "The request has no content type application/json")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// now gives out times to the millisecond, each later than the one before; the
// lock is held.
func (s *Server) now() time.Time {
	t := time.Now().UTC().Truncate(time.Millisecond)
	if !t.After(s.last) {
		t = s.last.Add(time.Millisecond)
	}
	s.last = t
	return t
}

func (s *Server) nextID() int64 {
	s.id++
	return s.id
}

// knows reports whether there is a group; the lock is not needed.
func (s *Server) knows(group string) bool { return slices.Contains(s.o.Groups, group) }
