package inbox

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/deskbridge/deskbridge/normalize/text"
)

// OIDC is a login with the company's own accounts (OpenID Connect Core 1.0).
type OIDC struct {
	Name                           string // on the button
	Issuer, ClientID, ClientSecret string
	// Domains are those whose verified addresses get in; users and Admins do
	// in any case.
	Domains, Admins []string
	// TrustEmail takes an address as verified where the provider is silent.
	TrustEmail bool
}

// Why a login with the company's account failed.
var (
	errProvider   = errors.New("the provider cannot be used now")
	errUnset      = errors.New("server.public_url is not set, so the provider could not come back to the inbox")
	errNotBegun   = errors.New("the login was not begun in this browser, or long ago")
	errDeclined   = errors.New("the provider refused the login")
	errUnproven   = errors.New("what the provider said cannot be relied on")
	errUnverified = errors.New("the e-mail address is not verified")
	errStranger   = errors.New("this address may not log in")
)

const (
	providerTimeout = 10 * time.Second
	maxProvider     = 1 << 20   // of an answer of the provider, in bytes
	knownProvider   = time.Hour // what it says of itself is read again then
	exchanges       = 8         // logins under way with the provider
	maxDisplayName  = 100
)

// sso finds out who somebody is by the provider.
type sso struct {
	Deps
	http  *http.Client
	slots chan struct{}

	mu    sync.Mutex
	known *oidc.Provider
	of    string // issuer
	until time.Time
}

func newSSO(d Deps) *sso {
	return &sso{Deps: d, slots: make(chan struct{}, exchanges), http: &http.Client{
		Timeout: providerTimeout, Transport: bounded{http.DefaultTransport},
		// The client's secret goes where the provider said, and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it redirects: the issuer has to be its final address")
		},
	}}
}

// bounded cuts answers that are too long to be a provider's.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxProvider), res.Body}
	}
	return res, err
}

// provider reads what the provider says of itself, at most once an hour.
func (s *sso) provider(ctx context.Context, o *OIDC) (*oidc.Provider, error) {
	s.mu.Lock()
	p, fresh := s.known, s.of == o.Issuer && s.Clock.Now().Before(s.until)
	s.mu.Unlock()
	if fresh {
		return p, nil
	}
	p, err := oidc.NewProvider(ctx, o.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProvider, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.of, s.until = p, o.Issuer, s.Clock.Now().Add(knownProvider)
	return p, nil
}

// client is how the provider is asked.
func (s *sso) client(ctx context.Context, o *OIDC) (*oidc.Provider, *oauth2.Config, error) {
	if originOf(s.PublicURL) == "" {
		return nil, nil, errUnset
	}
	p, err := s.provider(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	// Named, since trying one way after the other would use up the code.
	var says struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := p.Claims(&says); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errProvider, err)
	}
	end := p.Endpoint()
	end.AuthStyle = oauth2.AuthStyleInHeader
	if o.ClientSecret == "" || len(says.Methods) > 0 && !slices.Contains(says.Methods, "client_secret_basic") {
		end.AuthStyle = oauth2.AuthStyleInParams
	}
	return p, &oauth2.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: end,
		RedirectURL: s.PublicURL + Path + "oidc/callback", Scopes: []string{oidc.ScopeOpenID, "email", "profile"},
	}, nil
}

// begun is what the browser keeps of a login under way: nobody else can end
// it, and it ends nobody else's.
type begun struct{ state, nonce, verifier string }

func (b begun) String() string { return b.state + "." + b.nonce + "." + b.verifier }

func parseBegun(s string) (b begun, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || slices.Contains(parts, "") || len(s) > 300 {
		return b, false
	}
	return begun{parts[0], parts[1], parts[2]}, true
}

// ask returns the provider's page for a login.
func (s *sso) ask(ctx context.Context, o *OIDC, b begun) (string, error) {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	_, conf, err := s.client(ctx, o)
	if err != nil {
		return "", err
	}
	return conf.AuthCodeURL(b.state, oidc.Nonce(b.nonce), oauth2.S256ChallengeOption(b.verifier)), nil
}

// enter bounds how much is under way with the provider.
func (s *sso) enter(ctx context.Context) (context.Context, func(), error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, s.http), 2*providerTimeout)
	select {
	case s.slots <- struct{}{}:
		return ctx, func() { <-s.slots; cancel() }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, errBusy
	}
}

