package twilio

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit"
)

const (
	requestTimeout = 30 * time.Second
	maxAnswer      = 4 << 20 // of a list of messages
)

// call is one request by the library, which knows neither contexts nor other
// hosts than its own: both ride on its transport. It also keeps what the
// library does not tell.
type call struct {
	ctx     context.Context
	t       *Twilio
	written atomic.Bool // the request may have reached Twilio

	status     int
	retryAfter time.Duration
}

// service returns the API for one request. The credentials are set by the
// transport, since the library takes letters and digits only.
func (t *Twilio) service(ctx context.Context) (*api.ApiService, *call) {
	c := &call{ctx: ctx, t: t}
	sdk := &client.Client{
		Credentials: client.NewCredentials("", ""),
		HTTPClient: &http.Client{Transport: c, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}
	sdk.SetAccountSid(t.cfg.AccountSID)
	return api.NewApiServiceWithClient(sdk), c
}

// RoundTrip sends a request of the library to the configured host. The answer
// is read here, bounded, because the library leaves bodies of errors open.
func (c *call) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := httptrace.WithClientTrace(c.ctx, &httptrace.ClientTrace{
		// Anew for each connection that is tried: the transport takes another
		// one only when nothing was written to the first.
		GetConn:      func(string) { c.written.Store(false) },
		WroteHeaders: func() { c.written.Store(true) },
	})
	r = r.Clone(ctx)
	r.URL.Scheme, r.URL.Host, r.Host = c.t.api.Scheme, c.t.api.Host, ""
	r.URL.Path = c.t.api.Path + r.URL.Path
	r.SetBasicAuth(c.t.credentials())
	res, err := transport(c.t.deps.HTTP).RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	c.status = res.StatusCode
	c.retryAfter, _ = kit.RetryAfter(res.Header, c.t.deps.Clock.Now())
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(strings.NewReader(string(body)))
	return res, nil
}

// transport is that of a client.
func transport(c *http.Client) http.RoundTripper {
	if c.Transport != nil {
		return c.Transport
	}
	return http.DefaultTransport
}

// fault classes what the library returned for a request that has no effect
// unless Twilio took it; for one that asks only, Ambiguous means nothing more
// than Transient, as the outbox knows.
func (c *call) fault(err error) *connectors.Error {
	if rest, ok := errors.AsType[*client.TwilioRestError](err); ok {
		return refusal(c.status, rest.Code, c.retryAfter)
	}
	switch {
	case c.status >= 300:
		return refusal(c.status, 0, c.retryAfter) // not in Twilio's form
	case c.status >= 200:
		return connectors.Errorf(connectors.Ambiguous, strconv.Itoa(c.status), "Twilio's answer could not be read")
	case c.ctx.Err() != nil && !c.written.Load():
		return connectors.Errorf(connectors.Transient, "", "stopped before Twilio was asked")
	case !c.written.Load():
		return connectors.Errorf(connectors.Transient, "", "no connection to Twilio at %s: %s", c.t.api.Host, reason(err))
	}
	return connectors.Errorf(connectors.Ambiguous, "", "Twilio did not answer: %s", reason(err))
}

// reason is the cause of a network error without the address, in which an
// account and a customer are named.
func reason(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "stopped"
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	}
	return err.Error()
}
