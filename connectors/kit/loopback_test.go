package kit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// webAuthority is an authorization server for browsers that demands PKCE: a
// code works once, for the address that it was sent to, and for who knows the
// verifier of the challenge.
type webAuthority struct {
	*httptest.Server
	decline, noToken bool

	mu        sync.Mutex
	challenge string
	redirect  string
	asked     url.Values
	redeemed  int
}

func newWebAuthority(t *testing.T) *webAuthority {
	a := &webAuthority{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth", a.authorize)
	mux.HandleFunc("POST /token", a.token)
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	return a
}

func (a *webAuthority) authorize(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := r.URL.Query()
	a.asked, a.challenge, a.redirect = q, q.Get("code_challenge"), q.Get("redirect_uri")
	back := url.Values{"state": {q.Get("state")}, "code": {"code-1"}}
	if a.decline {
		back = url.Values{"state": {q.Get("state")}, "error": {"access_denied"}}
	}
	http.Redirect(w, r, a.redirect+"?"+back.Encode(), http.StatusFound)
}

func (a *webAuthority) token(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	fields := map[string]any{"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600}
	switch {
	case r.PostFormValue("client_id") != "app" || r.PostFormValue("client_secret") != "s3":
		fields = map[string]any{"error": "invalid_client"}
	case r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("code") != "code-1" || a.redeemed > 0 ||
		r.PostFormValue("redirect_uri") != a.redirect || len(r.PostFormValue("code_verifier")) < 43 ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != a.challenge:
		fields = map[string]any{"error": "invalid_grant"}
	case a.noToken:
		delete(fields, "refresh_token")
	}
	if fields["error"] != nil {
		w.WriteHeader(http.StatusBadRequest)
	} else {
		a.redeemed++
	}
	if err := json.NewEncoder(w).Encode(fields); err != nil {
		panic(err)
	}
}

func (a *webAuthority) consent(s *store) *OAuth {
	return NewOAuth(OAuthConfig{
		TokenURL: a.URL + "/token", AuthURL: a.URL + "/auth?access_type=offline", ClientID: "app", ClientSecret: "s3", Scope: "mail",
	}, connectors.Deps{Account: normalize.Account{Name: "support"}, HTTP: a.Client(), Tokens: s, Clock: s})
}

// browse goes where a page leads, and returns the status of the last one.
func browse(t *testing.T, client *http.Client, address string) (*http.Response, int) {
	t.Helper()
	res, err := client.Get(address)
	if err != nil {
		t.Error(err)
		return nil, 0
	}
	_ = res.Body.Close()
	return res, res.StatusCode
}

// elsewhere is a browser that cannot reach this machine's ports.
var elsewhere = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func TestLoopbackLogin(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(a *webAuthority)
		browser func(t *testing.T, p connectors.LoginPrompt)
		trouble string
	}{
		"by the browser": {browser: func(t *testing.T, p connectors.LoginPrompt) {
			if _, status := browse(t, http.DefaultClient, p.URL); status != http.StatusOK {
				t.Errorf("the browser sees status %d", status)
			}
		}},
		"by a copied address": {browser: func(t *testing.T, p connectors.LoginPrompt) {
			for _, wrong := range []string{"", "what?", p.URL, "http://" + p.Local + "/?code=code-1&state=x"} {
				if err := p.Back(wrong); err == nil {
					t.Errorf("%q is taken", wrong)
				}
			}
			res, _ := browse(t, elsewhere, p.URL)
			if err := p.Back("  " + res.Header.Get("Location") + "\n"); err != nil {
				t.Error(err)
			}
		}},
		"not by a page of somebody else": {browser: func(t *testing.T, p connectors.LoginPrompt) {
			for _, forged := range []string{"/?code=theirs", "/?code=theirs&state=guess", "/favicon.ico"} {
				if _, status := browse(t, http.DefaultClient, "http://"+p.Local+forged); status != http.StatusBadRequest {
					t.Errorf("%s gives %d", forged, status)
				}
			}
			browse(t, http.DefaultClient, p.URL)
		}},
		"declined": {
			change:  func(a *webAuthority) { a.decline = true },
			browser: func(t *testing.T, p connectors.LoginPrompt) { browse(t, http.DefaultClient, p.URL) },
			trouble: "declined",
		},
		"without a refresh token": {
			change:  func(a *webAuthority) { a.noToken = true },
			browser: func(t *testing.T, p connectors.LoginPrompt) { browse(t, http.DefaultClient, p.URL) },
			trouble: "no refresh token",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newWebAuthority(t)
			if tc.change != nil {
				tc.change(a)
			}
			s := newStore()
			o := a.consent(s)
			var visit sync.WaitGroup
			local := ""
			err := o.Consent(t.Context(), func(p connectors.LoginPrompt) {
				local = p.Local
				visit.Go(func() { tc.browser(t, p) })
			})
			visit.Wait()
			if _, gone := http.Get("http://" + local); gone == nil {
				t.Error("the port is still open")
			}
			if tc.trouble != "" {
				if err == nil || !strings.Contains(err.Error(), tc.trouble) {
					t.Errorf("%v, want %s", err, tc.trouble)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if access, err := o.AccessToken(t.Context(), ""); err != nil || access != "access-1" {
				t.Errorf("%q %v", access, err)
			}
			if a.asked.Get("access_type") != "offline" || a.asked.Get("scope") != "mail" || a.asked.Get("code_challenge_method") != "S256" || a.redeemed != 1 {
				t.Errorf("asked for %v, redeemed %d times", a.asked, a.redeemed)
			}
		})
	}
}

// TestLoopbackEndsWithItsContext: nobody comes.
func TestLoopbackEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if err := newWebAuthority(t).consent(newStore()).Loopback(ctx, func(connectors.LoginPrompt) { cancel() }); err == nil {
		t.Error("it ended well")
	}
}
