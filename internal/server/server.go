// Package server is Deskbridge's HTTP side: where vendors call (webhooks),
// where helpdesks and scripts ask (the REST API, events), and where
// administrators look (health, metrics, profiles). It decides nothing; it
// guards the door, translates, and answers for what the other packages did.
//
// Whatever a stranger may send is bounded: headers, bodies, times, and the
// memory of all calls together. A failure of ours is answered with 503, so
// that the caller tries again.
package server

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// Config is what the server takes from the configuration. A zero limit is its
// default.
type Config struct {
	// PublicURL is what vendors call, without a slash at its end. Signatures
	// are checked against it and media are linked below it.
	PublicURL string
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// MaxMedia is the largest upload, in bytes (25 MiB).
	MaxMedia int64
	// MaxWebhook is the largest call of a vendor, in bytes (10 MiB).
	MaxWebhook int64
	// WebhookMemory is what the bodies of all calls under way may take
	// together, in bytes (128 MiB). Further calls are put off with 503.
	WebhookMemory int64
	// MaxStreams is how many event streams may be open at once (64).
	MaxStreams int
}

// Deps is what the server works on.
type Deps struct {
	Timeline Timeline
	Desk     Answerer
	Identity identity.Store
	Outbox   Outbox
	Tokens   Tokens
	Media    Media
	// Endpoint returns who takes the calls to /webhooks/{name}; false where
	// there is no enabled account of that name.
	Endpoint func(name string) (Endpoint, bool)
	// Ready fails, in words for an administrator, while the store cannot
	// commit.
	Ready func(context.Context) error
	// Links returns how files are linked for strangers.
	Links   func() timeline.Links
	Log     *slog.Logger
	Clock   connectors.Clock
	Metrics *prometheus.Registry
}

// Timeline is what the API needs of the timeline's store.
type Timeline interface {
	timeline.Reader
	SetConversation(ctx context.Context, id normalize.ID, s normalize.ConversationState, now time.Time) (*normalize.Conversation, error)
	Label(ctx context.Context, id normalize.ID, l timeline.Labels, now time.Time) (*normalize.Conversation, error)
	PutMedia(ctx context.Context, m normalize.Media, now time.Time) (normalize.Media, error)
	// SweptEvents returns the number of the newest event that is no longer
	// kept; 0 where all are.
	SweptEvents(ctx context.Context) (int64, error)
}

// Answerer takes agents' answers; it is *timeline.Desk.
type Answerer interface {
	Reply(ctx context.Context, a timeline.Answer) (m *normalize.Message, repeated bool, err error)
	Preview(ctx context.Context, a timeline.Answer) (*timeline.Preview, error)
	Typing(ctx context.Context, conversation normalize.ID) error
	Recall(ctx context.Context, message normalize.ID) (*normalize.Message, error)
}

// Outbox is what the API shows of a message's deliveries.
type Outbox interface {
	JobsOf(ctx context.Context, message normalize.ID) ([]*outbox.Job, error)
	Attempts(ctx context.Context, job normalize.ID) ([]outbox.Attempt, error)
	ReceiptsOf(ctx context.Context, message normalize.ID) ([]normalize.Receipt, error)
}

// Tokens knows the API tokens by the SHA-256 of each.
type Tokens interface {
	// TokenByHash returns the name under which a token was made, and
	// timeline.ErrNotFound for one that does not exist or was revoked.
	TokenByHash(ctx context.Context, hash [32]byte) (name string, err error)
}

// Media is the media store.
type Media interface {
	// Put stores content durably and returns its SHA-256 in hex. An error of r
	// comes back wrapped, and nothing is stored.
	Put(ctx context.Context, r io.Reader) (digest string, size int64, err error)
	Open(ctx context.Context, digest string) (io.ReadCloser, error)
	// Remove deletes a file; one that does not exist is no error. One that was
	// stored just now may stay until the store's sweep.
	Remove(ctx context.Context, digest string) error
	// Files reads the raw inputs that were too large for the database.
	timeline.Files
}

// Endpoint takes a call of a vendor: it verifies it, without storing anything,
// and returns what remains to be committed, nil for nothing, and the reply that
// is sent after that.
type Endpoint func(ctx context.Context, call *connectors.Request) (commit func(context.Context) error, reply connectors.Reply, err error)

// ChannelEndpoint is the Endpoint of a channel; take commits a batch, and nil
// from it is durable.
func ChannelEndpoint(hook channel.Webhook, take func(context.Context, normalize.Batch) error) Endpoint {
	return func(ctx context.Context, call *connectors.Request) (func(context.Context) error, connectors.Reply, error) {
		b, reply, err := hook.Parse(ctx, call)
		if err != nil || len(b.Inputs)+len(b.Cursors) == 0 {
			return nil, reply, err
		}
		return func(ctx context.Context) error { return take(ctx, b) }, reply, nil
	}
}

// Server serves two listeners. It is ready after Started and until Stop.
type Server struct {
	config   Config
	deps     Deps
	log      *slog.Logger
	metrics  *metrics
	auth     *auth
	bodies   *budget
	refusals refusals
	changed  broadcast
	streams  chan struct{} // one slot for each open stream
	stop     context.CancelFunc
	stopped  context.Context // ends with Stop
	health   health
	mounted  map[string]http.Handler // see Mount
}

// New returns a server. It registers its metrics with d.Metrics.
func New(c Config, d Deps) *Server {
	fallback(&c.MaxMedia, 25<<20)
	fallback(&c.MaxWebhook, 10<<20)
	fallback(&c.WebhookMemory, 128<<20)
	fallback(&c.MaxStreams, 64)
	s := &Server{
		config: c, deps: d, log: d.Log, metrics: newMetrics(d.Metrics), bodies: newBudget(c.WebhookMemory),
		streams: make(chan struct{}, c.MaxStreams),
	}
	s.auth = newAuth(d.Tokens, d.Clock)
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.health.ready = d.Ready
	return s
}

func fallback[T int | int64](v *T, to T) {
	if *v == 0 {
		*v = to
	}
}

// Started makes the server ready.
func (s *Server) Started() { s.health.started.Store(true) }

// Stop makes the server not ready and ends the event streams, so that a
// graceful shutdown does not wait for them. Other calls go on.
func (s *Server) Stop() { s.stop() }

// Notify says that events were committed. Without it, streams see them after
// a second.
func (s *Server) Notify() { s.changed.wake() }

// Mount adds a handler of another package to Public, at a pattern of
// http.ServeMux: below a path that ends with a slash, or for one address. It stands behind the same bounds, but asks for no API token.
func (s *Server) Mount(pattern string, h http.Handler) {
	if s.mounted == nil {
		s.mounted = map[string]http.Handler{}
	}
	s.mounted[pattern] = h
}

// Public is the handler of server.listen.
func (s *Server) Public() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+timeline.LinkPath+"{token}", s.linkedFile)
	mux.HandleFunc("/webhooks/{name}", s.webhook)
	mux.HandleFunc("/webhooks/{name}/{rest...}", s.webhook)
	for pattern, h := range s.mounted {
		mux.Handle(pattern, h)
	}
	s.api(mux)
	return s.outer(s.route(mux))
}

// Listener returns a server of net/http for h that cuts clients who are slow
// to ask, or ask with endless headers. The handlers of Public bound the rest.
func Listener(h http.Handler, l *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          errorLog(l),
	}
}

// errorLog keeps what net/http says of broken connections at debug level: a
// stranger can provoke any amount of it.
func errorLog(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }

// broadcast wakes everyone who waits.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{}
}

// wait returns a channel that is closed by the next wake.
func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
