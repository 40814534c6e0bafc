// Package telegram plays the Bot API of Telegram for one bot: people write to
// it, its updates wait to be asked for or are delivered to a webhook, and what
// it sends is kept for tests to look at. It keeps the rules that are
// documented at https://core.telegram.org/bots/api: one reader at a time,
// updates confirmed by the offset of the next request, the secret of the
// webhook, lengths of texts and files, balanced markup, people who have not
// written or have blocked the bot.
package telegram

import (
	"encoding/json"
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
	// Token of the bot, such as 4200001:AAF-simulated-token-of-a-bot.
	Token string
	// Username of the bot; desk_bot where empty.
	Username string
	// First is added to the numbers in ids, so that they differ from those of an
	// earlier run that the daemon remembers.
	First int64
	// RetryAfter is how long Telegram waits before it calls a webhook again
	// that did not take an update; a second where 0.
	RetryAfter time.Duration
	// ChatGap is the least time between two messages into one chat, beyond
	// which it answers 429; 0 is no limit.
	ChatGap time.Duration
}

// Sent is one message of the bot's.
type Sent struct {
	ChatID    int64
	MessageID int
	Method    string
	// Params are the fields of the request as they came, files apart.
	Params map[string]string
	// Text is the text or caption without its markup.
	Text string
	// File is what was uploaded.
	File     []byte
	FileName string
	Deleted  bool
	At       time.Time
}

// Server is the Bot API for one bot. It is an http.Handler, and Start serves
// it on a port of its own.
type Server struct {
	// Faults strike the bot's requests.
	Faults fault.Queue

	*host.Host
	opts Options
	id   int64

	mu       sync.Mutex
	changed  chan struct{} // closed and renewed when an update arrives
	update   int64         // the last update's id
	message  int           // the last message's id
	queue    []queued
	polling  int // the number of the poll under way, so that a second one ends the first
	hook     hook
	known    map[int64]bool // chats that the bot may write to
	blocked  map[int64]bool
	files    map[string][]byte
	sent     []*Sent
	lastSent map[int64]time.Time
	revoked  bool
	holding  bool
	twice    int // calls of the webhook to make two times
	deaf     int // answers of the webhook to miss
}

// queued is an update that waits.
type queued struct {
	id   int64
	body json.RawMessage
}

type hook struct {
	URL, Secret string
	lastError   string
	lastErrorAt time.Time
}

// New makes a server.
func New(o Options) *Server {
	if o.Username == "" {
		o.Username = "desk_bot"
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = time.Second
	}
	id, _, _ := strings.Cut(o.Token, ":")
	n, _ := strconv.ParseInt(id, 10, 64)
	s := &Server{
		Host: host.New(10 * time.Second), opts: o, id: n, changed: make(chan struct{}), update: 1000 + o.First, message: 100 + int(o.First),
		known: map[int64]bool{}, blocked: map[int64]bool{}, files: map[string][]byte{}, lastSent: map[int64]time.Time{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/bot"+o.Token+"/{method}", s.call)
	mux.HandleFunc("GET /file/bot"+o.Token+"/{path...}", s.download)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/bot") {
			fail(w, 401, "Unauthorized") // for another bot
			return
		}
		fail(w, 404, "Not Found")
	})
	s.Handle(s.Faults.Wrap(mux))
	s.Go(s.deliver)
	return s
}

// Start makes a server on a loopback port.
func Start(o Options) (*Server, error) {
	s := New(o)
	if err := s.Listen("Telegram"); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Sent returns all that the bot has sent, oldest first.
func (s *Server) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Sent, len(s.sent))
	for i, m := range s.sent {
		list[i] = *m
	}
	return list
}

// Hook returns where updates go and with which secret; empty while they wait to
// be asked for.
func (s *Server) Hook() (address, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hook.URL, s.hook.Secret
}

// Pending returns how many updates wait.
func (s *Server) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// announce queues an update; the lock is held.
func (s *Server) announce(kind string, content any) {
	s.update++
	body, err := json.Marshal(map[string]any{"update_id": s.update, kind: content})
	if err != nil {
		panic("simulated Telegram: " + err.Error()) // a mistake in this package
	}
	s.queue = append(s.queue, queued{s.update, body})
	s.wake()
}

func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}
