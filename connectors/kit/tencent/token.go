package tencent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

// Grant is how an account gets its access tokens.
type Grant struct {
	path       string
	id, secret string
	// stable: the official account's way, by POST, that can force a new token.
	stable bool
}

// OfficialAccount gets tokens by stable_token, which leaves the tokens of
// other programs of the same account alone
// (developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken).
func OfficialAccount(appID, secret string) Grant {
	return Grant{path: "/cgi-bin/stable_token", id: appID, secret: secret, stable: true}
}

// WeCom gets tokens by gettoken, which repeats the current one while it is
// good (developer.work.weixin.qq.com/document/path/91039).
func WeCom(corpID, secret string) Grant {
	return Grant{path: "/cgi-bin/gettoken", id: corpID, secret: secret}
}

const (
	// The vendor honours the last token for five minutes after a new one.
	tokenMargin = 5 * time.Minute
	// The vendor forces twenty tokens a day at most.
	forceEvery = 90 * time.Minute
)

// tokens hands out the access token of one account: one request at a time,
// stored for all nodes before it is used.
type tokens struct {
	grant Grant
	call  func(ctx context.Context, r Request) error
	store connectors.Tokens
	clock connectors.Clock
	name  string
	lock  chan struct{} // a mutex that can be waited for with a context
}

func newTokens(base string, g Grant, d connectors.Deps, call func(context.Context, Request) error) *tokens {
	// A new secret or another vendor's address makes a new start.
	id := sha256.Sum256([]byte(base + "\n" + g.id + "\n" + g.secret))
	return &tokens{
		grant: g, call: call, store: d.Tokens, clock: d.Clock,
		name: "tencent/" + hex.EncodeToString(id[:8]), lock: make(chan struct{}, 1),
	}
}

// get returns a token. stale names one that the vendor has just refused, ""
// for none: it is not handed out again. Another node or goroutine may have
// stored a better one already, which is looked for first.
func (t *tokens) get(ctx context.Context, stale string) (string, error) {
	select {
	case t.lock <- struct{}{}:
		defer func() { <-t.lock }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	token, err := t.store.Get(ctx, t.name+"/access")
	if err != nil {
		return "", storeTrouble(err)
	}
	if token != "" && token != stale {
		return token, nil
	}
	token, err = t.fetch(ctx, false)
	if err != nil || token != stale || !t.grant.stable {
		return token, err
	}
	return t.force(ctx, stale)
}

// force asks for a token that differs from the one that is refused although
// the vendor still hands it out.
func (t *tokens) force(ctx context.Context, stale string) (string, error) {
	recently, err := t.store.Get(ctx, t.name+"/forced")
	if err != nil {
		return "", storeTrouble(err)
	}
	if recently != "" {
		return stale, nil // the call fails with the vendor's own code
	}
	now := t.clock.Now()
	if err := t.store.Set(ctx, t.name+"/forced", now.Format(time.RFC3339), now.Add(forceEvery)); err != nil {
		return "", storeTrouble(err)
	}
	return t.fetch(ctx, true)
}

func (t *tokens) fetch(ctx context.Context, force bool) (string, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	r := Request{Path: t.grant.path, Out: &answer, secrets: []string{t.grant.secret}}
	if t.grant.stable {
		r.Method = http.MethodPost
		r.In = map[string]any{
			"grant_type": "client_credential", "appid": t.grant.id, "secret": t.grant.secret, "force_refresh": force,
		}
	} else {
		r.Method = http.MethodGet
		r.Query = url.Values{"corpid": {t.grant.id}, "corpsecret": {t.grant.secret}}
	}
	if err := t.call(ctx, r); err != nil {
		return "", err
	}
	if answer.AccessToken == "" {
		return "", connectors.Errorf(connectors.Transient, "", "the vendor answered without an access token")
	}
	life := time.Duration(min(max(answer.ExpiresIn, 60), 86400)) * time.Second
	until := t.clock.Now().Add(max(life-tokenMargin, life/2))
	if err := t.store.Set(ctx, t.name+"/access", answer.AccessToken, until); err != nil {
		return "", storeTrouble(err)
	}
	return answer.AccessToken, nil
}

func storeTrouble(err error) error {
	return connectors.Errorf(connectors.Transient, "", "tokens cannot be stored or read: %w", err)
}
