package slack

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxAnswer bounds an answer of the Web API: a page of 200 messages is far
// below.
const maxAnswer = 16 << 20

// wire carries the SDK's requests. It bounds answers, and marks errors of
// requests that surely never left.
type wire struct{ client *http.Client }

// errUnsent is within the error of a request for which there was not even a
// connection.
var errUnsent = errors.New("no connection")

type unsent struct{ cause error }

func (e *unsent) Error() string   { return e.cause.Error() }
func (e *unsent) Unwrap() []error { return []error{errUnsent, e.cause} }

// Do implements the SDK's httpClient.
func (w wire) Do(r *http.Request) (*http.Response, error) {
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	//nolint:gosec // the address is the administrator's, or was looked at by trusts
	resp, err := w.client.Do(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		// The address within may hold what a stranger must not see.
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		if !connected.Load() {
			err = &unsent{err}
		}
		return nil, err
	}
	resp.Body = limited{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

type limited struct {
	io.Reader
	io.Closer
}

// redirect follows the vendor to hosts of its own only, and never with a
// request that had a body, which would be sent twice.
func (s *Slack) redirect(r *http.Request, via []*http.Request) error {
	if len(via) > 5 || via[0].Method != http.MethodGet || !s.trusts(r.URL) {
		return http.ErrUseLastResponse
	}
	return nil
}

// trusts tells whether a token may be shown to an address: to Slack's hosts,
// and to that of the configured api_url.
func (s *Slack) trusts(u *url.URL) bool {
	if own, err := url.Parse(s.cfg.APIURL); err == nil && u.Scheme == own.Scheme && strings.EqualFold(u.Host, own.Host) {
		return true
	}
	if u.Scheme != "https" || u.User != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	for _, domain := range []string{"slack.com", "slack-gov.com"} {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}

// pacer keeps the messages to one channel apart.
type pacer struct {
	gap time.Duration

	mu   sync.Mutex
	next map[string]time.Time
}

func newPacer(gap time.Duration) *pacer { return &pacer{gap: gap, next: map[string]time.Time{}} }

const pacedChannels = 1000

// wait returns when the next message may go to a channel.
func (p *pacer) wait(ctx context.Context, channel string) error {
	now := time.Now()
	p.mu.Lock()
	if len(p.next) > pacedChannels {
		for k, at := range p.next {
			if at.Before(now) {
				delete(p.next, k)
			}
		}
	}
	at := p.next[channel]
	if at.Before(now) {
		at = now
	}
	p.next[channel] = at.Add(p.gap)
	p.mu.Unlock()
	if !at.After(now) {
		return ctx.Err()
	}
	t := time.NewTimer(at.Sub(now))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
