package slack

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// staleAfter is how old a signature may be
// (https://docs.slack.dev/authentication/verifying-requests-from-slack).
const staleAfter = 5 * time.Minute

// Parse takes a call of the Events API, of a slash command or of a button. In
// mode socket nobody has to call, so everything is taken for forged.
func (s *Slack) Parse(_ context.Context, r *connectors.Request) (normalize.Batch, connectors.Reply, error) {
	if s.cfg.Mode != modeEvents || !s.signed(r) {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrForged
	}
	if r.Method != http.MethodPost || r.Path != "" {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrMalformed
	}
	in := normalize.Input{Raw: r.Body, ReceivedAt: r.ReceivedAt, Meta: map[string]string{metaEnvelope: envelopeEvent}}
	if n := r.Header.Get("X-Slack-Retry-Num"); n != "" {
		in.Meta[metaRetry] = retry(n, r.Header.Get("X-Slack-Retry-Reason"))
	}
	in.ContentType, _, _ = mime.ParseMediaType(r.Header.Get("Content-Type"))
	if in.ContentType == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(r.Body))
		switch {
		case err != nil:
			return normalize.Batch{}, connectors.Reply{}, connectors.ErrMalformed
		case form.Get("ssl_check") == "1": // only tries our certificate
			return normalize.Batch{}, connectors.Reply{}, nil
		case form.Has("payload"):
			in.Meta[metaEnvelope] = envelopeInteractive
		case form.Has("command"):
			in.Meta[metaEnvelope] = envelopeCommand
		default:
			return normalize.Batch{}, connectors.Reply{}, connectors.ErrMalformed
		}
		in.Key = digest(r.Body)
		return normalize.Batch{Inputs: []normalize.Input{in}}, connectors.Reply{}, nil
	}
	var c callback
	if err := json.Unmarshal(r.Body, &c); err != nil || c.Type == "" {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrMalformed
	}
	if c.Type == "url_verification" {
		return normalize.Batch{}, connectors.Reply{ContentType: "text/plain; charset=utf-8", Body: []byte(c.Challenge)}, nil
	}
	in.ContentType, in.Key = "application/json", first(c.EventID, digest(r.Body))
	return normalize.Batch{Inputs: []normalize.Input{in}}, connectors.Reply{}, nil
}

// signed checks Slack's signature of version 0 and its age.
func (s *Slack) signed(r *connectors.Request) bool {
	stamp := r.Header.Get("X-Slack-Request-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || s.cfg.SigningSecret == "" {
		return false
	}
	if age := r.ReceivedAt.Sub(time.Unix(seconds, 0)); age > staleAfter || age < -staleAfter {
		return false
	}
	given, ok := strings.CutPrefix(r.Header.Get("X-Slack-Signature"), "v0=")
	mac, err := hex.DecodeString(given)
	return ok && err == nil && hmac.Equal(mac, signature(s.cfg.SigningSecret.Reveal(), stamp, r.Body))
}

func signature(secret, stamp string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(bytes.Join([][]byte{[]byte("v0"), []byte(stamp), body}, []byte(":")))
	return h.Sum(nil)
}

// digest names an input for which the vendor has no name.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// retry tells how often Slack had tried, and why it did again.
func retry(n, reason string) string {
	s := strings.TrimSpace(n + " " + reason)
	return s[:min(len(s), 100)]
}
