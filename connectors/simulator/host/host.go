// Package host is what simulated vendors with an HTTP API have in common: they
// listen on a loopback port of their own, work beside the requests, and call
// back.
package host

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Host serves one simulated vendor, which embeds it. It is an http.Handler;
// Listen serves it on a port.
type Host struct {
	// Client makes the vendor's own calls.
	Client *http.Client

	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	handler http.Handler
	url     string
	http    *http.Server

	mu   sync.Mutex // work does not begin while it ends
	work sync.WaitGroup
}

// New returns a Host of which patience bounds a call of the vendor's own; 0 is
// no bound. Its handler follows by Handle: it is the vendor's, who needs the
// Host.
func New(patience time.Duration) *Host {
	h := &Host{Client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: patience}}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Handle says what answers requests; call it before anything is served.
func (h *Host) Handle(handler http.Handler) { h.handler = handler }

// Listen serves on a free loopback port. vendor names it in errors.
func (h *Host) Listen(vendor string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(h.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("simulated %s: %w", vendor, err)
	}
	h.url = "http://" + l.Addr().String()
	h.http = &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	h.Go(func() { _ = h.http.Serve(l) }) // ends by Close
	return nil
}

// ServeHTTP implements http.Handler.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.handler.ServeHTTP(w, r) }

// URL is the address to configure; empty before Listen.
func (h *Host) URL() string { return h.url }

// Context ends with Close.
func (h *Host) Context() context.Context { return h.ctx }

// Go works beside the requests, until it returns; Close waits for it. After
// Close it does nothing.
func (h *Host) Go(work func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() == nil {
		h.work.Go(work)
	}
}

// Pause waits, and reports whether the vendor still runs.
func (h *Host) Pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-h.ctx.Done():
		return false
	}
}

// Post makes a call of the vendor's own and returns the status of its answer.
func (h *Host) Post(address string, header http.Header, body []byte) (status int, err error) {
	r, err := http.NewRequestWithContext(h.ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header = header.Clone()
	resp, err := h.Client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // so that the connection serves again
	return resp.StatusCode, nil
}

// Close ends the server and its calls.
func (h *Host) Close() {
	h.mu.Lock()
	h.stop()
	h.mu.Unlock()
	if h.http != nil {
		_ = h.http.Close()
	}
	h.work.Wait()
	h.Client.CloseIdleConnections()
}
