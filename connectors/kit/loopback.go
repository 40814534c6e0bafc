package kit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

const (
	loopbackLifetime = 15 * time.Minute
	loopbackGoodbye  = 2 * time.Second
)

var errNobodyCame = connectors.Errorf(connectors.AccountDown, "expired_token", "nobody gave consent in time; run the command again")

// Consent lets a person give consent in a browser and stores what the server
// issues: by a code to type (Device) where it has that, else by sending the
// browser back to this machine (Loopback). Errors are for the person to read.
func (o *OAuth) Consent(ctx context.Context, show func(connectors.LoginPrompt)) error {
	if o.cfg.DeviceURL == "" && o.cfg.AuthURL != "" {
		return o.Loopback(ctx, show)
	}
	return o.Device(ctx, show)
}

// Loopback lets a person consent in a browser that then goes to an address of
// this machine (RFC 8252 section 7.3) with a code that is of use to nobody but
// us (PKCE, RFC 7636). A browser elsewhere cannot reach that address: its user
// hands LoginPrompt.Back the one that the browser ended at.
func (o *OAuth) Loopback(ctx context.Context, show func(connectors.LoginPrompt)) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return connectors.Errorf(connectors.Transient, "", "no port of this machine can be opened for the browser to come back to: %w", err)
	}
	v := visit{
		redirect: "http://" + l.Addr().String() + "/", state: secret(), verifier: secret(),
		result: make(chan url.Values, 1),
	}
	server := &http.Server{Handler: &v, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: oauthAnswer}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // it ends by Shutdown or Close
	}()
	defer func() {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), loopbackGoodbye)
		defer cancel()
		if server.Shutdown(bye) != nil {
			_ = server.Close()
		}
		<-served
	}()
	address, err := v.address(o.cfg)
	if err != nil {
		return err
	}
	show(connectors.LoginPrompt{URL: address, Local: l.Addr().String(), Back: v.back, Expires: time.Now().Add(loopbackLifetime)})
	ctx, cancel := context.WithTimeoutCause(ctx, loopbackLifetime, errNobodyCame)
	defer cancel()
	select {
	case q := <-v.result:
		return o.redeem(ctx, &v, q)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// redeem turns the code that the browser brought into tokens.
func (o *OAuth) redeem(ctx context.Context, v *visit, q url.Values) error {
	if e := q.Get("error"); e == "access_denied" {
		return connectors.Errorf(connectors.AccountDown, e, "the person declined; nothing was changed")
	} else if e != "" {
		return connectors.Errorf(connectors.AccountDown, clip(e, 60), "the server gives no consent; check client_id, scope and whether the application is one for the desktop")
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {v.redirect},
		"client_id": {o.cfg.ClientID}, "code_verifier": {v.verifier},
	}
	if o.cfg.ClientSecret != "" {
		form.Set("client_secret", o.cfg.ClientSecret)
	}
	answer, err := o.ask(ctx, o.cfg.TokenURL, form)
	switch {
	case err != nil:
		return err
	case answer.Error != "":
		return connectors.Errorf(connectors.AccountDown, clip(answer.Error, 60), "the token server refuses the consent; check client_id and client_secret, and run the command again")
	}
	return o.consented(ctx, answer)
}

// visit is one browser's way to the server and back.
type visit struct {
	redirect, state, verifier string
	result                    chan url.Values
}

// address is where the person goes.
func (v *visit) address(cfg OAuthConfig) (string, error) {
	u, err := url.Parse(cfg.AuthURL)
	if err != nil || u.Host == "" {
		return "", connectors.Errorf(connectors.AccountDown, "", "oauth2.authorization_url is no address")
	}
	sum := sha256.Sum256([]byte(v.verifier))
	q := u.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": cfg.ClientID, "redirect_uri": v.redirect, "scope": cfg.Scope, "state": v.state,
		"code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256",
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

var errNotBack = errors.New("this is not the address that the browser ended at after the consent; it begins with http://127.0.0.1 and holds state= and code=")

// back takes the address that a browser was sent to.
func (v *visit) back(address string) error {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || !v.accept(u.Query()) {
		return errNotBack
	}
	return nil
}

// accept takes the first answer that bears our state. Others are of other
// visits, or of other pages that try to slip in a code of theirs.
func (v *visit) accept(q url.Values) bool {
	if q.Get("state") != v.state || q.Get("code") == "" && q.Get("error") == "" {
		return false
	}
	select {
	case v.result <- q:
	default: // a reload of the page
	}
	return true
}

func (v *visit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Connection", "close")
	if r.Method != http.MethodGet || !v.accept(r.URL.Query()) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "This is not the answer that deskbridge login waits for.\n")
		return
	}
	_, _ = io.WriteString(w, "Done. You may close this window and go back to deskbridge login.\n")
}

// secret returns 256 random bits as 43 characters (RFC 7636 section 4.1).
func secret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
