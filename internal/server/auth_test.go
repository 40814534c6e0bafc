package server

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// tokens are names by token.
type tokens struct {
	mu    sync.Mutex
	names map[string]string
	err   error
}

func (s *tokens) revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, token)
}

func (s *tokens) TokenByHash(_ context.Context, hash [32]byte) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return "", s.err
	}
	for token, name := range s.names {
		if sha256.Sum256([]byte(token)) == hash {
			return name, nil
		}
	}
	return "", timeline.ErrNotFound
}

type stepped struct{ at time.Time }

func (c *stepped) Now() time.Time { return c.at }

// ask calls a path of the API that does not exist: 404 means that the token
// was taken.
func ask(s *Server, from, authorization string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, "/v1/nothing", nil)
	r.RemoteAddr = from + ":1234"
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	s.Public().ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return resp
}

func TestOnlyAValidTokenOpensTheAPI(t *testing.T) {
	for _, c := range []struct {
		name, authorization string
		err                 error
		status              int
	}{
		{name: "valid", authorization: "Bearer good", status: 404},
		{name: "scheme in another case", authorization: "bearer good", status: 404},
		{name: "none", status: 401},
		{name: "unknown", authorization: "Bearer bad", status: 401},
		{name: "empty", authorization: "Bearer ", status: 401},
		{name: "the hash instead of the token", authorization: fmt.Sprintf("Bearer %x", sha256.Sum256([]byte("good"))), status: 401},
		{name: "another scheme", authorization: "Basic good", status: 401},
		{name: "endless", authorization: "Bearer " + strings.Repeat("good", 1000), status: 401},
		{name: "store down", authorization: "Bearer good", err: errDisk, status: 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := &logged{}
			s := newTestServer(t, Config{}, Deps{Log: log.logger(), Tokens: &tokens{names: map[string]string{"good": "script"}, err: c.err}})
			resp := ask(s, "192.0.2.1", c.authorization)
			readProblem(t, resp, c.status)
			if got := resp.Header.Get("WWW-Authenticate") != ""; got != (c.status == 401) {
				t.Errorf("WWW-Authenticate: %v", got)
			}
			if strings.Contains(log.String(), "good") {
				t.Errorf("the log shows the token: %s", log)
			}
		})
	}
}

func TestGuessingIsSlowedWithoutLockingOutTheNeighbours(t *testing.T) {
	clock := &stepped{time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	known := &tokens{names: map[string]string{"good": "script", "new": "other"}}
	s := newTestServer(t, Config{}, Deps{Clock: clock, Tokens: known})
	readProblem(t, ask(s, "192.0.2.1", "Bearer good"), 404)
	for range failBurst {
		readProblem(t, ask(s, "192.0.2.1", "Bearer bad"), 401)
	}
	resp := ask(s, "192.0.2.1", "Bearer bad")
	readProblem(t, resp, 429)
	if resp.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	readProblem(t, ask(s, "192.0.2.1", "Bearer new"), 429) // a lucky guess looks the same
	readProblem(t, ask(s, "192.0.2.1", "Bearer good"), 404)
	readProblem(t, ask(s, "192.0.2.2", "Bearer new"), 404)
	known.revoke("good")
	readProblem(t, ask(s, "192.0.2.1", "Bearer good"), 401) // revoked at once
	readProblem(t, ask(s, "192.0.2.1", "Bearer good"), 429)

	for range 3 {
		ask(s, "192.0.2.1", "Bearer bad")
	}
	clock.at = clock.at.Add(-time.Hour) // nobody is locked out until it is that time again
	readProblem(t, ask(s, "192.0.2.1", "Bearer bad"), 429)
	clock.at = clock.at.Add(failEvery * 2)
	readProblem(t, ask(s, "192.0.2.1", "Bearer bad"), 401)
}

func TestGuessersFillNoMemory(t *testing.T) {
	s := newTestServer(t, Config{}, Deps{Tokens: &tokens{}})
	addr := netip.MustParseAddr("10.0.0.0")
	for range 2 * maxRemembered {
		addr = addr.Next()
		s.auth.failed(addr, [32]byte{})
	}
	if n := len(s.auth.failures); n > maxRemembered {
		t.Errorf("%d addresses are remembered, want %d at most", n, maxRemembered)
	}
	// One who owns a whole IPv6 network is one client.
	if a, b := clientKey("2001:db8::1"), clientKey("2001:db8::ffff:1"); a != b {
		t.Errorf("%v and %v count apart", a, b)
	}
}

func FuzzClientAddr(f *testing.F) {
	f.Add("203.0.113.9, 10.0.0.2")
	f.Add("[::ffff:1.2.3.4%eth0]:1,,unknown")
	f.Fuzz(func(t *testing.T, forwarded string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "10.0.0.1:5"
		r.Header.Set("X-Forwarded-For", forwarded)
		got := clientAddr(r, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
		if _, err := netip.ParseAddr(got); err != nil {
			t.Errorf("%q became %q: %v", forwarded, got, err)
		}
		r.RemoteAddr = "192.0.2.1:5"
		if got := clientAddr(r, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}); got != "192.0.2.1" {
			t.Errorf("a stranger's %q was believed: %s", forwarded, got)
		}
	})
}

func TestWhoIsCalling(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct{ name, peer, forwarded, want string }{
		{"direct", "192.0.2.1:5", "", "192.0.2.1"},
		{"a stranger claims to be a proxy", "192.0.2.1:5", "203.0.113.9", "192.0.2.1"},
		{"by a proxy", "10.0.0.1:5", "203.0.113.9", "203.0.113.9"},
		{"by two proxies", "10.0.0.1:5", "203.0.113.9, 10.0.0.2", "203.0.113.9"},
		{"the client put something in front", "10.0.0.1:5", "127.0.0.1, 203.0.113.9", "203.0.113.9"},
		{"with a port", "10.0.0.1:5", "203.0.113.9:8080", "203.0.113.9"},
		{"IPv6 with a port", "[fd00::1]:5", "[2001:db8::7]:8080", "2001:db8::7"},
		{"mapped", "[::ffff:10.0.0.1]:5", "::ffff:203.0.113.9", "203.0.113.9"},
		{"nonsense", "10.0.0.1:5", "unknown", "10.0.0.1"},
		{"nonsense further back", "10.0.0.1:5", "unknown, 10.0.0.2", "10.0.0.2"},
		{"only proxies", "10.0.0.1:5", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
		{"without header", "10.0.0.1:5", "", "10.0.0.1"},
		{"endless", "10.0.0.1:5", "203.0.113.9," + strings.Repeat("10.0.0.2,", 1000) + "10.0.0.2", "10.0.0.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
			if got := clientAddr(r, proxies); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
