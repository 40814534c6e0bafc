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
	lock   chan struct{} // a mutex that can be waited for with a context
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
		name: "oauth2/" + hex.EncodeToString(id[:8]),
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
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.cfg.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", connectors.Errorf(connectors.AccountDown, "", "token_url is no address: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	res, err := o.http.Do(req)
	if err != nil {
		return "", connectors.Errorf(connectors.Transient, "", "the token server cannot be reached: %w", err)
	}
	defer res.Body.Close()
	var answer struct {
		AccessToken  string  `json:"access_token"`
		RefreshToken string  `json:"refresh_token"`
		ExpiresIn    float64 `json:"expires_in"`
		Error        string  `json:"error"`
	}
	derr := json.NewDecoder(io.LimitReader(res.Body, oauthAnswer)).Decode(&answer)
	switch {
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
		return "", connectors.Errorf(connectors.Transient, strconv.Itoa(res.StatusCode), "the token server is in trouble")
	case answer.Error != "":
		return "", connectors.Errorf(connectors.AccountDown, clip(answer.Error, 60),
			"the token server refused the refresh token; consent may have to be given again")
	case derr != nil || res.StatusCode != http.StatusOK || answer.AccessToken == "":
		return "", connectors.Errorf(connectors.Transient, strconv.Itoa(res.StatusCode), "the token server gave no token; check token_url")
	}
	if answer.RefreshToken != "" && answer.RefreshToken != refreshToken {
		o.unsaved = answer.RefreshToken
		if err := o.saveRefresh(ctx, answer.RefreshToken); err != nil {
			return "", err
		}
	}
	life := time.Duration(answer.ExpiresIn * float64(time.Second))
	if life <= 0 {
		life = oauthLifetime
	}
	until := o.clock.Now().Add(max(life-oauthMargin, life/2))
	if err := o.tokens.Set(ctx, o.name+"/access", answer.AccessToken, until); err != nil {
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
