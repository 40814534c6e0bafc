package twilio

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit"
)

var _ channel.Fetcher = (*Twilio)(nil)

// mediumPath is what a reference looks like: a medium of a message, or a
// recording, below the account.
var mediumPath = regexp.MustCompile(`^(Messages/[A-Z]{2}[0-9A-Za-z]{1,64}/Media/ME[0-9A-Za-z]{1,64}|Recordings/RE[0-9A-Za-z]{1,64}(\.mp3)?)$`)

// Fetch opens a medium. Twilio asks for the credentials, and leads from there
// to where the bytes are, which must never see them:
// www.twilio.com/docs/messaging/api/media-resource.
func (t *Twilio) Fetch(ctx context.Context, ref string) (*channel.Fetched, error) {
	if !mediumPath.MatchString(ref) {
		return nil, connectors.Errorf(connectors.Rejected, "", "%q is no medium of Twilio's", ref)
	}
	first := *t.api
	first.Path += "/2010-04-01/Accounts/" + t.cfg.AccountSID + "/" + ref
	res, err := t.open(ctx, &first)
	if err != nil {
		return nil, err
	}
	if to := res.Header.Get("Location"); res.StatusCode/100 == 3 && to != "" {
		_ = res.Body.Close()
		next, err := first.Parse(to)
		if err != nil {
			return nil, connectors.Errorf(connectors.Transient, "", "Twilio leads to an address that is none")
		}
		if res, err = t.open(ctx, next); err != nil {
			return nil, err
		}
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, t.missing(res)
	}
	return &channel.Fetched{ContentType: res.Header.Get("Content-Type"), Size: max(res.ContentLength, 0), Body: res.Body}, nil
}

// open asks for one address: the API's own with the credentials, any other
// without and by the guarded client.
func (t *Twilio) open(ctx context.Context, u *url.URL) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("address of a medium: %w", err)
	}
	client := t.deps.Guarded
	if u.Scheme == t.api.Scheme && u.Host == t.api.Host {
		r.SetBasicAuth(t.credentials())
		client = &http.Client{Transport: transport(t.deps.HTTP), CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, connectors.Errorf(connectors.Transient, "", "the medium could not be fetched: %s", reason(err))
	}
	return res, nil
}

// missing is the error of an answer without the medium.
func (t *Twilio) missing(res *http.Response) *connectors.Error {
	code := strconv.Itoa(res.StatusCode)
	switch {
	case res.StatusCode == http.StatusNotFound, res.StatusCode == http.StatusGone:
		return connectors.Errorf(connectors.Rejected, code, "Twilio no longer has the medium")
	case res.StatusCode == http.StatusUnauthorized:
		return connectors.Errorf(connectors.AccountDown, code, "Twilio refuses the credentials")
	case res.StatusCode == http.StatusTooManyRequests:
		e := connectors.Errorf(connectors.Throttled, code, "Twilio asks to slow down")
		e.RetryAfter, _ = kit.RetryAfter(res.Header, t.deps.Clock.Now())
		return e
	}
	return connectors.Errorf(connectors.Transient, code, "Twilio does not hand out the medium now")
}
