package tencent

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

const (
	maxAnswer   = 8 << 20 // sync_msg returns a thousand messages at once
	callTimeout = 30 * time.Second
	fileTimeout = 5 * time.Minute
)

// Client makes calls of one account. All methods may be used by several
// goroutines, return soon after their context ends, and return
// *connectors.Errors without secrets, whose Code is the vendor's errcode.
type Client struct {
	base     string
	http     http.Client
	fresh    http.Client // takes a new connection for each request
	verdicts map[int]Verdict
	tokens   *tokens
}

// NewClient returns a client for the API below base, such as
// https://api.weixin.qq.com. Its verdicts outweigh the common ones; a code that
// has none is a refusal with the vendor's own words.
func NewClient(base string, g Grant, verdicts map[int]Verdict, d connectors.Deps) *Client {
	c := &Client{base: strings.TrimRight(base, "/"), http: *d.HTTP, verdicts: verdicts}
	// A token must not follow a redirect to another host.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	// Each call has a time limit by its context; that of files is longer.
	c.http.Timeout = 0
	c.fresh = c.http
	c.fresh.Transport = withoutReuse(c.http.Transport)
	c.tokens = newTokens(c.base, g, d, func(ctx context.Context, r Request) error { return c.once(ctx, r, nil) })
	return c
}

// withoutReuse returns a transport for requests that cannot be taken back. On a
// connection that was idle and that the vendor is just closing, nobody could
// tell whether such a request was taken, and an answer would be parked as
// uncertain for nothing.
func withoutReuse(rt http.RoundTripper) http.RoundTripper {
	if rt == nil {
		rt = http.DefaultTransport
	}
	t, ok := rt.(*http.Transport)
	if !ok {
		return rt
	}
	t = t.Clone()
	t.DisableKeepAlives = true
	return t
}

// Request is one call.
type Request struct {
	// Method is POST by default.
	Method string
	// Path below the base, such as "/cgi-bin/message/custom/send".
	Path string
	// Query is what stands beside the access token.
	Query url.Values
	// In is sent as JSON, with & and < as they are; nil sends nothing.
	In any
	// Out takes the answer's JSON; nil drops it.
	Out any
	// Begin marks a request that cannot be taken back: it is called when the
	// token is there and before the first byte is written, at most once. What
	// fails after it without an answer of the vendor is Ambiguous; a request
	// without Begin is then Transient, since it may be repeated.
	Begin func(context.Context) error

	file    *File
	secrets []string // to be kept out of errors
}

// Call makes a request. Where the vendor refuses the access token, the request
// is made once more with a new one: a refused request was not taken.
func (c *Client) Call(ctx context.Context, r Request) error {
	return c.withToken(ctx, &r, func() error { return c.once(ctx, r, nil) })
}

// Upload sends a file as multipart form data under the field "media".
func (c *Client) Upload(ctx context.Context, r Request, f File) error {
	r.file = &f
	return c.withToken(ctx, &r, func() error { return c.once(ctx, r, nil) })
}

// Download opens a file. The caller closes its body, which ends with ctx.
// Answers of the vendor that are JSON, and no attachment, are errors or fill
// r.Out.
func (c *Client) Download(ctx context.Context, r Request) (*Download, error) {
	r.Method = http.MethodGet
	var d *Download
	err := c.withToken(ctx, &r, func() error { return c.once(ctx, r, &d) })
	return d, err
}

func (c *Client) withToken(ctx context.Context, r *Request, do func() error) error {
	token, err := c.tokens.get(ctx, "")
	if err != nil {
		return err
	}
	if r.Begin != nil {
		if err := r.Begin(ctx); err != nil {
			return err
		}
	}
	query := url.Values{}
	maps.Copy(query, r.Query)
	r.Query = query
	for attempt := 1; ; attempt++ {
		query.Set("access_token", token)
		r.secrets = []string{token}
		err := do()
		code, _ := strconv.Atoi(connectors.Classify(err).Code)
		if err == nil || attempt == 2 || !refusedToken[code] {
			return err
		}
		next, terr := c.tokens.get(ctx, token)
		if terr != nil {
			return terr
		}
		if next == token {
			return err
		}
		token = next
	}
}

// once makes one HTTP request. Where d is not nil, an answer that is a file is
// handed out there.
func (c *Client) once(ctx context.Context, r Request, d **Download) error {
	timeout := callTimeout
	if r.file != nil || d != nil {
		timeout = fileTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	req, sent, err := c.request(ctx, r)
	if err != nil {
		cancel()
		return err
	}
	client := &c.http
	if r.Begin != nil {
		client = &c.fresh
	}
	res, err := client.Do(req)
	if err != nil {
		defer cancel()
		return r.noAnswer(ctx, err, sent())
	}
	if d != nil && res.StatusCode == http.StatusOK && isFile(res.Header) {
		*d = newDownload(res, cancel)
		return nil
	}
	defer cancel()
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return r.noAnswer(ctx, err, true)
	}
	return c.answer(r, res, body)
}

// request returns the request, and how to find out whether a part of it may
// have been written.
func (c *Client) request(ctx context.Context, r Request) (*http.Request, func() bool, error) {
	body, contentType, length, err := r.body()
	if err != nil {
		return nil, nil, connectors.Errorf(connectors.Rejected, "", "the request cannot be written: %w", err)
	}
	traced, sent := traceWrites(ctx)
	address := c.base + r.Path
	if len(r.Query) > 0 {
		address += "?" + r.Query.Encode()
	}
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(traced, method, address, body)
	if err != nil {
		return nil, nil, connectors.Errorf(connectors.AccountDown, "", "api_url is no address")
	}
	if length > 0 {
		req.ContentLength = length
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req, sent, nil
}

func (r Request) body() (body io.Reader, contentType string, length int64, err error) {
	switch {
	case r.file != nil:
		return r.file.form()
	case r.In == nil:
		return nil, "", 0, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err = e.Encode(r.In)
	return bytes.NewReader(unescape(b.Bytes())), "application/json; charset=utf-8", 0, err
}

// unescape takes the escapes of the form \uXXXX out of a JSON document, which
// the vendor refuses (40033) or shows to the customer as they stand. Go writes
// them for control characters, which become spaces, and for U+2028 and U+2029,
// which may stand as they are.
func unescape(doc []byte) []byte {
	for i := 0; i+1 < len(doc); i++ {
		if doc[i] != '\\' {
			continue
		}
		if i++; doc[i] != 'u' || i+5 > len(doc) {
			continue // any other escape, "\\\\" among them
		}
		with := " "
		switch string(doc[i+1 : i+5]) {
		case "2028":
			with = "\u2028"
		case "2029":
			with = "\u2029"
		}
		doc = slices.Replace(doc, i-1, i+5, []byte(with)...)
		i += len(with) - 2
	}
	return doc
}
