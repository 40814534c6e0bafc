package kit

import (
	"context"
	"net/url"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

const (
	deviceGrant    = "urn:ietf:params:oauth:grant-type:device_code"
	deviceInterval = 5 * time.Second // RFC 8628 section 3.2
	deviceSlower   = 5 * time.Second // section 3.5
	deviceLifetime = 15 * time.Minute
	deviceSlowest  = time.Minute
	deviceText     = 500 // bytes of an address or a code that are shown
)

// Device lets a person consent in any browser (RFC 8628): it shows an address
// and a code, waits until the code was typed there, and stores the tokens under
// the names that AccessToken uses. Errors are for the person to read.
func (o *OAuth) Device(ctx context.Context, show func(connectors.LoginPrompt)) error {
	if o.cfg.DeviceURL == "" {
		return connectors.Errorf(connectors.AccountDown, "", "it is not known where consent is given: set oauth2.authorization_url or oauth2.device_authorization_url, or get a refresh token by the provider's console and set oauth2.refresh_token")
	}
	form := url.Values{"client_id": {o.cfg.ClientID}}
	if o.cfg.Scope != "" {
		form.Set("scope", o.cfg.Scope)
	}
	start, err := o.ask(ctx, o.cfg.DeviceURL, form)
	if err != nil {
		return err
	}
	if start.VerificationURI == "" {
		start.VerificationURI = start.VerificationURL
	}
	if start.Error != "" || start.DeviceCode == "" || start.UserCode == "" || start.VerificationURI == "" {
		return connectors.Errorf(connectors.AccountDown, clip(start.Error, 60), "the server gives no device code; check client_id, scope and whether the application may use the device flow")
	}
	life := seconds(start.ExpiresIn, deviceLifetime)
	show(connectors.LoginPrompt{
		URL: clip(start.VerificationURI, deviceText), Code: clip(start.UserCode, deviceText),
		Direct: clip(start.Complete, deviceText), Expires: time.Now().Add(life),
	})
	ctx, cancel := context.WithTimeoutCause(ctx, life, errDeviceExpired)
	defer cancel()
	answer, err := o.awaitConsent(ctx, start)
	if err != nil {
		return err
	}
	return o.consented(ctx, answer)
}

// consented stores what a consent has brought.
func (o *OAuth) consented(ctx context.Context, answer oauthReply) error {
	if answer.RefreshToken == "" {
		return connectors.Errorf(connectors.AccountDown, "", "the server gave no refresh token; the scope offline_access may be missing under oauth2.scope, or the account has given this application its consent before: withdraw that in the account's settings")
	}
	select {
	case o.lock <- struct{}{}:
		defer func() { <-o.lock }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_, err := o.keep(context.WithoutCancel(ctx), answer) // it is issued only once
	return err
}

var errDeviceExpired = connectors.Errorf(connectors.AccountDown, "expired_token", "nobody typed the code in time; run the command again")

// awaitConsent polls until the person has decided (RFC 8628 section 3.5).
func (o *OAuth) awaitConsent(ctx context.Context, start oauthReply) (oauthReply, error) {
	form := url.Values{"grant_type": {deviceGrant}, "device_code": {start.DeviceCode}, "client_id": {o.cfg.ClientID}}
	if o.cfg.ClientSecret != "" {
		form.Set("client_secret", o.cfg.ClientSecret)
	}
	for interval := seconds(start.Interval, deviceInterval); ; {
		timer := time.NewTimer(interval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return oauthReply{}, context.Cause(ctx)
		}
		answer, err := o.ask(ctx, o.cfg.TokenURL, form)
		switch {
		case ctx.Err() != nil && err != nil:
			return answer, context.Cause(ctx)
		case err != nil && connectors.Classify(err).Class == connectors.Transient:
			interval = min(2*interval, max(interval, deviceSlowest))
		case err != nil:
			return answer, err
		case answer.Error == "authorization_pending":
		case answer.Error == "slow_down":
			interval += deviceSlower
		case answer.Error == "expired_token" || answer.Error == "code_expired":
			return answer, errDeviceExpired
		case answer.Error == "access_denied" || answer.Error == "authorization_declined":
			return answer, connectors.Errorf(connectors.AccountDown, "access_denied", "the person declined; nothing was changed")
		case answer.Error != "":
			return answer, connectors.Errorf(connectors.AccountDown, clip(answer.Error, 60), "the token server refuses; check client_id and client_secret")
		default:
			return answer, nil
		}
	}
}

func seconds(s float64, otherwise time.Duration) time.Duration {
	if s <= 0 || s > 24*3600 {
		return otherwise
	}
	return time.Duration(s * float64(time.Second))
}
