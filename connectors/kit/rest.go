package kit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	// maxRESTAnswer bounds an answer in JSON.
	maxRESTAnswer = 32 << 20
	// restDeadline bounds one call, from the dial to the end of the answer.
	restDeadline = 2 * time.Minute
	// maxWords is how much of a refusal's own words is passed on, in runes.
	maxWords = 300
)

// REST calls the JSON API of a product. Its errors are *connectors.Error whose
// Code is the status of the answer: Throttled where the product asks to wait,
// AccountDown where it does not take the credentials, Rejected for other
// refusals. What a request without an answer has done is not known: it is
// Ambiguous, unless it only asked.
type REST struct {
	Product string // as errors name it
	URL     string // without a slash at its end
	Mend    string // the settings to check where the credentials are refused
	Clock   connectors.Clock
	// Authorize adds the credentials to a request.
	Authorize func(*http.Request)
	// Words returns what a refusal says, from its body.
	Words func(body []byte) string
	// Refused returns what a refusal means where the product has a meaning of
	// its own for it, or nil. It may be nil itself.
	Refused func(call RESTCall, status int, body []byte) error

	http *http.Client
}

// Use sets the client. Redirects are not followed: one would hand a customer's
// words to an address that nobody configured.
func (c *REST) Use(client *http.Client) {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &own
}

// Close drops idle connections.
func (c *REST) Close() { c.http.CloseIdleConnections() }

// RESTCall is one request.
type RESTCall struct {
	Method, Path string
	Query        url.Values
	Header       http.Header // beside what every request has
	// JSON is the body, or else Body with its type, or else Stream; nil for
	// none.
	JSON   any
	Body   []byte
	Type   string
	Stream *RESTStream
	// Into takes the answer; nil where it is of no concern.
	Into any
}

// RESTStream is a body that is read while it is sent.
type RESTStream struct {
	Type   string
	Length int64 // bytes
	Open   func(ctx context.Context) (io.ReadCloser, error)
}

// Do makes a request and returns the header of its answer, which is nil where
// there was none.
func (c *REST) Do(ctx context.Context, call RESTCall) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, restDeadline)
	defer cancel()
	if call.JSON != nil {
		var err error
		if call.Body, err = json.Marshal(call.JSON); err != nil {
			return nil, connectors.Errorf(connectors.Rejected, "", "the request cannot be written: %w", err)
		}
		call.Type = "application/json"
	}
	resp, err := c.send(ctx, call)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxRESTAnswer+1))
	switch {
	case err != nil:
		return resp.Header, c.lost(call.Method, err, true)
	case len(data) > maxRESTAnswer:
		return resp.Header, connectors.Errorf(connectors.Rejected, "", "the answer of %s is longer than %d bytes", c.Product, maxRESTAnswer)
	case call.Into == nil || resp.StatusCode == http.StatusNoContent:
		return resp.Header, nil
	}
	if err := json.Unmarshal(data, call.Into); err != nil {
		class := connectors.Ambiguous
		if call.Method == http.MethodGet {
			class = connectors.Transient
		}
		return resp.Header, connectors.Errorf(class, "", "%s does not answer as it documents: check url", c.Product)
	}
	return resp.Header, nil
}

// Open asks for a file. The caller closes it.
func (c *REST) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, RESTCall{Method: http.MethodGet, Path: path})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// send makes a request whose answer, if it is returned, is 2xx.
func (c *REST) send(ctx context.Context, call RESTCall) (*http.Response, error) {
	address := c.URL + call.Path
	if len(call.Query) > 0 {
		address += "?" + call.Query.Encode()
	}
	var body io.Reader = bytes.NewReader(call.Body)
	if call.Stream != nil {
		content, err := call.Stream.Open(ctx)
		if err != nil {
			return nil, err
		}
		body, call.Type = content, call.Stream.Type // whoever sends it closes it
	}
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	r, err := http.NewRequestWithContext(ctx, call.Method, address, body)
	if err != nil {
		return nil, connectors.Errorf(connectors.AccountDown, "", "url makes no address")
	}
	if call.Stream != nil {
		if r.ContentLength = call.Stream.Length; r.ContentLength == 0 {
			_ = r.Body.Close()
			r.Body = http.NoBody
		}
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Deskbridge")
	if call.Type != "" {
		r.Header.Set("Content-Type", call.Type)
	}
	maps.Copy(r.Header, call.Header)
	c.Authorize(r)
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.lost(call.Method, err, connected.Load())
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what there is of it
	if c.Refused != nil {
		if err := c.Refused(call, resp.StatusCode, said); err != nil {
			return nil, err
		}
	}
	return nil, c.refusal(call.Method, resp, said)
}

// lost is the error of a request without an answer. The address is left out.
func (c *REST) lost(method string, err error, connected bool) error {
	if e, ok := errors.AsType[*connectors.Error](err); ok {
		return e // of reading what was to be sent
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	switch {
	case !connected:
		return connectors.Errorf(connectors.Transient, "", "%s cannot be reached: %w", c.Product, err)
	case method == http.MethodGet:
		return connectors.Errorf(connectors.Transient, "", "%s did not answer: %w", c.Product, err)
	}
	return connectors.Errorf(connectors.Ambiguous, "", "%s did not answer: %w", c.Product, err)
}

// refusal gives an answer that is not 2xx its class.
func (c *REST) refusal(method string, resp *http.Response, body []byte) error {
	status := resp.StatusCode
	code := strconv.Itoa(status)
	after, named := RetryAfter(resp.Header, c.Clock.Now())
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && named:
		err := connectors.Errorf(connectors.Throttled, code, "%s asks to wait", c.Product)
		err.RetryAfter = after
		return err
	case status == http.StatusUnauthorized:
		return connectors.Errorf(connectors.AccountDown, code, "%s does not take the credentials: check %s", c.Product, c.Mend)
	case status/100 == 3:
		return connectors.Errorf(connectors.AccountDown, code, "%s redirects, which is not followed: set url to the final address", c.Product)
	case status >= 500 && method == http.MethodGet:
		return connectors.Errorf(connectors.Transient, code, "%s failed", c.Product)
	case status >= 500:
		return connectors.Errorf(connectors.Ambiguous, code, "%s failed", c.Product)
	}
	words := ""
	if c.Words != nil {
		words = text.Truncate(text.CleanLine(c.Words(body)), maxWords)
	}
	if words == "" {
		words = http.StatusText(status)
	}
	return connectors.Errorf(connectors.Rejected, code, "%s refuses: %s", c.Product, words)
}

// IsStatus reports whether an error of REST is an answer with one of these
// statuses.
func IsStatus(err error, statuses ...int) bool {
	e, ok := errors.AsType[*connectors.Error](err)
	if !ok {
		return false
	}
	for _, s := range statuses {
		if e.Code == strconv.Itoa(s) {
			return true
		}
	}
	return false
}
