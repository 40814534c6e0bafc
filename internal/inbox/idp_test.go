package inbox_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

const (
	clientID     = "deskbridge"
	clientSecret = "s3cret of the inbox"
)

// idp is an OpenID provider on loopback. It lets everybody in as person.
type idp struct {
	t      testing.TB
	server *httptest.Server

	mu       sync.Mutex
	keys     []*rsa.PrivateKey // that are published; the last one signs
	codes    map[string]grant
	person   map[string]any         // claims of whoever logs in
	change   func(c map[string]any) // what is wrong with the token
	deny     bool
	withheld bool   // the e-mail address is told by userinfo alone
	forged   string // a whole token instead of one of ours
	redeemed int
}

// grant is what a code stands for.
type grant struct{ nonce, challenge, redirect string }

func startIDP(t testing.TB) *idp {
	t.Helper()
	p := &idp{t: t, codes: map[string]grant{}, person: map[string]any{"email": "mia@staff.test", "email_verified": true, "name": "Mia Lang"}}
	p.rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.about)
	mux.HandleFunc("GET /keys", p.published)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer access" {
			http.Error(w, "no token", http.StatusUnauthorized)
			return
		}
		said := maps.Clone(p.person)
		said["sub"] = "u1"
		answer(w, said)
	})
	p.server = httptest.NewServer(mux)
	t.Cleanup(p.server.Close)
	return p
}

// settings are those of an inbox that knows the provider.
func (p *idp) settings(more string) string {
	return fmt.Sprintf("    oidc: {issuer: %q, client_id: %s, client_secret: %q, name: Staff Ltd., allowed_domains: [staff.test]%s}\n", p.server.URL, clientID, clientSecret, more)
}

// with changes how the provider behaves.
func (p *idp) with(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// rotate gives the provider a new key, and forgets those of before.
func (p *idp) rotate() {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.with(func() { p.keys = []*rsa.PrivateKey{k} })
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func (p *idp) about(w http.ResponseWriter, _ *http.Request) {
	u := p.server.URL
	answer(w, map[string]any{
		"issuer": u, "authorization_endpoint": u + "/authorize", "token_endpoint": u + "/token", "jwks_uri": u + "/keys", "userinfo_endpoint": u + "/userinfo",
		"id_token_signing_alg_values_supported": []string{"RS256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
	})
}

func keyID(k *rsa.PrivateKey) string {
	sum := sha256.Sum256(k.N.Bytes())
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

func (p *idp) published(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []map[string]string
	for _, k := range p.keys {
		all = append(all, map[string]string{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID(k), "n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
		})
	}
	answer(w, map[string]any{"keys": all})
}

func (p *idp) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("client_id") != clientID || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" {
		p.t.Errorf("the login was begun with %v", q)
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	v := url.Values{"state": {q.Get("state")}}
	if p.deny {
		v.Set("error", "access_denied")
	} else {
		code := rand.Text()
		p.codes[code] = grant{q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")}
		v.Set("code", code)
	}
	back.RawQuery = v.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.redeemed++
	refuse := func(status int, why string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"error": %q}`, why)
	}
	if id, secret, ok := r.BasicAuth(); !ok || id != clientID || secret != url.QueryEscape(clientSecret) {
		refuse(http.StatusUnauthorized, "invalid_client")
		return
	}
	g, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	proof := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || g.redirect != r.PostFormValue("redirect_uri") || base64.RawURLEncoding.EncodeToString(proof[:]) != g.challenge {
		refuse(http.StatusBadRequest, "invalid_grant")
		return
	}
	now := time.Now()
	c := map[string]any{"iss": p.server.URL, "sub": "u1", "aud": clientID, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "nonce": g.nonce}
	if !p.withheld {
		maps.Copy(c, p.person)
	}
	if p.change != nil {
		p.change(c)
	}
	signed := p.forged
	if signed == "" {
		signed = sign(p.t, p.keys[len(p.keys)-1], c)
	}
	answer(w, map[string]any{"access_token": "access", "token_type": "Bearer", "expires_in": 60, "id_token": signed})
}

// sign makes a token (RFC 7515, RS256).
func sign(t testing.TB, k *rsa.PrivateKey, c map[string]any) string {
	body := segment(t, map[string]string{"alg": "RS256", "kid": keyID(k)}) + "." + segment(t, c)
	sum := sha256.Sum256([]byte(body))
	sig, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
	if err != nil {
		t.Error(err)
	}
	return body + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func segment(t testing.TB, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}
