package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	readyFor     = time.Second     // how long an answer of Ready is believed
	readyTimeout = 2 * time.Second // after which the store counts as stuck
)

// Admin is the handler of server.admin_listen.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.deps.Metrics, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, Timeout: 10 * time.Second, Registry: s.deps.Metrics,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { say(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := s.ready(r.Context()); err != nil {
			say(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
			return
		}
		say(w, http.StatusOK, "ready")
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func say(w http.ResponseWriter, status int, words string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, words+"\n")
}

// health is what /readyz knows.
type health struct {
	ready   func(context.Context) error
	started atomic.Bool

	mu      sync.Mutex
	checked time.Time
	err     error
	running chan struct{} // closed when the check under way has ended
}

func (s *Server) ready(ctx context.Context) error {
	if s.stopped.Err() != nil {
		return errors.New("stopping")
	}
	if !s.health.started.Load() {
		return errors.New("starting")
	}
	return s.health.check(ctx)
}

// check asks the store, at most one question at a time and one a second,
// however many ask us. A question that the store does not answer stays the
// only one, and all who ask are told so.
func (h *health) check(ctx context.Context) error {
	h.mu.Lock()
	if h.running == nil && time.Since(h.checked) < readyFor {
		defer h.mu.Unlock()
		return h.err
	}
	if h.running == nil {
		h.running = make(chan struct{})
		go h.ask(context.WithoutCancel(ctx), h.running)
	}
	running := h.running
	h.mu.Unlock()

	timeout := time.NewTimer(readyTimeout)
	defer timeout.Stop()
	select {
	case <-running:
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.err
	case <-timeout.C:
		return fmt.Errorf("the store has not answered for %v", readyTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask outlives the request that asked first: others wait for it too.
func (h *health) ask(ctx context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	err := h.ready(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err, h.checked, h.running = err, time.Now(), nil
	close(done)
}
