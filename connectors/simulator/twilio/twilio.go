// Package twilio is Twilio in one process: the part of its REST API that
// messages and calls need, and the calls that it makes, signed as Twilio signs
// them. Customers are played by Receive and Call; what was sent to them is
// told by Messages and Calls.
//
// It keeps the vendor's documented rules: credentials, senders, numbers, the
// length of a text, media, opt-out words per sender or service, the 24 hours
// of WhatsApp, statuses that come later and in any order, and retries of its
// calls as the fragment of their address asks.
package twilio

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/host"
)

// Options of a server.
type Options struct {
	AccountSID, AuthToken string
	// APIKey and APISecret are accepted beside the auth token, if set.
	APIKey, APISecret string
	// Senders are the account's numbers, names and WhatsApp senders. Services
	// are messaging services, each with the senders that it has.
	Senders  []string
	Services map[string][]string
	// Hook is the public address of the account's webhook, over which calls
	// are signed: https://support.example.com/webhooks/sms. It may carry
	// overrides in a fragment.
	Hook string
	// Target is where the public address really leads, such as
	// http://127.0.0.1:8080; empty for where it says.
	Target string
	// MediaElsewhere: media are on another host than the API, as Twilio's are.
	// The account's daemon then has to be allowed to fetch from "localhost".
	MediaElsewhere bool
	// Pause between the tries of a call; 50ms where 0.
	Pause time.Duration
	// Closed are prefixes of countries that the account may not write to.
	Closed []string
	// First is added to the numbers in ids, so that they differ from those of an
	// earlier run that the daemon remembers.
	First int64
	// Now is the vendor's clock; time.Now where nil.
	Now func() time.Time
}

// Server is a running Twilio. Its faults strike its REST API.
type Server struct {
	Faults fault.Queue

	*host.Host
	o Options

	mu       sync.Mutex
	serial   int64
	suspend  bool
	revoked  bool
	messages []*message
	calls    []*call
	media    map[string]medium       // by path below the account
	optedOut map[[2]string]bool      // sender or service, customer
	wrote    map[[2]string]time.Time // when a WhatsApp user last wrote: sender, customer
	deliver  func(Message) []Report
	pickUp   func(Call) string
	leaks    int
}

// New returns a server without a port: Handler serves its API. Close ends it.
func New(o Options) *Server {
	if o.Pause == 0 {
		o.Pause = 50 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		Host: host.New(15 * time.Second), o: o, serial: o.First,
		media: map[string]medium{}, optedOut: map[[2]string]bool{}, wrote: map[[2]string]time.Time{},
	}
	s.Handle(s.Faults.Wrap(s.api()))
	s.deliver = usual
	s.pickUp = func(Call) string { return "completed" }
	return s
}

// Start returns a server on a port of 127.0.0.1.
func Start(o Options) (*Server, error) {
	s := New(o)
	if err := s.Listen("Twilio"); err != nil {
		s.Host.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the server; callbacks that are still due are not made.
func (s *Server) Close() error {
	s.Host.Close()
	return nil
}

// Retarget changes where the public address leads.
func (s *Server) Retarget(target string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Target = target
}

// Suspend lets the account be suspended, or work again.
func (s *Server) Suspend(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suspend = yes
}

// Revoke lets the credentials be refused, or be good again.
func (s *Server) Revoke(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = yes
}

// Leaks returns how often credentials were shown to the host of the media,
// which must never see them.
func (s *Server) Leaks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaks
}

// Handler serves the API, faults included.
func (s *Server) Handler() http.Handler { return s.Host }

func (s *Server) api() http.Handler {
	const account = "/2010-04-01/Accounts/{account}"
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+account+"/Messages.json", s.authorised(s.createMessage))
	mux.HandleFunc("GET "+account+"/Messages.json", s.authorised(s.listMessages))
	mux.HandleFunc("GET "+account+"/Messages/{message}/Media/{medium}", s.authorised(s.leadToMedium))
	mux.HandleFunc("POST "+account+"/Calls.json", s.authorised(s.createCall))
	mux.HandleFunc("GET "+account+"/Calls.json", s.authorised(s.listCalls))
	mux.HandleFunc("GET "+account+"/Recordings/{medium}", s.authorised(s.leadToMedium))
	mux.HandleFunc("GET /2010-04-01/Accounts/{file}", s.authorised(s.fetchAccount))
	mux.HandleFunc("GET /stored/", s.medium)
	return mux
}

// authorised checks the credentials: www.twilio.com/docs/usage/requests-to-twilio.
func (s *Server) authorised(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		s.mu.Lock()
		revoked := s.revoked
		s.mu.Unlock()
		good := user == s.o.AccountSID && password == s.o.AuthToken || s.o.APIKey != "" && user == s.o.APIKey && password == s.o.APISecret
		if revoked || !good {
			refuse(w, http.StatusUnauthorized, 20003, "Authenticate")
			return
		}
		account := r.PathValue("account")
		if account == "" {
			account = strings.TrimSuffix(r.PathValue("file"), ".json")
		}
		if account != s.o.AccountSID {
			refuse(w, http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
			return
		}
		h(w, r)
	}
}

func (s *Server) fetchAccount(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	status := "active"
	if s.suspend {
		status = "suspended"
	}
	s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"sid": s.o.AccountSID, "status": status, "friendly_name": "Simulated", "type": "Full"})
}

// sid makes an id: two letters and 32 hexadecimal digits.
func (s *Server) sid(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s%032x", prefix, s.serial)
}

// owns reports whether a sender may be used, by itself or through a service.
func (s *Server) owns(from, service string) bool {
	if service != "" {
		return slices.Contains(s.o.Services[service], from)
	}
	return slices.Contains(s.o.Senders, from)
}

// real returns where an address of ours really leads.
func (s *Server) real(u *url.URL) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.o.Target == "" {
		return u.String()
	}
	return strings.TrimRight(s.o.Target, "/") + u.RequestURI()
}
