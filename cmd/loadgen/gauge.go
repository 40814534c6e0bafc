package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// gauge stands between the vendors that call and the daemon, and measures how
// long the daemon takes to acknowledge a call.
type gauge struct {
	addr   string
	server *http.Server
	out    *http.Transport

	mu    sync.Mutex
	took  map[string][]time.Duration // by channel
	other map[string]int             // calls by channel that were not answered with 2xx
}

// startGauge listens on a loopback port and hands on to daemon.
func startGauge(ctx context.Context, daemon string) (*gauge, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the vendors' calls: %w", err)
	}
	g := &gauge{addr: ln.Addr().String(), out: &http.Transport{MaxIdleConnsPerHost: 64}}
	g.reset()
	target := &url.URL{Scheme: "http", Host: daemon}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: g.out,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	g.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &status{ResponseWriter: w}
		begun := time.Now()
		proxy.ServeHTTP(answer, r)
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/webhooks/"), "/")
		g.note(name, time.Since(begun), answer.code)
	})}
	go func() { _ = g.server.Serve(ln) }()
	return g, nil
}

// status remembers what was answered.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

func (g *gauge) note(channel string, took time.Duration, code int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if code/100 != 2 {
		g.other[channel]++
		return
	}
	g.took[channel] = append(g.took[channel], took)
}

// reset forgets what was measured.
func (g *gauge) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.took, g.other = map[string][]time.Duration{}, map[string]int{}
}

// calls returns what was measured of a channel.
func (g *gauge) calls(channel string) (took []time.Duration, refused int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]time.Duration(nil), g.took[channel]...), g.other[channel]
}

func (g *gauge) close() error {
	err := g.server.Close()
	g.out.CloseIdleConnections()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
