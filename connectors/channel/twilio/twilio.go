// Package twilio is the channel of phone numbers at Twilio: SMS, MMS, WhatsApp
// and calls.
//
// Twilio calls us for whatever happens: messages at /webhooks/{name}, what
// became of ours at /status, calls at /voice and below. Every call is signed
// with the account's auth token over the configured public URL.
//
// A customer is written to on the way that their latest message came, from the
// number that they had written to. To a call, an answer goes as voice.answer
// says: as a text message, or spoken in a call that we make.
package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

// Type is the name of this channel in the configuration.
const Type = "twilio"

func init() {
	channel.Register(channel.Kind{
		Type: Type, Title: "Twilio (SMS, MMS, WhatsApp, voice)", Addresses: []string{normalize.KindPhone, KindWhatsApp},
		Facts: channel.Facts{
			Receives: []normalize.PartKind{
				normalize.PartText, normalize.PartImage, normalize.PartAudio, normalize.PartVideo, normalize.PartFile,
				normalize.PartLocation, normalize.PartSticker, normalize.PartCall,
			},
			Receipts:    []normalize.Status{normalize.StatusDelivered, normalize.StatusRead, normalize.StatusFailed},
			Window:      "WhatsApp: 24 hours from the customer's latest message, then templates only; SMS and voice: always",
			PerPeerHour: 60,
		},
		Config: func() connectors.Config { return newConfig() },
		New: func(c connectors.Config, d connectors.Deps) (channel.Channel, error) {
			cfg, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("the channel type %s cannot be configured by a %T", Type, c)
			}
			return New(cfg, d)
		},
	})
}

// Twilio is one account.
type Twilio struct {
	cfg  Config
	deps connectors.Deps
	api  *url.URL
	// hook is the public address of the account's webhook; empty where there
	// is no public URL, so that no receipts can come.
	hook string
}

// New opens an account without asking Twilio.
func New(c *Config, d connectors.Deps) (*Twilio, error) {
	base, err := url.Parse(strings.TrimRight(c.APIURL, "/"))
	if err != nil {
		return nil, fmt.Errorf("api_url: %w", err)
	}
	t := &Twilio{cfg: *c, deps: d, api: base}
	if d.PublicURL != "" {
		t.hook = d.PublicURL + "/webhooks/" + d.Account.Name
	}
	if c.Voice.Enabled && t.hook == "" {
		return nil, errors.New("voice needs server.public_url, which Twilio calls for each step of a call")
	}
	return t, nil
}

// Format keeps the secrets within the configuration out of whatever prints t.
func (t *Twilio) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "twilio(%s)", t.deps.Account.Name)
}

// credentials are those of requests.
func (t *Twilio) credentials() (username, password string) {
	if t.cfg.APIKey != "" {
		return t.cfg.APIKey, t.cfg.APISecret.Reveal()
	}
	return t.cfg.AccountSID, t.cfg.AuthToken.Reveal()
}

// own is the address that messages come from.
func (t *Twilio) own() normalize.Address {
	if t.cfg.From == "" {
		return normalize.Address{Kind: normalize.KindPhone, Value: t.cfg.MessagingServiceSID}
	}
	return customer(t.cfg.From, "")
}

// Probe asks for the account.
func (t *Twilio) Probe(ctx context.Context) (normalize.Address, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	service, c := t.service(ctx)
	account, err := service.FetchAccount(t.cfg.AccountSID)
	if err != nil {
		return t.own(), c.fault(err)
	}
	if account.Status != nil && *account.Status != "active" {
		return t.own(), connectors.Errorf(connectors.AccountDown, "20005", "the Twilio account is %s", *account.Status)
	}
	return t.own(), nil
}

// Close has nothing to end: every connection belongs to the context of the
// call that opened it.
func (t *Twilio) Close(context.Context) error { return nil }
