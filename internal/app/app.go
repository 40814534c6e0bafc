// Package app puts the daemon together: it opens the store, the accounts and
// the listeners, keeps them running, and stops them in order. It holds wiring
// and lifecycle only.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	_ "github.com/deskbridge/deskbridge/connectors/all" // every connector registers itself
	"github.com/deskbridge/deskbridge/internal/inbox"
	"github.com/deskbridge/deskbridge/internal/server"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/store/media"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// Options are what the surroundings decide. The zero value is the daemon's.
type Options struct {
	Log     *slog.Logger
	Version string
	Clock   connectors.Clock
	// Poll is how often the outbox looks for work that nobody announced;
	// default 1 s.
	Poll time.Duration
	// Guarded fetches for the inbox what strangers name; default
	// kit.GuardedClient.
	Guarded *http.Client
}

// App is a daemon.
type App struct {
	file    atomic.Pointer[configs.File] // the configuration in force
	opts    Options
	log     *slog.Logger
	now     func() time.Time
	db      *store.DB
	media   *media.Dir
	key     []byte
	owner   string // of leases: this process
	metrics *metrics
	outbox  *outbox.Metrics
	server  *server.Server
	inbox   *inbox.Inbox
	public  net.Listener
	admin   net.Listener
	ready   chan struct{}

	// changing is held while accounts are opened, started or stopped. mu is
	// held for a moment only: who reads the map without changing it takes mu.
	changing sync.Mutex
	running  context.Context // set while Run runs; accounts start under it
	mu       sync.RWMutex
	accounts map[string]*Account
	states   states
}

// Attach opens the store and the accounts of a configuration, to look into
// them or to change something, whether a daemon runs on them or not. Nothing
// is read from or sent to a vendor but what a method says. Close it.
func Attach(ctx context.Context, f *configs.File, o Options) (a *App, err error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = connectors.SystemClock{}
	}
	a = &App{
		opts: o, log: o.Log, now: o.Clock.Now, owner: newOwner(),
		accounts: map[string]*Account{}, ready: make(chan struct{}), metrics: newMetrics(o.Version),
	}
	a.file.Store(f)
	if a.db, a.media, err = OpenStore(ctx, f, o.Log); err != nil {
		return nil, err
	}
	if a.key, err = a.db.InstallationKey(ctx); err != nil {
		a.Close()
		return nil, fmt.Errorf("the installation's key: %w", err)
	}
	if a.accounts, err = a.open(ctx, f); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// New makes a daemon: it opens the store, the accounts and the listeners, but
// serves nothing before Run.
func New(ctx context.Context, f *configs.File, o Options) (a *App, err error) {
	if a, err = Attach(ctx, f, o); err != nil {
		return nil, err
	}
	defer func(opened *App) {
		if err != nil {
			opened.Close()
		}
	}(a)
	if err := a.register(ctx, a.accounts); err != nil {
		return nil, err
	}
	if err := a.db.Vacate(ctx, goneOwner); err != nil {
		return nil, fmt.Errorf("free the leases of processes that are gone: %w", err)
	}
	a.metrics.registry.MustRegister(&work{store: a.db, now: a.now})
	a.metrics.watchRoutes(a.db)
	a.outbox = outbox.NewMetrics(a.metrics.registry)
	a.server = server.New(server.Config{
		PublicURL: f.Server.PublicURL, TrustedProxies: f.Server.Proxies(), MaxMedia: int64(f.Media.MaxSize),
	}, server.Deps{
		Timeline: a.db, Desk: a, Identity: a.db, Outbox: a.db, Tokens: tokens{a.db}, Media: a.media,
		Endpoint: a.endpoint, Ready: a.db.Ready, Log: a.log, Clock: a.opts.Clock, Metrics: a.metrics.registry,
		Links: a.links,
	})
	a.inbox = a.newInbox(f.Server.PublicURL)
	a.server.Mount(inbox.Path, a.inbox.Handler())
	a.server.Mount("GET /{$}", a.inbox.Front())
	if a.public, err = listen(ctx, "server.listen", f.Server.Listen); err != nil {
		return nil, err
	}
	if a.admin, err = listen(ctx, "server.admin_listen", f.Server.AdminListen); err != nil {
		return nil, err
	}
	return a, nil
}

// OpenStore opens the store and the media folder of a configuration.
func OpenStore(ctx context.Context, f *configs.File, log *slog.Logger) (*store.DB, *media.Dir, error) {
	db, err := store.Open(ctx, f.Store.URL.Reveal(), store.Options{Log: log})
	if err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	dir, err := media.Open(f.Media.Dir)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("media.dir: %w", err), db.Close(ctx))
	}
	return db, dir, nil
}

