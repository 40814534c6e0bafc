package kit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

// OAuthConfig is how access tokens are had from an OAuth 2.0 server with a
// refresh token (RFC 6749 section 6).
type OAuthConfig struct {
	TokenURL, ClientID, ClientSecret, RefreshToken, Scope string
	// DeviceURL is the device authorization endpoint (RFC 8628), for Device.
	DeviceURL string
	// AuthURL is the authorization endpoint (RFC 6749 section 3.1), for
	// Loopback. Its query is kept.
	AuthURL string
}

// OAuth hands out access tokens. It refreshes them before they run out, one
// refresh at a time, and stores every refresh token that the server rotates
// before the access token that came with it is used.
type OAuth struct {
	cfg    OAuthConfig
	http   *http.Client
	tokens connectors.Tokens
	clock  connectors.Clock
	name   string
	// account is what the administrator calls it.
	account string
	lock    chan struct{} // a mutex that can be waited for with a context
	// unsaved is a rotated refresh token that the store did not take yet. The
	// server has forgotten the old one, so it must not be lost.
	unsaved string
}

const (
	oauthMargin   = time.Minute // refresh so long before the end
	oauthLifetime = 5 * time.Minute
	oauthAnswer   = 64 << 10
)

// NewOAuth returns a source of access tokens. Names in d.Tokens are derived
// from the configured refresh token: a new consent written into the
// configuration makes a new start, whatever was rotated before.
func NewOAuth(cfg OAuthConfig, d connectors.Deps) *OAuth {
	id := sha256.Sum256([]byte(cfg.TokenURL + "\n" + cfg.ClientID + "\n" + cfg.RefreshToken))
	return &OAuth{
		cfg: cfg, http: d.HTTP, tokens: d.Tokens, clock: d.Clock,
		name: "oauth2/" + hex.EncodeToString(id[:8]), account: d.Account.Name,
		lock: make(chan struct{}, 1),
	}
}

// AccessToken returns a token that is good for another minute at least. stale
// names one that a server has just refused although its time had not come, ""
// for none: it is not handed out again.
func (o *OAuth) AccessToken(ctx context.Context, stale string) (string, error) {
	select {
	case o.lock <- struct{}{}:
		defer func() { <-o.lock }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if o.unsaved != "" {
		if err := o.saveRefresh(ctx, o.unsaved); err != nil {
			return "", err
		}
	}
	access, err := o.tokens.Get(ctx, o.name+"/access")
	if err != nil {
		return "", storeTrouble(err)
	}
	if access != "" && access != stale {
		return access, nil
	}
	refresh, err := o.refreshToken(ctx)
	if err != nil {
		return "", err
	}
	access, err = o.refresh(ctx, refresh)
	if e := connectors.Classify(err); err != nil && e.Code == "invalid_grant" {
		// Another node may have rotated the token in the meantime.
		if newer, serr := o.refreshToken(ctx); serr == nil && newer != refresh {
			return o.refresh(ctx, newer)
		}
	}
	return access, err
}

func (o *OAuth) refreshToken(ctx context.Context) (string, error) {
	t, err := o.tokens.Get(ctx, o.name+"/refresh")
	if err != nil {
		return "", storeTrouble(err)
	}
	if t == "" {
		t = o.cfg.RefreshToken
	}
	if t == "" {
		return "", connectors.Errorf(connectors.AccountDown, "no_consent", "nobody has logged in yet: deskbridge login %s", o.account)
	}
	return t, nil
}

func (o *OAuth) refresh(ctx context.Context, refreshToken string) (string, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}, "client_id": {o.cfg.ClientID}}
	if o.cfg.ClientSecret != "" {
		form.Set("client_secret", o.cfg.ClientSecret)
	}
	if o.cfg.Scope != "" {
		form.Set("scope", o.cfg.Scope)
	}
	answer, err := o.ask(ctx, o.cfg.TokenURL, form)
	switch {
	case err != nil:
		return "", err
	case answer.Error != "":
		return "", connectors.Errorf(connectors.AccountDown, clip(answer.Error, 60),
			"the token server refused the refresh token; consent may have to be given again")
	}
	if answer.RefreshToken == refreshToken {
		answer.RefreshToken = ""
	}
	return o.keep(ctx, answer)
}

// oauthReply is what token and device endpoints answer (RFC 6749 section 5,
// RFC 8628 section 3.2). Google spells the address its own way.
type oauthReply struct {
	AccessToken  string  `json:"access_token"`
	RefreshToken string  `json:"refresh_token"`
	ExpiresIn    float64 `json:"expires_in"`
	Error        string  `json:"error"`

	DeviceCode      string  `json:"device_code"`
	UserCode        string  `json:"user_code"`
	VerificationURI string  `json:"verification_uri"`
	VerificationURL string  `json:"verification_url"`
	Complete        string  `json:"verification_uri_complete"`
	Interval        float64 `json:"interval"`
}

// ask makes one request. An answer that is neither a success nor an error of
// OAuth is an error here.
func (o *OAuth) ask(ctx context.Context, address string, form url.Values) (answer oauthReply, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return answer, connectors.Errorf(connectors.AccountDown, "", "the address of the token server is no address: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	res, err := o.http.Do(req)
	if err != nil {
		return answer, connectors.Errorf(connectors.Transient, "", "the token server cannot be reached: %w", err)
	}
	defer res.Body.Close()
	derr := json.NewDecoder(io.LimitReader(res.Body, oauthAnswer)).Decode(&answer)
	switch {
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
		return answer, connectors.Errorf(connectors.Transient, strconv.Itoa(res.StatusCode), "the token server is in trouble")
	case answer.Error != "":
		return answer, nil
	case derr != nil || res.StatusCode != http.StatusOK || answer.AccessToken == "" && answer.DeviceCode == "":
		return answer, connectors.Errorf(connectors.Transient, strconv.Itoa(res.StatusCode), "the token server gave no token; check the addresses under oauth2")
	}
	return answer, nil
}

// keep stores what the server issued, the refresh token first, and returns the
// access token.
func (o *OAuth) keep(ctx context.Context, answer oauthReply) (string, error) {
	if answer.AccessToken == "" {
		return "", connectors.Errorf(connectors.Transient, "", "the token server gave no token; check the addresses under oauth2")
	}
	if answer.RefreshToken != "" {
		o.unsaved = answer.RefreshToken
		if err := o.saveRefresh(ctx, answer.RefreshToken); err != nil {
			return "", err
		}
	}
	life := time.Duration(answer.ExpiresIn * float64(time.Second))
	if life <= 0 {
		life = oauthLifetime
	}
	now := o.clock.Now()
	if err := o.tokens.Set(ctx, o.name+"/access", answer.AccessToken, now.Add(max(life-oauthMargin, life/2))); err != nil {
		return "", storeTrouble(err)
	}
	// For people: a refresh token that nobody uses dies, after 90 days at
	// Microsoft.
	if err := o.tokens.Set(ctx, o.name+"/renewed", now.Format(time.RFC3339), time.Time{}); err != nil {
		return "", storeTrouble(err)
	}
	return answer.AccessToken, nil
}

func (o *OAuth) saveRefresh(ctx context.Context, t string) error {
	if err := o.tokens.Set(ctx, o.name+"/refresh", t, time.Time{}); err != nil {
		return storeTrouble(err)
	}
	o.unsaved = ""
	return nil
}

func storeTrouble(err error) error {
	return connectors.Errorf(connectors.Transient, "", "tokens cannot be stored or read: %w", err)
}

func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
