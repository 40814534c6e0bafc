// Package inbox is the built-in inbox: pages in which agents read what
// customers wrote on all channels, and answer. The pages are made on the
// server, work on what the store and the desk say, and are kept up to date by
// a stream of events. It stands behind a login of its own.
package inbox

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// Path is where the inbox is mounted.
const Path = "/inbox/"

// User is who may log in: with a password where PasswordHash is set.
type User struct {
	Name, Email, PasswordHash string
	Admin                     bool
}

// Store is what the inbox needs of the database.
type Store interface {
	timeline.Reader
	identity.Store
	// Overview lists conversations, the most recently active first.
	Overview(ctx context.Context, f timeline.OverviewFilter) ([]timeline.Overview, error)
	SetConversation(ctx context.Context, id normalize.ID, s normalize.ConversationState, now time.Time) (*normalize.Conversation, error)
	JobsOf(ctx context.Context, message normalize.ID) ([]*outbox.Job, error)
	Jobs(ctx context.Context, f outbox.Filter) ([]*outbox.Job, error)
	Retry(ctx context.Context, job normalize.ID, expires, now time.Time) error
	Cancel(ctx context.Context, job normalize.ID, now time.Time) error
	Agents
	Canned
	Ledger
	Sessions
	Figures
}

// Sessions are the logins, by the SHA-256 of their tokens. One that does not
// exist or is over is timeline.ErrNotFound.
type Sessions interface {
	StartSession(ctx context.Context, hash [32]byte, user, mark string, now, expires time.Time) error
	Session(ctx context.Context, hash [32]byte, now time.Time) (user, mark string, started, expires time.Time, err error)
	ExtendSession(ctx context.Context, hash [32]byte, expires time.Time) error
	EndSession(ctx context.Context, hash [32]byte) error
}

// Desk takes agents' answers; it is *timeline.Desk.
type Desk interface {
	Reply(ctx context.Context, a timeline.Answer) (m *normalize.Message, repeated bool, err error)
	Preview(ctx context.Context, a timeline.Answer) (*timeline.Preview, error)
}

// Deps is what the inbox works on.
type Deps struct {
	Store Store
	Desk  Desk
	Admin Admin
	// Users are those of the configuration in force, OIDC its login with the
	// company's own accounts, or nil. With neither there is no inbox.
	Users func() []User
	OIDC  func() *OIDC
	// Channels are the names of the accounts that can be written to.
	Channels func() []string
	// Open opens a stored file.
	Open func(ctx context.Context, m *normalize.Media) (io.ReadCloser, error)
	// Upload takes a file in; its error is for the client where it is a
	// *timeline.Refused.
	Upload func(ctx context.Context, name, declared string, r io.Reader) (normalize.Media, error)
	// Guarded fetches what strangers name.
	Guarded *http.Client
	// Changed returns a channel that is closed when events were committed.
	Changed func() <-chan struct{}
	// Expire is how long an answer may wait for its delivery.
	Expire func() time.Duration
	// Client returns the network that a request comes from.
	Client func(r *http.Request) string
	// PublicURL is where browsers reach us, without a slash at its end.
	PublicURL string
	Clock     connectors.Clock
	Log       *slog.Logger
}

// Inbox serves the pages.
type Inbox struct {
	Deps
	door    *door
	sso     *sso
	counted counted
	pages   map[string]*pages // by language
	streams chan struct{}     // one slot for each open stream
	remote  chan struct{}     // one slot for each mail whose remote images are fetched
	stop    context.CancelFunc
	stopped context.Context
}

// maxStreams is how many pages may be kept up to date at once.
const maxStreams = 512

// New returns an inbox.
func New(d Deps) *Inbox {
	in := &Inbox{Deps: d, pages: parsePages(d.Clock.Now), streams: make(chan struct{}, maxStreams), remote: make(chan struct{}, remoteMails)}
	in.door, in.sso = newDoor(d), newSSO(d)
	in.stopped, in.stop = context.WithCancel(context.Background())
	return in
}

// Stop ends the streams, so that a graceful shutdown does not wait for them.
func (in *Inbox) Stop() { in.stop() }

