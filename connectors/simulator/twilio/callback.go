package twilio

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const formType = "application/x-www-form-urlencoded"

// Sign returns the value of X-Twilio-Signature for an address and the
// parameters of a form; nil for JSON, whose digest stands in the address
// (www.twilio.com/docs/usage/security).
func Sign(authToken, address string, params url.Values) string {
	var b strings.Builder
	b.WriteString(address)
	for _, key := range slices.Sorted(maps.Keys(params)) {
		for _, v := range slices.Compact(slices.Sorted(slices.Values(params[key]))) {
			b.WriteString(key + v)
		}
	}
	mac := hmac.New(sha1.New, []byte(authToken))
	mac.Write([]byte(b.String()))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// SignedJSON returns the address of a call with a JSON body, and its signature.
func SignedJSON(authToken, address string, body []byte) (signed, signature string) {
	sum := sha256.Sum256(body)
	join := "?"
	if strings.Contains(address, "?") {
		join = "&"
	}
	signed = address + join + "bodySHA256=" + hex.EncodeToString(sum[:])
	return signed, Sign(authToken, signed, nil)
}

// post makes a call to an address of the customer's application: once, and
// again as its fragment asks (rc is how often, rp on what).
func (s *Server) post(ctx context.Context, address string, params url.Values) (status int, reply []byte, err error) {
	plain, fragment, _ := strings.Cut(address, "#")
	return s.try(ctx, fragment, func() (int, []byte, error) {
		return s.once(ctx, plain, formType, Sign(s.o.AuthToken, plain, params), []byte(params.Encode()))
	})
}

// PostJSON sends a body as an Event Streams sink does, to the webhook's
// address and path, and returns the status of the answer.
func (s *Server) PostJSON(ctx context.Context, path string, body []byte) (int, error) {
	plain, _, _ := strings.Cut(s.o.Hook, "#")
	signed, signature := SignedJSON(s.o.AuthToken, plain+path, body)
	status, _, err := s.once(ctx, signed, "application/json", signature, body)
	return status, err
}

func (s *Server) try(ctx context.Context, fragment string, once func() (int, []byte, error)) (status int, reply []byte, err error) {
	overrides, _ := url.ParseQuery(fragment)
	tries := 1
	if n, err := strconv.Atoi(overrides.Get("rc")); err == nil {
		tries = 1 + min(n, 5)
	}
	again5xx := strings.Contains(overrides.Get("rp"), "5xx") || overrides.Get("rp") == "all"
	for range tries {
		status, reply, err = once()
		if err == nil && (status < 500 || !again5xx) {
			return status, reply, nil
		}
		if !s.wait(ctx, s.o.Pause) {
			break
		}
	}
	return status, reply, err
}

func (s *Server) once(ctx context.Context, address, contentType, signature string, body []byte) (int, []byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return 0, nil, fmt.Errorf("callback: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.real(u), bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("callback: %w", err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Twilio-Signature", signature)
	res, err := s.Client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, reply, err
}

// wait pauses, and reports false when the server or ctx ends meanwhile.
func (s *Server) wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-s.Context().Done():
	}
	return false
}
