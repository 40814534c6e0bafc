// Package stage is what a visitor of the demo sees in the browser: the inbox,
// and beside it the phones of the customers, under one address of this
// machine. Whoever follows the link of the demo is let in, here and to the
// inbox, without a password.
package stage

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// Options of a stage.
type Options struct {
	// Daemon is where the inbox is, Email and Password are its user's whom the
	// visitor plays.
	Daemon          *url.URL
	Email, Password string
	Book            *Book
	// Write lets a customer write, and returns once the vendor or the daemon
	// has taken it.
	Write func(context.Context, Draft) error
	// Opened is called when a link was used, with the one that is good next.
	Opened func(next string)
	Log    *slog.Logger
}

// Draft is what the visitor writes as a customer.
type Draft struct {
	At      Place
	Subject string // of a mail
	Text    string
	Picture *File
	Call    bool // it is said to the answering machine
}

// Stage serves the pages.
type Stage struct {
	Options
	url    string
	server *http.Server
	client *http.Client
	proxy  *httputil.ReverseProxy
	pages  map[string]*pages // by language
	stop   context.CancelFunc
	served sync.WaitGroup
	key    string // in the cookie of whoever was let in

	mu   sync.Mutex
	next string // what the next link ends with
}

// cookie shows that a browser was let in.
const cookie = "deskbridge-demo"

// Start serves on a listener of a loopback address until Close.
func Start(l net.Listener, o Options) (*Stage, error) {
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsLoopback() {
		return nil, fmt.Errorf("the demo listens on this machine alone, not on %s", l.Addr())
	}
	set, err := parsePages()
	if err != nil {
		return nil, err
	}
	s := &Stage{
		Options: o, url: "http://" + l.Addr().String(), pages: set, key: rand.Text() + rand.Text(), next: rand.Text(),
		client: &http.Client{
			Transport: &http.Transport{}, Timeout: 20 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	s.proxy = s.newProxy()
	running, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.server = &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return running },
	}
	s.served.Go(func() { _ = s.server.Serve(l) }) // ends by Close
	return s, nil
}

// URL is the address of the stage, without a slash at its end.
func (s *Stage) URL() string { return s.url }

// Link is the address that lets the next visitor in, once.
func (s *Stage) Link() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url + "/open/" + s.next
}

// Close ends the server and the streams of open pages.
func (s *Stage) Close() error {
	s.stop()
	soon, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := s.server.Shutdown(soon)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.server.Close()
	}
	s.served.Wait()
	s.client.CloseIdleConnections()
	return err
}

func (s *Stage) handler() http.Handler {
	inside := http.NewServeMux()
	inside.HandleFunc("GET /{$}", s.stagePage)
	inside.HandleFunc("GET /phone/{$}", func(w http.ResponseWriter, r *http.Request) { s.homePage(w, r, "") })
	inside.HandleFunc("GET /phone/{owner}/{$}", func(w http.ResponseWriter, r *http.Request) { s.homePage(w, r, r.PathValue("owner")) })
	inside.HandleFunc("GET /phone/{owner}/{app}", s.chatPage)
	inside.HandleFunc("POST /phone/{owner}/{app}", s.write)
	inside.HandleFunc("GET /phone/live", s.live)
	inside.HandleFunc("GET /phone/file/{id}", s.file)
	inside.HandleFunc("GET /inbox/login", s.enter)
	inside.Handle("/inbox/", s.proxy)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /open/{token}", s.open)
	mux.HandleFunc("GET /static/{name}", s.static)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if !s.known(r) {
			s.show(w, r, http.StatusForbidden, "closed", nil)
			return
		}
		inside.ServeHTTP(w, r)
	})
	safe := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		// Another name that leads to this machine is a page from outside that
		// tries to read ours.
		if !here(r.Host) {
			http.Error(w, "the demo is at "+s.url, http.StatusMisdirectedRequest)
			return
		}
		safe.ServeHTTP(w, r)
	})
}

// here reports whether a Host names this machine itself.
func here(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// secure sets what the browser is to hold to: nothing from elsewhere, nothing
// inline, and frames within our own pages only.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// open lets in who has followed the link, which is good once.
func (s *Stage) open(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	good := r.Method == http.MethodGet && subtle.ConstantTimeCompare([]byte(r.PathValue("token")), []byte(s.next)) == 1
	if good {
		s.next = rand.Text()
	}
	s.mu.Unlock()
	switch {
	case good:
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // http, since it never leaves this machine
			Name: cookie, Value: s.key, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		s.Opened(s.Link())
	case !s.known(r):
		s.show(w, r, http.StatusForbidden, "closed", nil)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// known reports whether a browser was let in.
func (s *Stage) known(r *http.Request) bool {
	c, err := r.Cookie(cookie)
	return err == nil && subtle.ConstantTimeCompare([]byte(c.Value), []byte(s.key)) == 1
}

func (s *Stage) stagePage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "stage", nil)
}
