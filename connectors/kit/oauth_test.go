package kit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

// store is connectors.Tokens with a clock of its own.
type store struct {
	mu     sync.Mutex
	now    time.Time
	values map[string]string
	until  map[string]time.Time
	broken error
}

func newStore() *store {
	return &store{now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC), values: map[string]string{}, until: map[string]time.Time{}}
}

func (s *store) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *store) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *store) Get(_ context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.until[name]; !u.IsZero() && !s.now.Before(u) {
		return "", nil
	}
	return s.values[name], nil
}

func (s *store) Set(_ context.Context, name, value string, expires time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	s.values[name], s.until[name] = value, expires
	return nil
}

// rotating is a token server that accepts each refresh token once.
type rotating struct {
	mu      sync.Mutex
	current int
	issued  int
	status  int // answered instead, unless 0
}

func (r *rotating) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status != 0 {
		w.WriteHeader(r.status)
		return
	}
	if req.PostFormValue("refresh_token") != fmt.Sprint("r", r.current) || req.PostFormValue("grant_type") != "refresh_token" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	r.current++
	r.issued++
	fmt.Fprintf(w, `{"access_token":"a%d","refresh_token":"r%d","expires_in":3600}`, r.issued, r.current)
}

func source(t *testing.T) (*OAuth, *rotating, *store, func() *OAuth) {
	t.Helper()
	server, s := &rotating{}, newStore()
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	fresh := func() *OAuth {
		return NewOAuth(OAuthConfig{TokenURL: h.URL, ClientID: "id", RefreshToken: "r0"},
			connectors.Deps{HTTP: h.Client(), Tokens: s, Clock: s})
	}
	return fresh(), server, s, fresh
}

func access(t *testing.T, o *OAuth, stale, want string) {
	t.Helper()
	if got, err := o.AccessToken(t.Context(), stale); err != nil || got != want {
		t.Errorf("access token %q %v, want %q", got, err, want)
	}
}

func TestRotatedRefreshTokensAreKept(t *testing.T) {
	o, server, s, fresh := source(t)
	access(t, o, "", "a1")
	access(t, o, "", "a1") // from the store
	s.pass(59*time.Minute + time.Second)
	access(t, o, "", "a2") // before its end
	access(t, fresh(), "", "a2")
	access(t, fresh(), "a2", "a3") // after a restart, and refused by a server
	s.pass(2 * time.Hour)
	access(t, fresh(), "", "a4")
	if server.issued != 4 {
		t.Errorf("%d tokens issued", server.issued)
	}
}

func TestOneRefreshForAll(t *testing.T) {
	o, server, _, _ := source(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { access(t, o, "", "a1") })
	}
	wg.Wait()
	if server.issued != 1 {
		t.Errorf("%d refreshes", server.issued)
	}
}

func TestRotatedTokenSurvivesAStoreInTrouble(t *testing.T) {
	o, _, s, _ := source(t)
	s.broken = errors.New("disk full")
	if _, err := o.AccessToken(t.Context(), ""); connectors.Classify(err).Class != connectors.Transient {
		t.Fatalf("a token was used that could not be stored: %v", err)
	}
	s.broken = nil
	access(t, o, "", "a2")
}

func TestAnotherNodeRotatedFirst(t *testing.T) {
	a, server, s, fresh := source(t)
	access(t, a, "", "a1")
	b := fresh()
	s.pass(time.Hour)
	// b reads the refresh token, a uses it up, and only then b does.
	server.mu.Lock()
	server.current++ // what a would have got
	server.mu.Unlock()
	if _, err := b.AccessToken(t.Context(), ""); connectors.Classify(err).Class != connectors.AccountDown {
		t.Fatalf("a used-up refresh token gives %v", err)
	}
	if err := s.Set(t.Context(), a.name+"/refresh", "r2", time.Time{}); err != nil {
		t.Fatal(err)
	}
	access(t, b, "", "a2")
}

func TestTokenServerInTrouble(t *testing.T) {
	o, server, _, _ := source(t)
	for status, want := range map[int]connectors.Class{500: connectors.Transient, 429: connectors.Transient, 404: connectors.Transient} {
		server.status = status
		if _, err := o.AccessToken(t.Context(), ""); connectors.Classify(err).Class != want {
			t.Errorf("%d gives %v", status, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.AccessToken(ctx, ""); err == nil {
		t.Error("an ended context gives a token")
	}
}
