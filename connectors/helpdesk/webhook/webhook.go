// Package webhook is the helpdesk for any backend that can take an HTTP call:
// every event is posted to one URL, signed as the Standard Webhooks
// specification says (https://www.standardwebhooks.com).
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	// deadline bounds one call, from the dial to the end of the answer. The
	// specification asks for 15 to 30 seconds.
	deadline = 15 * time.Second
	// maxDrain is how much of an answer is read so that its connection can be
	// used again. What it says is of no concern.
	maxDrain = 64 << 10
)

func init() {
	helpdesk.Register(helpdesk.Kind{
		Type:   "webhook",
		Title:  "Webhook (any backend)",
		Config: func() connectors.Config { return &Config{} },
		New: func(c connectors.Config, d connectors.Deps) (helpdesk.Helpdesk, error) {
			config, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("webhook: not its configuration: %T", c)
			}
			return New(config, d)
		},
	})
}

// Helpdesk posts events to one URL.
type Helpdesk struct {
	url       *url.URL
	secrets   [][]byte
	events    []normalize.EventType // empty is all
	publicURL string
	http      *http.Client
	clock     connectors.Clock
}

// New opens a helpdesk. It does no I/O.
func New(c *Config, d connectors.Deps) (*Helpdesk, error) {
	u, err := parseURL(c.URL)
	if err != nil {
		return nil, err
	}
	secrets, err := parseSecrets(c.Secret.Reveal())
	if err != nil {
		return nil, err
	}
	h := &Helpdesk{url: u, secrets: secrets, publicURL: d.PublicURL, clock: d.Clock}
	for _, e := range c.Events {
		h.events = append(h.events, normalize.EventType(e))
	}
	client := *d.HTTP
	// A redirect would hand a customer's message to an address that nobody
	// configured.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.http = &client
	return h, nil
}

// Wants reports whether the backend is to get events of this type.
func (h *Helpdesk) Wants(t normalize.EventType) bool {
	return len(h.events) == 0 || slices.Contains(h.events, t)
}

// Close drops idle connections.
func (h *Helpdesk) Close(context.Context) error {
	h.http.CloseIdleConnections()
	return nil
}

// Forward posts one event. The backend recognises a repeat by webhook-id,
// which is the event's id. Media are given by their address in our API. Any 2xx
// is acceptance.
func (h *Helpdesk) Forward(ctx context.Context, e *normalize.Event) error {
	body, err := json.Marshal(normalize.LinkEvent(e, h.publicURL))
	if err != nil {
		return connectors.Errorf(connectors.Rejected, "", "the event cannot be written as JSON: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url.String(), bytes.NewReader(body))
	if err != nil {
		return connectors.Errorf(connectors.Transient, "", "building the call: %w", err)
	}
	now := h.clock.Now()
	id := e.ID.String()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Deskbridge")
	req.Header.Set(HeaderID, id)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(HeaderSignature, sign(h.secrets, id, now, body))

	resp, err := h.http.Do(req)
	if err != nil {
		return networkError(err)
	}
	defer resp.Body.Close()
	// The status stands whatever becomes of the rest; a connection that
	// cannot be drained is closed.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrain))
	return classify(resp, now)
}

// classify says what follows from an answer. Our events must outlive a
// backend that is misconfigured for a while, so a refusal is retried like an
// outage, for days and in sight of the administrator. Only 410 Gone, by which
// the specification lets a receiver unsubscribe, stops the account.
func classify(resp *http.Response, now time.Time) error {
	status := resp.StatusCode
	if status >= 200 && status < 300 {
		return nil
	}
	code := strconv.Itoa(status)
	after, named := kit.RetryAfter(resp.Header, now)
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && named:
		err := connectors.Errorf(connectors.Throttled, code, "the backend asks to wait")
		err.RetryAfter = after
		return err
	case status == http.StatusGone:
		return connectors.Errorf(connectors.AccountDown, code,
			"the backend says that this URL is gone for good: correct url, then resume the account")
	case status >= 300 && status < 400:
		return connectors.Errorf(connectors.Transient, code,
			"the backend redirects, which is not followed: set url to the final address")
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return connectors.Errorf(connectors.Transient, code,
			"the backend refuses the call: check that both sides have the same secret")
	case status >= 400 && status < 500:
		return connectors.Errorf(connectors.Transient, code, "the backend refuses the call: check url and the backend's log")
	}
	return connectors.Errorf(connectors.Transient, code, "the backend failed")
}

// networkError is what a call without an answer comes to. The backend may
// have the event already; it knows a repeat by its id.
func networkError(err error) error {
	// url.Error prints the whole URL, in which some put a token.
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return connectors.Errorf(connectors.Transient, "", "no answer within %v: %w", deadline, err)
	}
	return connectors.Errorf(connectors.Transient, "", "no answer: %w", err)
}
