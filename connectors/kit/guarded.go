package kit

import (
	"errors"
	"net"
	"net/http"
	"time"

	"code.dny.dev/ssrf"
)

const maxRedirects = 5

// GuardedClient returns a client for addresses that a stranger chose. It
// connects to public unicast addresses only, checked after name resolution and
// at every redirect, and takes no proxy from the environment, which would do
// the resolving for us. The caller bounds what it reads of a body.
func GuardedClient(timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: ssrf.New().Safe}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    10 * time.Second,
			ResponseHeaderTimeout:  30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) >= maxRedirects {
				return errors.New("too many redirects")
			}
			return nil
		},
	}
}
