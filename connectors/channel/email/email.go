// Package email is the channel of a mailbox: IMAP in, SMTP out.
//
// Incoming mail is read from one mailbox that is opened read-only; how far it
// was read is a cursor of ours and never a flag on the server. Outgoing mail
// carries a Message-ID with a keyed token, so that answers and bounces find
// their way back and a forged one leads nowhere.
package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

// Type is the name of this channel in the configuration.
const Type = "email"

func init() {
	channel.Register(channel.Kind{
		Type: Type, Title: "E-mail (IMAP and SMTP)", Addresses: []string{normalize.KindEmail},
		Facts: channel.Facts{
			Receives:    []normalize.PartKind{normalize.PartText, normalize.PartImage, normalize.PartAudio, normalize.PartVideo, normalize.PartFile},
			Receipts:    []normalize.Status{normalize.StatusDelivered, normalize.StatusRead, normalize.StatusFailed},
			PerPeerHour: 30,
		},
		Config: func() connectors.Config { return newConfig() },
		New: func(c connectors.Config, d connectors.Deps) (channel.Channel, error) {
			mailbox, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("the channel type %s cannot be configured by a %T", Type, c)
			}
			return New(mailbox, d)
		},
	})
}

// Email is one account.
type Email struct {
	cfg  Config
	deps connectors.Deps
	imap server
	smtp server
	own  ownAddresses
	mint minter
	// profile is what is known of the servers.
	profile profile
	// auditAfter is how long after the start a mailbox is compared with the
	// server's list first; tests shorten it.
	auditAfter time.Duration

	authserv authservers
	keys     *keyring
	signer   *signer // nil: mail goes out unsigned

	// How long a server may take; tests shorten it.
	timeouts timeouts

	mu sync.Mutex
	// failed counts, per UID, the fetches after which the server gave nothing
	// or the connection was gone.
	failed map[failure]int
	// audits says when a mailbox is compared with the server's list next.
	audits map[string]time.Time
}

type failure struct {
	box folder
	uid uint32
}

type timeouts struct {
	dial    time.Duration // connect, TLS, greeting
	command time.Duration // any answer but those below
	stall   time.Duration // between two pieces of a long answer or request
	accept  time.Duration // the answer to the final dot
}

// server is one end that the account talks to.
type server struct {
	endpoint
	tlsConfig *tls.Config // nil for tls: none
	oauth     *kit.OAuth  // nil for a password
	hint      string      // what is peculiar about its passwords
}

// New opens an account without talking to any server.
func New(c *Config, d connectors.Deps) (*Email, error) {
	e := &Email{
		cfg: *c, deps: d,
		own:    newOwnAddresses(c),
		failed: map[failure]int{}, audits: map[string]time.Time{}, auditAfter: 10 * time.Minute,
		profile: c.profile(),
		timeouts: timeouts{
			dial: 30 * time.Second, command: time.Minute, stall: 2 * time.Minute,
			// RFC 5321 section 4.5.3.2.6 gives the server ten minutes.
			accept: 10 * time.Minute,
		},
	}
	e.mint = minter{mac: kit.NewMAC(d.Key, "email/message-id"), domain: domainOf(c.Address), own: e.own.domains()}
	e.authserv, e.keys = newAuthservers(c.TrustedAuthserv, c.IMAP.Host), newKeyring()
	sources := map[OAuth2]*kit.OAuth{}
	var err1, err2, err3 error
	e.imap, err1 = newServer(c.IMAP.endpoint(c), d, sources)
	e.smtp, err2 = newServer(c.SMTP.endpoint(c), d, sources)
	e.signer, err3 = newSigner(c.DKIM)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	e.imap.hint, e.smtp.hint = e.profile.hint(c.IMAP.OAuth2), e.profile.hint(c.SMTP.OAuth2)
	return e, nil
}

