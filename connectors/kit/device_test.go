package kit

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// authority is an authorization server that keeps the rules of RFC 8628: who
// polls faster than it wants is told to slow down; a code
// works once and only until its end.
type authority struct {
	mu       sync.Mutex
	interval time.Duration
	life     time.Duration
	decided  time.Duration // after the start, by a person; 0 for never
	decline  bool
	noToken  bool // gives no refresh token
	trouble  int  // so many polls end in a server's error
	started  time.Time
	polled   time.Time
	polls    []time.Duration // after the start
	slowed   int
	used     bool
	secret   string
}

func (a *authority) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	a.serve(w, r)
	return w.Result(), nil
}

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer := func(status int, fields map[string]any) {
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(fields); err != nil {
			panic(err)
		}
	}
	fail := func(code string) { answer(http.StatusBadRequest, map[string]any{"error": code}) }
	now := time.Now()
	if r.PostFormValue("client_id") != "app" {
		fail("invalid_client")
		return
	}
	if r.URL.Path == "/device" {
		a.started, a.polled = now, now
		fields := map[string]any{
			"device_code": "device-secret", "user_code": "WDJB-MJHT", "verification_uri": "https://login.test/device",
			"verification_uri_complete": "https://login.test/device?user_code=WDJB-MJHT", "expires_in": a.life.Seconds(),
		}
		if a.interval != 5*time.Second { // which is what its absence means
			fields["interval"] = a.interval.Seconds()
		}
		answer(http.StatusOK, fields)
		return
	}
	since := now.Sub(a.polled)
	a.polled = now
	a.polls = append(a.polls, now.Sub(a.started))
	switch {
	case r.PostFormValue("grant_type") != deviceGrant || r.PostFormValue("device_code") != "device-secret" || a.used:
		fail("invalid_grant")
	case r.PostFormValue("client_secret") != a.secret:
		fail("invalid_client")
	case a.trouble > 0:
		a.trouble--
		answer(http.StatusBadGateway, nil)
	case now.Sub(a.started) >= a.life:
		fail("expired_token")
	case since < a.interval:
		a.slowed++
		fail("slow_down")
	case a.decided == 0 || now.Sub(a.started) < a.decided:
		fail("authorization_pending")
	case a.decline:
		fail("access_denied")
	default:
		a.used = true
		fields := map[string]any{"access_token": "access-1", "expires_in": 3600}
		if !a.noToken {
			fields["refresh_token"] = "refresh-1"
		}
		answer(http.StatusOK, fields)
	}
}

func consent(a *authority, s connectors.Tokens, clock connectors.Clock) *OAuth {
	return NewOAuth(OAuthConfig{
		TokenURL: "https://login.test/token", DeviceURL: "https://login.test/device", ClientID: "app", ClientSecret: a.secret, Scope: "mail offline_access",
	}, connectors.Deps{
		Account: normalize.Account{Name: "support"}, HTTP: &http.Client{Transport: a}, Tokens: s, Clock: clock,
	})
}

func TestDeviceLogin(t *testing.T) {
	for _, tc := range []struct {
		name  string
		a     *authority
		want  string // of the error, "" for none
		polls []time.Duration
	}{
		{
			name: "consent", a: &authority{interval: 5 * time.Second, decided: 12 * time.Second, secret: "s"},
			polls: []time.Duration{5, 10, 15},
		},
		{
			name: "the interval of the server", a: &authority{interval: 30 * time.Second, decided: time.Minute},
			polls: []time.Duration{30, 60},
		},
		{
			name: "the server is in trouble", a: &authority{interval: 5 * time.Second, decided: time.Second, trouble: 2},
			polls: []time.Duration{5, 15, 35}, // 10 and 20 later, each twice as slow
		},

		{name: "declined", a: &authority{interval: 5 * time.Second, decided: 7 * time.Second, decline: true}, want: "declined", polls: []time.Duration{5, 10}},
		{name: "nobody comes", a: &authority{interval: 20 * time.Second, life: 50 * time.Second}, want: "in time", polls: []time.Duration{20, 40}},
		{name: "no refresh token", a: &authority{interval: 5 * time.Second, decided: time.Second, noToken: true}, want: "offline_access", polls: []time.Duration{5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := tc.a
				if a.life == 0 {
					a.life = 15 * time.Minute
				}
				s := newStore()
				o := consent(a, s, s)
				if _, err := o.AccessToken(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "deskbridge login support") {
					t.Errorf("before the login: %v", err)
				}
				var shown []connectors.LoginPrompt
				err := o.Device(t.Context(), func(p connectors.LoginPrompt) { shown = append(shown, p) })
				if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
					t.Fatalf("%v, want %q", err, tc.want)
				}
				if len(shown) != 1 || shown[0].Code != "WDJB-MJHT" || shown[0].URL != "https://login.test/device" || !strings.HasSuffix(shown[0].Direct, "WDJB-MJHT") {
					t.Errorf("shown %+v", shown)
				}
				if a.slowed > 0 {
					t.Error("polled faster than the server allows")
				}
				var polls []time.Duration
				for _, p := range a.polls {
					polls = append(polls, p/time.Second)
				}
				if len(polls) != len(tc.polls) {
					t.Fatalf("polled after %v s, want %v", polls, tc.polls)
				}
				for i := range polls {
					if polls[i] != tc.polls[i] {
						t.Errorf("polled after %v s, want %v", polls, tc.polls)
					}
				}
				// Another process, such as the daemon, finds what was stored.
				token, err := consent(a, s, s).AccessToken(t.Context(), "")
				if tc.want == "" && (err != nil || token != "access-1" || s.values[o.name+"/refresh"] != "refresh-1") {
					t.Errorf("after the login: %q %v", token, err)
				}
				if tc.want != "" && (err == nil || len(s.values) > 0) {
					t.Errorf("a login that failed stores %v", s.values)
				}
				for _, p := range shown {
					if strings.Contains(p.URL+p.Code+p.Direct, "device-secret") {
						t.Error("the device code is shown")
					}
				}
			})
		})
	}
}

// A server that finds its own interval too fast after all.
func TestDeviceLoginSlowsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &authority{interval: 5 * time.Second, life: 15 * time.Minute, decided: 45 * time.Second}
		s := newStore()
		err := consent(a, s, s).Device(t.Context(), func(connectors.LoginPrompt) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.interval = 8 * time.Second
		})
		// Told once at 5 s, it asks every 10 s from then on.
		if err != nil || a.slowed != 1 || len(a.polls) != 5 || a.polls[len(a.polls)-1] != 45*time.Second {
			t.Errorf("%v, told to slow down %d times, polled after %v", err, a.slowed, a.polls)
		}
	})
}

func TestDeviceLoginEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &authority{interval: 5 * time.Second, life: time.Hour}
		s := newStore()
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		began := time.Now()
		err := consent(a, s, s).Device(ctx, func(connectors.LoginPrompt) {})
		if err == nil || time.Since(began) != 12*time.Second || len(s.values) > 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestDeviceLoginWithoutEndpoint(t *testing.T) {
	o := NewOAuth(OAuthConfig{TokenURL: "https://login.test/token", ClientID: "app"}, connectors.Deps{})
	if err := o.Device(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "device_authorization_url") {
		t.Error(err)
	}
	if err := consent(&authority{}, newStore(), connectors.SystemClock{}).withClient("other").Device(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "client_id") {
		t.Error(err)
	}
}

func (o *OAuth) withClient(id string) *OAuth {
	o.cfg.ClientID = id
	return o
}
