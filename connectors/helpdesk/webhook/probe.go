package webhook

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// Probe connects to the backend and, for https, checks its certificate. It
// makes no call: there is none that a backend is sure to take as a test.
func (h *Helpdesk) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	target, config := h.url, &tls.Config{}
	if t, ok := h.http.Transport.(*http.Transport); ok {
		if t.TLSClientConfig != nil {
			config = t.TLSClientConfig.Clone()
		}
		proxy, err := proxyOf(t, h.url)
		if err != nil {
			return err
		}
		if proxy != nil { // the backend stands behind it, beyond a probe's reach
			target = proxy
		}
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", hostPort(target))
	if err != nil {
		return networkError(err)
	}
	defer func() { _ = conn.Close() }()
	if target.Scheme != "https" {
		return nil
	}
	if config.ServerName == "" {
		config.ServerName = target.Hostname()
	}
	if err := tls.Client(conn, config).HandshakeContext(ctx); err != nil {
		return networkError(fmt.Errorf("TLS: %w", err))
	}
	return nil
}

func proxyOf(t *http.Transport, u *url.URL) (*url.URL, error) {
	if t.Proxy == nil {
		return nil, nil
	}
	proxy, err := t.Proxy(&http.Request{URL: u})
	if err != nil {
		return nil, networkError(fmt.Errorf("the proxy setting: %w", err))
	}
	return proxy, nil
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme])
}
