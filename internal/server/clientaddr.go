package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds how far back X-Forwarded-For is read.
const maxHops = 20

// clientAddr returns the address of who is calling. X-Forwarded-For counts
// only as far as trusted proxies wrote it: it is read from its right end, and
// the first address that is not a trusted proxy's is the client's.
func clientAddr(r *http.Request, trusted []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	client := peer.Addr().Unmap().WithZone("")
	isProxy := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	if len(trusted) == 0 || !isProxy(client) {
		return client.String()
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := range min(len(hops), maxHops) {
		hop, err := parseHop(strings.TrimSpace(hops[len(hops)-1-i]))
		if err != nil {
			break // from here on nothing can be believed
		}
		client = hop
		if !isProxy(client) {
			break
		}
	}
	return client.String()
}

// ClientOf returns the network that a request of Public comes from, such as one
// client is likely to own.
func ClientOf(r *http.Request) string { return clientKey(infoOf(r.Context()).client).String() }

// parseHop reads an address with or without a port.
func parseHop(s string) (netip.Addr, error) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), nil
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap().WithZone(""), err
}