// Handler serves everything below Path.
func (in *Inbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path+"static/{name}", in.static)
	mux.HandleFunc("GET "+Path+"login", in.loginPage)
	mux.HandleFunc("POST "+Path+"login", in.login)
	mux.HandleFunc("GET "+Path+"oidc", in.leave)
	mux.HandleFunc("GET "+Path+"oidc/callback", in.back)
	mux.HandleFunc("POST "+Path+"language", in.setLanguage)
	for pattern, h := range map[string]func(http.ResponseWriter, *request){
		"GET " + Path:                          in.nowhere,
		"POST " + Path + "logout":              in.logout,
		"GET " + Path + "{$}":                  in.listPage,
		"GET " + Path + "list":                 in.listPiece,
		"GET " + Path + "c/{id}":               in.conversationPage,
		"GET " + Path + "c/{id}/timeline":      in.timelinePiece,
		"GET " + Path + "m/{id}/html":          in.mail,
		"POST " + Path + "m/{id}/html":         in.mailWithImages,
		"GET " + Path + "file/{id}":            in.file,
		"GET " + Path + "live":                 in.live,
		"POST " + Path + "c/{id}/state":        in.setState,
		"GET " + Path + "c/{id}/labels":        in.labelsPiece,
		"POST " + Path + "c/{id}/assignee":     in.assign,
		"POST " + Path + "c/{id}/tags":         in.tag,
		"POST " + Path + "c/{id}/unread":       in.unread,
		"GET " + Path + "c/{id}/canned":        in.cannedFor,
		"GET " + Path + "m/{id}":               in.messagePage,
		"GET " + Path + "ledger":               in.admin(in.ledgerPage),
		"GET " + Path + "input/{id}/raw":       in.admin(in.rawInput),
		"GET " + Path + "canned":               in.admin(in.cannedPage),
		"POST " + Path + "canned":              in.admin(in.putCanned),
		"POST " + Path + "canned/drop":         in.admin(in.dropCanned),
		"POST " + Path + "c/{id}/answer":       in.answer,
		"POST " + Path + "c/{id}/preview":      in.preview,
		"POST " + Path + "m/{id}/retry/{part}": in.retry,
		"POST " + Path + "file":                in.upload,
		"GET " + Path + "customer/{id}":        in.customerPage,
		"POST " + Path + "customer/{id}/merge": in.merge,
		"POST " + Path + "merge/{id}/undo":     in.undo,
		"GET " + Path + "charts":               in.chartsPage,
		"GET " + Path + "accounts":             in.admin(in.accountsPage),
		"GET " + Path + "work":                 in.admin(in.workPage),
		"POST " + Path + "job/{id}/retry":      in.admin(in.retryJob),
		"POST " + Path + "job/{id}/cancel":     in.admin(in.cancelJob),
		"POST " + Path + "input/{id}/replay":   in.admin(in.replay),
	} {
		mux.Handle(pattern, in.member(h))
	}
	csrf := http.NewCrossOriginProtection()
	if origin := originOf(in.PublicURL); origin != "" {
		// A proxy may pass on another Host than the browser's.
		if err := csrf.AddTrustedOrigin(origin); err != nil {
			in.Log.Warn("server.public_url is no origin that forms can come from", "err", err)
		}
	}
	safe := csrf.Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if in.closed() {
			http.NotFound(w, r)
			return
		}
		if r.Method == http.MethodPost && r.URL.Path != Path+"file" {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		}
		safe.ServeHTTP(w, r)
	})
}

// Front leads from the bare address, which is what people type, to the inbox.
func (in *Inbox) Front() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if in.closed() {
			http.NotFound(w, r)
			return
		}
		http.Redirect(w, r, Path, http.StatusSeeOther)
	})
}

// closed reports that nobody can log in, so that there is no inbox.
func (in *Inbox) closed() bool { return len(in.Users()) == 0 && in.OIDC() == nil }

// maxForm bounds a form that is no upload, in bytes.
const maxForm = 2 << 20

// secure sets what the browser is to hold to: nothing from elsewhere, nothing
// inline, no frame around us.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "+
		"connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
}
