package redmine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

const (
	// deadline bounds a call; a file may take longer to move.
	deadline     = time.Minute
	fileDeadline = 15 * time.Minute
	// maxAnswer bounds an answer: an issue with all its notes.
	maxAnswer = 64 << 20
	// maxRetryAfter bounds what Redmine may ask for.
	maxRetryAfter = time.Hour
)

// get asks for something.
func (r *Redmine) get(ctx context.Context, path string, out any) error {
	return r.json(ctx, http.MethodGet, path, nil, out)
}

// json makes a call with a body of JSON, if any, and decodes the answer into
// out, if there is one.
func (r *Redmine) json(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return connectors.Errorf(connectors.Rejected, "", "this cannot be written as JSON: %w", err)
		}
	}
	resp, err := r.call(ctx, method, path, "application/json", bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if out == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
		return nil
	}
	return decode(resp, out)
}

func decode(resp *http.Response, out any) error {
	class := unanswered(resp.Request.Method)
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return connectors.Errorf(class, "", "Redmine's answer broke off: %w", err)
	case len(b) > maxAnswer:
		return connectors.Errorf(connectors.Rejected, "", "the issue has grown too large: its answer has more than %d bytes", maxAnswer)
	}
	if err := json.Unmarshal(b, out); err != nil {
		// The cause would quote the answer.
		return connectors.Errorf(class, "", "what answers is not Redmine's REST API: check url")
	}
	return nil
}

// call makes a request and returns the answer to it where it was taken.
func (r *Redmine) call(ctx context.Context, method, path, contentType string, body io.Reader, size int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.cfg.base()+path, body)
	if err != nil {
		return nil, connectors.Errorf(connectors.Rejected, "", "building the call: %w", err)
	}
	req.ContentLength = size
	req.Header.Set("X-Redmine-API-Key", r.cfg.APIKey.Reveal())
	req.Header.Set("User-Agent", "Deskbridge")
	if method != http.MethodGet {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return nil, connectors.Errorf(unanswered(method), "", "no answer from Redmine: %w", err)
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, refusal(resp, r.now())
}

// unanswered is the class of a request that may have been taken.
func unanswered(method string) connectors.Class {
	if method == http.MethodGet {
		return connectors.Transient
	}
	return connectors.Ambiguous
}

// refusal gives an answer other than 2xx its class.
func refusal(resp *http.Response, now time.Time) *connectors.Error {
	status, code := resp.StatusCode, strconv.Itoa(resp.StatusCode)
	after, named := retryAfter(resp.Header.Get("Retry-After"), now)
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && named:
		return &connectors.Error{Class: connectors.Throttled, Code: code, Detail: "Redmine asks to wait", RetryAfter: after}
	case status == http.StatusUnprocessableEntity:
		return connectors.Errorf(connectors.Rejected, code, "Redmine refused it: %s", complaints(resp))
	case status == http.StatusUnauthorized:
		return connectors.Errorf(connectors.AccountDown, code, "Redmine does not take api_key: check it, that its user is active, and that the REST web service is enabled (Administration, Settings, API)")
	case status == http.StatusForbidden:
		return connectors.Errorf(connectors.AccountDown, code, "the user of api_key may not do this: check its role in the project, and that the project is not closed")
	case status >= 300 && status < 400:
		return connectors.Errorf(connectors.AccountDown, code, "Redmine redirects, which is not followed: set url to the final address")
	case status == http.StatusNotFound:
		return connectors.Errorf(connectors.AccountDown, code, "Redmine does not find it: check url")
	case status == http.StatusRequestTimeout:
		return connectors.Errorf(connectors.Transient, code, "the call reached Redmine in part only")
	case status < 500:
		return connectors.Errorf(connectors.Rejected, code, "Redmine refused it: %s", http.StatusText(status))
	}
	return connectors.Errorf(unanswered(resp.Request.Method), code, "Redmine failed")
}

// complaints are what Redmine finds wrong with a request.
func complaints(resp *http.Response) string {
	if t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); t == "application/json" {
		var what struct{ Errors []string }
		b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if err == nil && json.Unmarshal(b, &what) == nil && len(what.Errors) > 0 {
			s := strings.Join(what.Errors, "; ")
			return s[:min(len(s), 1000)]
		}
	}
	return "it does not say why"
}

// retryAfter reads both forms of RFC 9110, section 10.2.3.
func retryAfter(v string, now time.Time) (d time.Duration, named bool) {
	if v == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}
