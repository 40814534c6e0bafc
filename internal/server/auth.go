package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const (
	// A client may fail this often at once, and then once in failEvery.
	failBurst = 20
	failEvery = 3 * time.Second
	// maxRemembered bounds each table of auth.
	maxRemembered = 10_000
	maxToken      = 512 // bytes
)

// auth checks bearer tokens (RFC 6750). A token is found by its hash, so the
// time it takes says nothing on how close a guess was.
type auth struct {
	tokens Tokens
	clock  connectors.Clock

	mu sync.Mutex
	// failures limits clients who come with wrong tokens.
	failures map[netip.Addr]*rate.Limiter
	// good are hashes that were found before. They are looked up even for a
	// client who is limited: a broken script must not lock out the others
	// that call from its address.
	good map[[32]byte]struct{}
}

func newAuth(t Tokens, c connectors.Clock) *auth {
	return &auth{tokens: t, clock: c, failures: map[netip.Addr]*rate.Limiter{}, good: map[[32]byte]struct{}{}}
}

// check returns nil for a request with a valid token, and notes its name.
func (a *auth) check(r *http.Request) *Problem {
	in := infoOf(r.Context())
	hash, ok := bearer(r)
	client := clientKey(in.client)
	if wait := a.limited(client, hash); wait > 0 {
		p := problem(http.StatusTooManyRequests, "too many failed attempts from this address; wait")
		p.retryAfter = int(wait/time.Second) + 1
		return p
	}
	if !ok {
		a.failed(client, hash)
		return problem(http.StatusUnauthorized, "send the header Authorization: Bearer TOKEN")
	}
	name, err := a.tokens.TokenByHash(r.Context(), hash)
	if errors.Is(err, timeline.ErrNotFound) {
		a.failed(client, hash)
		return problem(http.StatusUnauthorized, "this token does not exist or was revoked")
	}
	if err != nil {
		return unavailable("the token could not be checked; try again")
	}
	a.succeeded(hash)
	in.token = name
	return nil
}

// again checks, for a stream that is open, that its token still is valid. A
// store that fails for a while ends no stream.
func (a *auth) again(ctx context.Context, hash [32]byte) bool {
	_, err := a.tokens.TokenByHash(ctx, hash)
	return !errors.Is(err, timeline.ErrNotFound)
}

// bearer returns the hash of a request's token.
func bearer(r *http.Request) (hash [32]byte, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return hash, false
	}
	return sha256.Sum256([]byte(token)), true
}

// limited returns how long a client has to wait; 0 for go ahead.
func (a *auth) limited(client netip.Addr, hash [32]byte) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.failures[client]
	if !ok {
		return 0
	}
	if _, ok := a.good[hash]; ok {
		return 0
	}
	now := a.clock.Now()
	l.SetLimitAt(now, l.Limit()) // or a clock that stepped back would fill it no more
	if missing := 1 - l.TokensAt(now); missing > 0 {
		return time.Duration(missing * float64(failEvery))
	}
	return 0
}

func (a *auth) failed(client netip.Addr, hash [32]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.good, hash)
	l, ok := a.failures[client]
	if !ok {
		makeRoom(a.failures)
		l = rate.NewLimiter(rate.Every(failEvery), failBurst)
		a.failures[client] = l
	}
	l.AllowN(a.clock.Now(), 1)
}

func (a *auth) succeeded(hash [32]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.good[hash]; !ok {
		makeRoom(a.good)
		a.good[hash] = struct{}{}
	}
}

// makeRoom drops some entry of a full table. Which one hardly matters: whoever
// fills it has more addresses than any table.
func makeRoom[K comparable, V any](m map[K]V) {
	for k := range m {
		if len(m) < maxRemembered {
			return
		}
		delete(m, k)
	}
}

// clientKey is the network that one client is likely to own: an IPv4 address,
// or the first 64 bits of an IPv6 address.
func clientKey(client string) netip.Addr {
	a, err := netip.ParseAddr(client)
	if err != nil || a.Is4() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