// redeem turns a code into who has logged in.
func (s *sso) redeem(ctx context.Context, o *OIDC, code string, b begun) (claims, error) {
	var c claims
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return c, err
	}
	defer done()
	p, conf, err := s.client(ctx, o)
	if err != nil {
		return c, err
	}
	token, err := conf.Exchange(ctx, code, oauth2.VerifierOption(b.verifier))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response.StatusCode < 500 {
		return c, fmt.Errorf("%w: it refused the code: %s", errUnproven, cmp.Or(text.Truncate(text.CleanLine(refused.ErrorCode), 60), refused.Response.Status))
	} else if err != nil {
		return c, fmt.Errorf("%w: the token could not be had", errProvider) // its words may hold secrets
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.Verifier(&oidc.Config{ClientID: o.ClientID, Now: s.Clock.Now}).Verify(ctx, raw)
	switch {
	case err != nil:
		return c, fmt.Errorf("%w: %w", errUnproven, err)
	case id.Nonce != b.nonce:
		return c, fmt.Errorf("%w: it was made for another login", errUnproven)
	}
	if err := id.Claims(&c); err != nil {
		return c, fmt.Errorf("%w: %w", errUnproven, err)
	}
	if c.Party != "" && c.Party != o.ClientID || c.Party == "" && len(id.Audience) > 1 {
		return c, fmt.Errorf("%w: it was made for another client", errUnproven)
	}
	if c.Email == "" && p.UserInfoEndpoint() != "" {
		return s.info(ctx, p, token, id.Subject)
	}
	return c, nil
}

// info asks the provider for what it left out of the token.
func (s *sso) info(ctx context.Context, p *oidc.Provider, token *oauth2.Token, subject string) (c claims, err error) {
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	switch {
	case err != nil:
		return c, fmt.Errorf("%w: %w", errProvider, err)
	case info.Subject != subject:
		return c, fmt.Errorf("%w: it told of somebody else", errUnproven)
	}
	if err := info.Claims(&c); err != nil {
		return c, fmt.Errorf("%w: %w", errUnproven, err)
	}
	return c, nil
}

// claims are what is taken from a token (OpenID Connect Core 1.0, section 5.1).
type claims struct {
	Email    string          `json:"email"`
	Verified json.RawMessage `json:"email_verified"` // some write it as a string
	Name     string          `json:"name"`
	Party    string          `json:"azp"`
}

// admit returns the user that somebody is.
func (o *OIDC) admit(users []User, c claims) (User, error) {
	switch verified := strings.Trim(string(c.Verified), `"`); {
	case verified != "true" && (verified != "" && verified != "null" || !o.TrustEmail):
		return User{}, errUnverified
	case c.Email == "":
		return User{}, errUnverified
	}
	return o.user(users, c.Email, c.Name)
}

// user returns whom a verified address stands for. Letters outside of ASCII
// are refused, since some of them look like others and count as the same.
func (o *OIDC) user(users []User, email, name string) (User, error) {
	at := strings.LastIndexByte(email, '@')
	if at <= 0 || len(email) > 254 || strings.ContainsFunc(email, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return User{}, errStranger
	}
	among := func(list []string, s string) bool {
		return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, s) })
	}
	u, known := find(users, email)
	admin := among(o.Admins, email)
	if !known {
		if !admin && !among(o.Domains, email[at+1:]) {
			return User{}, errStranger
		}
		u = User{Name: cmp.Or(text.Truncate(text.CleanLine(name), maxDisplayName), email), Email: strings.ToLower(email)}
	}
	u.Admin = u.Admin || admin
	return u, nil
}

// markOIDC names the provider of a session, and the user's name there.
const markOIDC = "oidc "

func (o *OIDC) mark(u User) string { return markOIDC + o.fingerprint() + " " + u.Name }

func (o *OIDC) fingerprint() string {
	sum := sha256.Sum256([]byte(o.Issuer + "\n" + o.ClientID))
	return hex.EncodeToString(sum[:8])
}

// marked returns whose session a mark of mark stands for, by the configuration in force.
func (o *OIDC) marked(users []User, email, mark string) (User, bool) {
	of, name, _ := strings.Cut(strings.TrimPrefix(mark, markOIDC), " ")
	if o == nil || of != o.fingerprint() {
		return User{}, false
	}
	u, err := o.user(users, email, name)
	return u, err == nil
}
