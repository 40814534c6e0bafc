package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// patience is how long a call is waited for.
const patience = 30 * time.Second

// door stands between the vendors and the daemon and takes the time of each
// call. What it takes itself counts against the daemon.
type door struct {
	proxy *httputil.ReverseProxy

	mu      sync.Mutex
	times   map[string][]time.Duration // by account
	refused map[string]int             // likewise
	news    chan struct{}              // closed and replaced after each call
}

// newDoor returns a door to the daemon that listens at addr.
func newDoor(addr string) *door {
	target := &url.URL{Scheme: "http", Host: addr}
	return &door{
		times: map[string][]time.Duration{}, refused: map[string]int{}, news: make(chan struct{}),
		proxy: &httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
			Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		},
	}
}

// noted keeps the status of an answer.
type noted struct {
	http.ResponseWriter
	code int
}

func (s *noted) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/webhooks/"), "/")
	s := &noted{w, http.StatusOK}
	begun := time.Now()
	d.proxy.ServeHTTP(s, r)
	took := time.Since(begun)
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.code >= http.StatusMultipleChoices {
		d.refused[name]++
		return
	}
	d.times[name] = append(d.times[name], took)
	close(d.news)
	d.news = make(chan struct{})
}

func (d *door) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.times)
	clear(d.refused)
}

// await waits until n calls of an account were acknowledged.
func (d *door) await(ctx context.Context, name string, n int) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		d.mu.Lock()
		got, news := len(d.times[name]), d.news
		d.mu.Unlock()
		if got >= n {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return fmt.Errorf("%s: %d of %d calls were acknowledged", name, got, n)
		}
	}
}

// loads returns the times since reset. Calls that were refused make the run a
// broken one.
func (d *door) loads() (map[string]load, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]load{}
	for name, times := range d.times {
		if n := d.refused[name]; n > 0 {
			return nil, fmt.Errorf("%s: %d calls were refused: the run was broken and its times mean nothing", name, n)
		}
		slices.Sort(times)
		all[name] = load{n: len(times), each: slices.Clone(times)}
	}
	return all, nil
}

// listenPlain serves h on a port of its own.
func listenPlain(ctx context.Context, h http.Handler) (addr string, stop func() error, err error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: patience}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	return ln.Addr().String(), func() error {
		err := s.Close()
		if serr := <-done; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
		return err
	}, nil
}
