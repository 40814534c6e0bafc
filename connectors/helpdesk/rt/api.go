package rt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

const (
	// deadline bounds one call, uploads too. RT runs its scrips, mail to agents
	// among them, before it answers.
	deadline = 2 * time.Minute
	// maxAnswer bounds what is read of an answer that holds no file.
	maxAnswer = 8 << 20
	// maxRetryAfter bounds what a server may ask for.
	maxRetryAfter = time.Hour
)

// refusal is an answer other than 2xx.
type refusal struct {
	status int
	// says is RT's word, in the language of our user.
	says  string
	after time.Duration
	named bool // there was a Retry-After
	write bool
}

func (r *refusal) Error() string {
	return fmt.Sprintf("Request Tracker answers %d %s", r.status, r.says)
}

// status is that of a refusal, else 0.
func status(err error) int {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.status
	}
	return 0
}

// plain makes a connectors.Error of a refusal whose status means nothing in
// particular to the caller.
func plain(err error) error {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return err
	}
	code := strconv.Itoa(r.status)
	switch {
	case r.status == http.StatusTooManyRequests, r.status == http.StatusServiceUnavailable && r.named:
		e := connectors.Errorf(connectors.Throttled, code, "Request Tracker asks to wait")
		e.RetryAfter = r.after
		return e
	case r.status == http.StatusServiceUnavailable:
		return connectors.Errorf(connectors.Transient, code, "Request Tracker is not available")
	case r.status == http.StatusUnauthorized:
		return connectors.Errorf(connectors.AccountDown, code, "Request Tracker refuses the login: check token, or username and password, then resume the account")
	case r.status == http.StatusForbidden:
		return connectors.Errorf(connectors.AccountDown, code, "Request Tracker refuses the access: our user lacks a right, see docs/rt.md")
	case r.status >= 300 && r.status < 400:
		return connectors.Errorf(connectors.Transient, code, "the server redirects, which is not followed: set url to the final address")
	case r.status >= 500 && r.write:
		return connectors.Errorf(connectors.Ambiguous, code, "Request Tracker failed, perhaps after it had done its work: its log says why")
	case r.status >= 500:
		return connectors.Errorf(connectors.Transient, code, "Request Tracker failed: its log says why")
	case r.status == http.StatusRequestEntityTooLarge:
		return connectors.Errorf(connectors.Rejected, code, "the files are too large for the web server before Request Tracker")
	}
	return connectors.Errorf(connectors.Rejected, code, "Request Tracker refuses it: %s", r.says)
}

// get reads path, below /REST/2.0, into out.
func (h *Helpdesk) get(ctx context.Context, path string, query url.Values, out any) error {
	_, err := h.do(ctx, http.MethodGet, path, query, "", nil, maxAnswer, out)
	return err
}

// send makes a request with a body in JSON.
func (h *Helpdesk) send(ctx context.Context, method, path string, body, out any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return connectors.Errorf(connectors.Rejected, "", "this cannot be written as JSON: %w", err)
	}
	_, err = h.do(ctx, method, path, nil, "application/json", b, maxAnswer, out)
	return err
}

// do makes a request and reads the JSON of its answer, of limit bytes at most,
// into out. A refusal is a *refusal, else an error is a *connectors.Error.
func (h *Helpdesk) do(ctx context.Context, method, path string, query url.Values, contentType string, body []byte, limit int64, out any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	address := h.base + "/REST/2.0" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, connectors.Errorf(connectors.Transient, "", "building the request: %w", err)
	}
	req.Header.Set("Authorization", h.auth)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Deskbridge")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	write := method != http.MethodGet
	res, err := h.http.Do(req)
	if err != nil {
		return nil, noAnswer(err, write)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case res.StatusCode >= 300:
		return nil, h.refused(res, b, write)
	case err != nil:
		return nil, noAnswer(err, write)
	case int64(len(b)) > limit:
		return nil, connectors.Errorf(connectors.Rejected, "", "Request Tracker's answer has more than %d bytes", limit)
	}
	if out != nil {
		if json.Unmarshal(b, out) != nil {
			class := connectors.Transient // a page that says "back soon", perhaps
			if write {
				class = connectors.Ambiguous
			}
			return nil, connectors.Errorf(class, "", "the answer is not that of Request Tracker's REST 2.0: check url")
		}
	}
	return res.Header, nil
}

func (h *Helpdesk) refused(res *http.Response, body []byte, write bool) error {
	r := &refusal{status: res.StatusCode, write: write}
	var said struct{ Message string }
	if json.Unmarshal(body, &said) == nil {
		r.says = cut(strings.Join(strings.Fields(said.Message), " "), 300)
	}
	v := res.Header.Get("Retry-After") // RFC 9110, section 10.2.3
	if seconds, err := strconv.Atoi(v); err == nil {
		r.after, r.named = time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second)))*time.Second, true
	} else if at, err := http.ParseTime(v); err == nil {
		r.after, r.named = min(max(at.Sub(h.clock.Now()), 0), maxRetryAfter), true
	}
	return r
}

// noAnswer is the error of a request that got none. A write that never left
// can be repeated; of another nobody knows.
func noAnswer(err error, write bool) error {
	if ue, ok := errors.AsType[*url.Error](err); ok { // it prints the whole URL
		err = ue.Err
	}
	class := connectors.Transient
	if write && !neverLeft(err) {
		class = connectors.Ambiguous
	}
	return connectors.Errorf(class, "", "no answer from Request Tracker: %w", err)
}

func neverLeft(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// escape makes a segment of a path.
func escape(s string) string { return url.PathEscape(s) }

// cut shortens s to n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
