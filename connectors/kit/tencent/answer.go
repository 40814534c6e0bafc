package tencent

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

// ErrTooLarge is within the error of a call whose answer is beyond all bounds.
// One that asks for less may do better.
var ErrTooLarge = errors.New("the vendor's answer is too large")

// answer makes an error of what the vendor said, or fills in r.Out.
func (c *Client) answer(r Request, res *http.Response, body []byte) error {
	var verdict struct {
		Code    int    `json:"errcode"`
		Message string `json:"errmsg"`
	}
	switch {
	case res.StatusCode != http.StatusOK:
		return r.status(res)
	case len(body) > maxAnswer:
		return r.unclear("%w: it has more than %d bytes", ErrTooLarge, maxAnswer)
	}
	if err := json.Unmarshal(body, &verdict); err != nil {
		return r.unclear("the vendor's answer is not JSON; is the address of the API right?")
	}
	if verdict.Code != 0 {
		return c.refusal(verdict.Code, clip(verdict.Message, r.secrets...))
	}
	if r.Out == nil {
		return nil
	}
	if err := json.Unmarshal(body, r.Out); err != nil {
		return r.unclear("the vendor's answer is not as documented")
	}
	return nil
}

func (c *Client) refusal(code int, message string) error {
	v, known := c.verdicts[code]
	if !known {
		v, known = common[code]
	}
	if !known {
		v = Verdict{Class: connectors.Rejected, Words: "the vendor refuses the request"}
	}
	e := &connectors.Error{Class: v.Class, Code: strconv.Itoa(code), Detail: v.Words, RetryAfter: v.RetryAfter, Closed: v.Closed}
	if message != "" {
		e.Detail += " (" + message + ")"
	}
	return e
}

// noAnswer is what it means that a request got none. The error of net/http
// holds the address, and so the token; only its cause is kept.
func (r Request) noAnswer(ctx context.Context, err error, written bool) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if r.Begin != nil && written {
		return &connectors.Error{
			Class: connectors.Ambiguous, Err: err,
			Detail: "the vendor did not answer, it may have taken the request: " + clip(err.Error(), r.secrets...),
		}
	}
	return &connectors.Error{
		Class: connectors.Transient, Err: err,
		Detail: "the vendor cannot be reached: " + clip(err.Error(), r.secrets...),
	}
}

// unclear is an answer from which nobody can tell whether it was taken.
func (r Request) unclear(format string, args ...any) error {
	class := connectors.Transient
	if r.Begin != nil {
		class = connectors.Ambiguous
	}
	return connectors.Errorf(class, "", format, args...)
}

// status is an answer that the vendor's own servers do not document: they say
// 200 to everything. It comes from a gateway or a proxy.
func (r Request) status(res *http.Response) error {
	code := strconv.Itoa(res.StatusCode)
	switch {
	case res.StatusCode == http.StatusTooManyRequests:
		e := connectors.Errorf(connectors.Throttled, code, "the vendor asks to slow down")
		if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
			e.RetryAfter = time.Duration(min(s, 86400)) * time.Second
		}
		return e
	case res.StatusCode == http.StatusRequestEntityTooLarge:
		return connectors.Errorf(connectors.Rejected, code, "the file is too large for the vendor")
	case res.StatusCode >= 500 || res.StatusCode == http.StatusRequestTimeout:
		e := r.unclear("the vendor's gateway is in trouble")
		connectors.Classify(e).Code = code
		return e
	case res.StatusCode < 300:
		return r.unclear("the vendor answered with status %s", code)
	}
	return connectors.Errorf(connectors.AccountDown, code, "api_url does not answer as the vendor's API does")
}

// isFile tells a file from an answer in JSON. Either may be called text/plain,
// but only a file is an attachment.
func isFile(h http.Header) bool {
	if strings.HasPrefix(strings.ToLower(h.Get("Content-Disposition")), "attachment") {
		return true
	}
	t, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	t = strings.TrimSpace(strings.ToLower(t))
	return t != "application/json" && t != "text/plain" && t != "text/json"
}