func listen(ctx context.Context, key, addr string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return l, nil
}

// Store is the open store.
func (a *App) Store() *store.DB { return a.db }

// PublicAddr is where the daemon listens for vendors, the API and agents; nil
// where it does not.
func (a *App) PublicAddr() net.Addr { return addr(a.public) }

// AdminAddr is where the daemon listens for administrators, like PublicAddr.
func (a *App) AdminAddr() net.Addr { return addr(a.admin) }

func addr(l net.Listener) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

// Ready is closed when everything has been started.
func (a *App) Ready() <-chan struct{} { return a.ready }

// Run serves until ctx ends, then stops in order: no new input, no new
// claims, the calls under way, the store. It may be called once.
func (a *App) Run(ctx context.Context) error {
	defer a.Close()
	failed := make(chan error, 2)
	servers := a.serve(failed)

	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	a.start(work)
	var background sync.WaitGroup
	background.Go(func() { a.announce(work) })
	background.Go(func() { a.housekeeping(work) })
	background.Go(func() { a.indexing(work) })
	background.Go(func() { watchdog(work, a.log, a.turn) })
	a.server.Started()
	close(a.ready)
	notify(a.log, "READY=1\nSTATUS="+a.summary())
	a.log.Info("serving", "version", a.opts.Version, "accounts", a.summary(), "listen", fmt.Sprint(a.PublicAddr()), "admin", fmt.Sprint(a.AdminAddr()))

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	notify(a.log, "STOPPING=1")
	a.log.Info("stopping", "grace", a.grace())
	a.server.Stop()
	a.inbox.Stop()
	stopWork()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.grace())
	defer cancel()
	for _, s := range servers {
		if e := s.Shutdown(grace); e != nil {
			_ = s.Close()
		}
	}
	a.wait()
	background.Wait()
	a.log.Info("stopped")
	return err
}

// serve starts the listeners.
func (a *App) serve(failed chan<- error) (servers []*http.Server) {
	add := func(l net.Listener, h http.Handler) {
		if l == nil {
			return
		}
		s := server.Listener(h, a.log)
		servers = append(servers, s)
		go func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("listener %s: %w", l.Addr(), err)
			}
		}()
	}
	add(a.public, a.server.Public())
	add(a.admin, a.server.Admin())
	return servers
}

// Close ends what New or Attach opened; Run does it by itself.
func (a *App) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), a.grace())
	defer cancel()
	a.mu.Lock()
	for _, acc := range a.accounts {
		if err := acc.Close(ctx); err != nil {
			a.log.Warn("closing an account", "account", acc.Name, "err", err)
		}
	}
	clear(a.accounts)
	a.mu.Unlock()
	for _, l := range []net.Listener{a.public, a.admin} {
		if l != nil {
			_ = l.Close() // closed already where it was served
		}
	}
	if a.media != nil {
		_ = a.media.Close()
	}
	if a.db != nil {
		if err := a.db.Close(ctx); err != nil {
			a.log.Error("closing the store", "err", err)
		}
	}
}

func (a *App) grace() time.Duration { return a.file.Load().Shutdown.Grace }

// Reply takes an agent's answer, see timeline.Desk.
func (a *App) Reply(ctx context.Context, answer timeline.Answer) (*normalize.Message, bool, error) {
	return a.desk().Reply(ctx, answer)
}

// Preview tells what would become of an answer.
func (a *App) Preview(ctx context.Context, answer timeline.Answer) (*timeline.Preview, error) {
	return a.desk().Preview(ctx, answer)
}

// Typing shows a customer that somebody is writing.
func (a *App) Typing(ctx context.Context, conversation normalize.ID) error {
	return a.desk().Typing(ctx, conversation)
}

// Recall takes back a message of ours.
func (a *App) Recall(ctx context.Context, message normalize.ID) (*normalize.Message, error) {
	return a.desk().Recall(ctx, message)
}

func (a *App) desk() *timeline.Desk {
	d := a.file.Load().Delivery
	return &timeline.Desk{Store: a.db, Outlets: a, Now: a.now, Expire: d.Expire, MaxPerPeerHour: d.MaxPerPeerHour}
}

// ingestor takes in what channels hand over.
func (a *App) ingestor() *timeline.Ingestor {
	return &timeline.Ingestor{
		Store: a.db, Files: a.media, Log: a.log, Now: a.now,
		IdleTimeout: func() time.Duration { return a.file.Load().Conversations.IdleTimeout }, Observe: a.metrics.observe,
	}
}