// newServer reads the CA file. Both ends share one source of tokens where they
// are configured alike, so that a rotated refresh token is used by both.
func newServer(p endpoint, d connectors.Deps, sources map[OAuth2]*kit.OAuth) (server, error) {
	s := server{endpoint: p}
	if p.tls != tlsNone {
		s.tlsConfig = &tls.Config{
			ServerName: p.host, MinVersion: tls.VersionTLS12,
			InsecureSkipVerify: p.skipVerify, //nolint:gosec // the administrator asked for it in so many words
		}
		if p.caFile != "" {
			pem, err := os.ReadFile(p.caFile)
			if err != nil {
				return s, fmt.Errorf("ca_file: %w", err)
			}
			s.tlsConfig.RootCAs = x509.NewCertPool()
			if !s.tlsConfig.RootCAs.AppendCertsFromPEM(pem) {
				return s, fmt.Errorf("ca_file %s holds no certificate in PEM", p.caFile)
			}
		}
	}
	if o := p.oauth2; o != nil {
		if sources[*o] == nil {
			sources[*o] = kit.NewOAuth(kit.OAuthConfig{
				TokenURL: o.TokenURL, ClientID: o.ClientID, ClientSecret: o.ClientSecret.Reveal(),
				RefreshToken: o.RefreshToken.Reveal(), Scope: o.Scope, DeviceURL: o.DeviceURL, AuthURL: o.AuthURL,
			}, d)
		}
		s.oauth = sources[*o]
	}
	return s, nil
}

// Probe logs in at both servers and opens the mailbox.
func (e *Email) Probe(ctx context.Context) (normalize.Address, error) {
	own := normalize.Email(e.cfg.Address, e.cfg.FromName)
	in, err := e.dialIMAP(ctx)
	if err != nil {
		return own, fmt.Errorf("imap: %w", err)
	}
	defer in.close()
	for _, mailbox := range e.cfg.IMAP.mailboxes() {
		if _, err := in.examine(ctx, mailbox); err != nil {
			return own, fmt.Errorf("imap: %w", err)
		}
	}
	out, err := e.dialSMTP(ctx)
	if err != nil {
		return own, fmt.Errorf("smtp: %w", err)
	}
	out.quit(ctx)
	return own, nil
}

// Close has nothing to end: every connection belongs to the context of the
// call that opened it.
func (e *Email) Close(context.Context) error { return nil }

// Largest mail that is sent, encoded attachments included: what most servers
// take (Gmail and Exchange Online stand at 25 MB and above).
const maxOutgoing = 25 << 20

// Limits are the same for every thread. Attachments grow by a third when they
// are encoded, so the largest one is three quarters of the largest mail.
func (e *Email) Limits(context.Context, normalize.Thread) (channel.Limits, error) {
	medium := channel.MediaLimit{Bytes: maxOutgoing / 4 * 3}
	l := channel.Limits{
		Bundle: true,
		HTML:   true,
		Kinds: map[normalize.PartKind]channel.MediaLimit{
			normalize.PartText: {}, normalize.PartImage: medium, normalize.PartAudio: medium,
			normalize.PartVideo: medium, normalize.PartFile: medium,
		},
		TotalBytes: maxOutgoing / 4 * 3,
		// A server that wants less says 421 or 452, which slows the account.
		Rate: 20, Burst: 20, Parallel: 4,
		Daily:           perDay(e.cfg.SMTP.DailyMessages, e.profile.dailyMessages),
		DailyRecipients: perDay(e.cfg.SMTP.DailyRecipients, e.profile.dailyRecipients),
	}
	if p := e.profile; p.rate > 0 {
		// So many in any minute, those of a burst included.
		l.Rate, l.Burst, l.Parallel = float64(p.rate-p.burst)/60, p.burst, 1
	}
	return l, nil
}

// perDay is the configured number, else the provider's; 0 is any number.
func perDay(configured, provider int) int {
	if configured == 0 {
		return provider
	}
	return max(0, configured)
}

// ownAddresses are the address of the account and its aliases.
type ownAddresses map[string]bool

func newOwnAddresses(c *Config) ownAddresses {
	own := ownAddresses{strings.ToLower(c.Address): true}
	for _, a := range c.Aliases {
		own[strings.ToLower(a)] = true
	}
	return own
}

func (o ownAddresses) has(a normalize.Address) bool {
	base, _ := untag(a.Value)
	return o[base]
}

func (o ownAddresses) domains() map[string]bool {
	d := map[string]bool{}
	for a := range o {
		d[domainOf(a)] = true
	}
	return d
}

func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}
