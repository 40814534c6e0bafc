// Package wecom plays WeCom's customer service (微信客服) over HTTP: its API, its
// encrypted calls, and the customers and servicers who write.
//
// It keeps the documented rules: access tokens run out, a call's token is good
// for ten minutes and pulling without one is limited, a cursor leads through
// the last three days, what the API sent is not listed, a conversation has
// states of which two can be answered, and each message of a customer allows
// five answers within 48 hours.
//
// (developer.work.weixin.qq.com/document/path/94670, 94677, 94669, 95122)
package wecom

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/host"
	"github.com/deskbridge/deskbridge/connectors/simulator/tencent"
)

// Options of a company. The zero value is usable.
type Options struct {
	CorpID, Secret string
	// Token and AESKey are those of the app's callback.
	Token, AESKey string
	OpenKfIDs     []string
	// First is added to the numbers in ids, so that they differ from those of an
	// earlier run that the daemon remembers.
	First int64
	// Now is the vendor's clock; the machine's where nil.
	Now func() time.Time
	// Retries are the pauses before a call is made again that was not answered
	// with 200 within five seconds; three short ones where nil.
	Retries []time.Duration
	// Untokened is how often a pull without a token is answered; 0 is once per
	// second.
	Untokened time.Duration
	// Answers is how many answers a customer's message allows; 0 is the
	// documented five.
	Answers int
	// PageCap is the most entries that a page has, whatever is asked for; 0 is
	// the documented thousand.
	PageCap int
}

// Defaults of the options, for configurations.
const (
	DefaultCorpID = "ww00a1b2c3d4e5f6a7"
	DefaultSecret = "simulated-secret-of-the-app"
	DefaultToken  = "simulatedcalltoken"
	DefaultAESKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	DefaultKfID   = "wkSimulated0000000000001"
)

const (
	accessLife = 2 * time.Hour
	callLife   = 10 * time.Minute
	mediaLife  = 72 * time.Hour
	listedFor  = 72 * time.Hour
	windowTime = 48 * time.Hour
)

// Server is a simulated WeCom. It is an http.Handler.
type Server struct {
	// Faults strike the API.
	Faults fault.Queue

	*host.Host
	o      Options
	signer tencent.Signer

	mu       sync.Mutex
	callback string
	serial   int64
	access   map[string]time.Time // tokens of the API, until when
	called   map[string]time.Time // tokens of calls, until when
	pulled   map[string]time.Time // of an account, the last time without a token
	log      map[string][]listed  // what is listed of an account, oldest first
	cursors  map[string]position
	sessions map[string]*session // by account and user
	codes    map[string]*code
	media    map[string]medium
	users    map[string]User
	sent     []Sent
	counts   map[string]int // requests by path

	distrusted bool
	empty      int // pages to come that are empty
	shuffled   bool
}

// User is a customer as batchget shows them.
type User struct{ Nickname, UnionID string }

// New returns a server that does not listen.
func New(o Options) *Server {
	for value, preset := range map[*string]string{
		&o.CorpID: DefaultCorpID, &o.Secret: DefaultSecret, &o.Token: DefaultToken, &o.AESKey: DefaultAESKey,
	} {
		if *value == "" {
			*value = preset
		}
	}
	if len(o.OpenKfIDs) == 0 {
		o.OpenKfIDs = []string{DefaultKfID}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Retries == nil {
		o.Retries = []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second}
	}
	if o.Untokened == 0 {
		o.Untokened = time.Second
	}
	if o.Answers == 0 {
		o.Answers = 5
	}
	if o.PageCap == 0 {
		o.PageCap = 1000
	}
	s := &Server{
		Host: host.New(answerWithin), o: o, serial: o.First, signer: tencent.Signer{Token: o.Token, AESKey: o.AESKey, Receiver: o.CorpID},
		access: map[string]time.Time{}, called: map[string]time.Time{}, pulled: map[string]time.Time{},
		log: map[string][]listed{}, cursors: map[string]position{}, sessions: map[string]*session{},
		codes: map[string]*code{}, media: map[string]medium{}, users: map[string]User{}, counts: map[string]int{},
	}
	s.Handle(s.Faults.Wrap(s.api()))
	return s
}

// Start returns a server that listens on a port of 127.0.0.1.
func Start(o Options) (*Server, error) {
	s := New(o)
	if err := s.Listen("WeCom"); err != nil {
		s.Host.Close()
		return nil, err
	}
	return s, nil
}

// Close ends calls that are under way and, after Start, the listener.
func (s *Server) Close() error {
	s.Host.Close()
	return nil
}

// Connect sets the address that is called when there is news.
func (s *Server) Connect(callback string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callback = callback
}

// id returns a new one. The mutex is held.
func (s *Server) id(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s%09d", prefix, s.serial)
}

func (s *Server) knows(kfID string) bool { return slices.Contains(s.o.OpenKfIDs, kfID) }
