package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what Twilio signs with
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/deskbridge/deskbridge/connectors"
)

// genuine reports whether a call carries Twilio's signature: the HMAC-SHA1,
// under the auth token, of the public URL followed by the sorted parameters of
// a form (www.twilio.com/docs/usage/security), each with all its different
// values. A body that is no form is signed by its SHA-256, which stands in the
// URL. The library's validator is not used: it knows the first value of each
// parameter only, and its time grows with the square of the number of
// parameters, which anybody may choose.
func (t *Twilio) genuine(r *connectors.Request, u *url.URL) bool {
	var form url.Values
	switch digest := u.Query().Get("bodySHA256"); {
	case r.Method == http.MethodGet:
		if len(r.Body) > 0 {
			return false
		}
	case isJSON(r.Header) != (digest != ""):
		return false
	case digest != "":
		sum := sha256.Sum256(r.Body)
		if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(digest)) != 1 {
			return false
		}
	default:
		p, err := parameters(r.Body)
		if err != nil {
			return false
		}
		form = p.Values
	}
	given := []byte(r.Header.Get("X-Twilio-Signature"))
	good := 0
	for _, address := range spellings(r.URL, u) {
		good |= subtle.ConstantTimeCompare(t.sign(address, form), given)
	}
	return good == 1
}

// spellings are the address with and without its port: Twilio signs either.
func spellings(address string, u *url.URL) []string {
	other := *u
	switch {
	case u.Port() != "":
		other.Host = u.Hostname()
	case u.Scheme == "https":
		other.Host += ":443"
	default:
		other.Host += ":80"
	}
	return []string{address, other.String()}
}

func (t *Twilio) sign(address string, form url.Values) []byte {
	mac := hmac.New(sha1.New, []byte(t.cfg.AuthToken.Reveal()))
	_, _ = io.WriteString(mac, address) // a hash takes all
	for _, key := range slices.Sorted(maps.Keys(form)) {
		for _, v := range slices.Compact(slices.Sorted(slices.Values(form[key]))) {
			_, _ = io.WriteString(mac, key)
			_, _ = io.WriteString(mac, v)
		}
	}
	return []byte(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
