package email

import (
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/configs"
)

// Config is one mailbox: where its mail is read and by which server its
// answers leave.
type Config struct {
	Provider       string   `yaml:"provider" enum:"126,163,dovecot,exchange,fastmail,gmail,icloud,microsoft365,outlook,qq,yahoo,yeah" example:"gmail" doc:"Whose servers these are. It fills in hosts, ports, encryption and OAuth addresses, each of which a key of its own overrules; exchange and dovecot have no hosts of their own."`
	Address        string   `yaml:"address" required:"true" example:"support@example.com" doc:"The address that customers write to and that answers come from."`
	FromName       string   `yaml:"from_name" example:"Example Support" doc:"The name that customers see beside the address."`
	Aliases        []string `yaml:"aliases" example:"[help@example.com]" doc:"Further addresses of this mailbox; an answer never goes to them."`
	PlusAddressing bool     `yaml:"plus_addressing" default:"false" doc:"Answers ask for replies to address+token@ instead of the address, so that a reply finds its conversation even if the customer's program drops all references. Your mail server must deliver such addresses to this mailbox."`
	// Trust in what comes in and goes out; trust*.go and dkim*.go.
	TrustedAuthserv []string `yaml:"trusted_authserv" example:"[mx.example.com]" doc:"Names under which your own mail server writes Authentication-Results into every incoming mail; .example.com is all below. Without, those of the large operators are known, and no others are believed."`
	VerifyDKIM      string   `yaml:"verify_dkim" enum:"auto,off" default:"auto" doc:"auto verifies by DNS the signatures of new mail that your server has not judged; off leaves it unjudged."`
	DKIM            *DKIM    `yaml:"dkim" doc:"Signs what goes out. Leave it out where your mail server signs."`
	IMAP            IMAP     `yaml:"imap" required:"true" doc:"Where mail is read."`
	SMTP            SMTP     `yaml:"smtp" required:"true" doc:"Where answers are handed in."`
}

// IMAP is the incoming side.
type IMAP struct {
	Host     string         `yaml:"host" shown:"true" example:"imap.example.com" doc:"Name or address of the IMAP server; needed unless the provider has one."`
	Port     int            `yaml:"port" doc:"Port; by default 993 for tls implicit and 143 otherwise."`
	TLS      string         `yaml:"tls" enum:"implicit,starttls,none" default:"implicit" doc:"How the connection is encrypted."`
	Username string         `yaml:"username" doc:"Login name; by default the address."`
	Password configs.Secret `yaml:"password" example:"${IMAP_PASSWORD}" doc:"Password; not used with oauth2."`
	OAuth2   *OAuth2        `yaml:"oauth2" doc:"Login with access tokens instead of a password."`

	Mailbox      string        `yaml:"mailbox" default:"INBOX" doc:"The mailbox to read. It is opened read-only and nothing in it is changed."`
	Mailboxes    []string      `yaml:"mailboxes" example:"[INBOX, Support]" doc:"Several mailboxes to read, instead of mailbox; each needs a connection."`
	Idle         bool          `yaml:"idle" default:"true" doc:"Let the server announce new mail at once, where it can."`
	PollInterval time.Duration `yaml:"poll_interval" default:"1m" doc:"How often the server is asked, with and without idle."`
	Reconcile    time.Duration `yaml:"reconcile" default:"24h" doc:"How often the server's list of mails is compared with what was taken in; 0s for never."`

	CAFile             string `yaml:"ca_file" example:"/etc/ssl/mail-ca.pem" doc:"Certificates in PEM to trust instead of the system's."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" default:"false" doc:"Accept any certificate. Anybody on the way can then read and change the mail."`
}

// SMTP is the outgoing side.
type SMTP struct {
	Host     string         `yaml:"host" shown:"true" example:"smtp.example.com" doc:"Name or address of the SMTP server; needed unless the provider has one."`
	Port     int            `yaml:"port" doc:"Port; by default 465 for tls implicit and 587 otherwise."`
	TLS      string         `yaml:"tls" enum:"implicit,starttls,none" default:"implicit" doc:"How the connection is encrypted."`
	Username string         `yaml:"username" doc:"Login name; by default the address. Without password and oauth2 there is no login."`
	Password configs.Secret `yaml:"password" example:"${SMTP_PASSWORD}" doc:"Password; not used with oauth2."`
	OAuth2   *OAuth2        `yaml:"oauth2" doc:"Login with access tokens instead of a password."`

	CAFile             string `yaml:"ca_file" doc:"Certificates in PEM to trust instead of the system's."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" default:"false" doc:"Accept any certificate. Anybody on the way can then read and change the mail."`
	DailyMessages      int    `yaml:"daily_messages" example:"2000" doc:"How many messages may leave within any 24 hours; what is above waits. By default what the provider lets a free account send, where that is known; -1 for any number."`
	DailyRecipients    int    `yaml:"daily_recipients" example:"10000" doc:"How many recipients these may have together, likewise."`
	SaveTo             string `yaml:"save_to" default:"Sent" doc:"The mailbox that gets a copy of each answer; empty where the server keeps one itself."`
}

// OAuth2 is how access tokens are had.
type OAuth2 struct {
	TokenURL     string         `yaml:"token_url" shown:"true" example:"https://login.microsoftonline.com/common/oauth2/v2.0/token" doc:"Address of the token endpoint; needed unless the provider has one."`
	DeviceURL    string         `yaml:"device_authorization_url" example:"https://login.microsoftonline.com/common/oauth2/v2.0/devicecode" doc:"Address of the device authorization endpoint (RFC 8628), for deskbridge login."`
	AuthURL      string         `yaml:"authorization_url" example:"https://accounts.google.com/o/oauth2/v2/auth" doc:"Address of the authorization endpoint, for deskbridge login where there is no device authorization: the browser then comes back to a port of 127.0.0.1."`
	ClientID     string         `yaml:"client_id" required:"true" doc:"Id of the registered application."`
	ClientSecret configs.Secret `yaml:"client_secret" doc:"Secret of the registered application, where it has one."`
	RefreshToken configs.Secret `yaml:"refresh_token" doc:"The refresh token that consent gave; left out where deskbridge login gets it. Rotated ones are kept in the store."`
	Scope        string         `yaml:"scope" doc:"Scopes to ask for, separated by spaces; those for mail where the provider is known."`
}

func newConfig() *Config {
	return &Config{
		VerifyDKIM: dkimAuto,
		IMAP:       IMAP{TLS: tlsImplicit, Mailbox: "INBOX", Idle: true, PollInterval: time.Minute, Reconcile: 24 * time.Hour},
		SMTP:       SMTP{TLS: tlsImplicit, SaveTo: "Sent"},
	}
}

const (
	tlsImplicit = "implicit"
	tlsStart    = "starttls"
	tlsNone     = "none"
)

// Validate reports what cannot work, whatever the servers say.
func (c *Config) Validate() []error {
	var errs []error
	bad := func(key, format string, args ...any) { errs = append(errs, configs.Key(key, format, args...)) }
	if !plainAddress(c.Address) {
		bad("address", "%q is not an e-mail address such as support@example.com", c.Address)
	}
	for _, a := range c.Aliases {
		if !plainAddress(a) {
			bad("aliases", "%q is not an e-mail address", a)
		}
	}
	if strings.ContainsAny(c.FromName, "\r\n\x00") {
		bad("from_name", "must be one line")
	}
	c.validateTrust(bad)
	if c.IMAP.Password == "" && c.IMAP.OAuth2 == nil {
		bad("imap.password", "a password or the section imap.oauth2 is needed")
	}
	if c.IMAP.Password != "" && c.IMAP.OAuth2 != nil {
		bad("imap.password", "password and oauth2 exclude each other")
	}
	if c.SMTP.Password != "" && c.SMTP.OAuth2 != nil {
		bad("smtp.password", "password and oauth2 exclude each other")
	}
	for key, n := range map[string]int{"smtp.daily_messages": c.SMTP.DailyMessages, "smtp.daily_recipients": c.SMTP.DailyRecipients} {
		if n < -1 {
			bad(key, "must be a number of 1 and more, or -1 for any number")
		}
	}
	if c.IMAP.PollInterval < time.Second {
		bad("imap.poll_interval", "must be 1s or longer")
	}
	if r := c.IMAP.Reconcile; r != 0 && r < time.Minute {
		bad("imap.reconcile", "must be 1m or longer, or 0s for never")
	}
	errs = append(errs, c.checkMailboxes()...)
	errs = append(errs, c.checkProvider()...)
	for key, e := range map[string]endpoint{"imap": c.IMAP.endpoint(c), "smtp": c.SMTP.endpoint(c)} {
		if e.host == "" {
			bad(key+".host", "is missing")
		}
		if e.port < 1 || e.port > 65535 {
			bad(key+".port", "must be between 1 and 65535")
		}
		if e.tls == tlsNone && e.caFile != "" {
			bad(key+".ca_file", "has no use with tls: none")
		}
	}
	return errs
}

// plainAddress reports whether s is a mailbox and nothing else.
func plainAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Name == "" && a.Address == s
}

// endpoint is what both sides have in common.
type endpoint struct {
	host       string
	port       int
	tls        string
	caFile     string
	skipVerify bool
	username   string
	password   configs.Secret
	oauth2     *OAuth2
}

func (i *IMAP) endpoint(c *Config) endpoint {
	return endpoint{i.Host, portOr(i.Port, i.TLS, 993, 143), i.TLS, i.CAFile, i.InsecureSkipVerify, either(i.Username, c.Address), i.Password, i.OAuth2}
}

func (s *SMTP) endpoint(c *Config) endpoint {
	return endpoint{s.Host, portOr(s.Port, s.TLS, 465, 587), s.TLS, s.CAFile, s.InsecureSkipVerify, either(s.Username, c.Address), s.Password, s.OAuth2}
}

func (e endpoint) addr() string { return net.JoinHostPort(e.host, strconv.Itoa(e.port)) }

func portOr(port int, tls string, implicit, other int) int {
	switch {
	case port != 0:
		return port
	case tls == tlsImplicit:
		return implicit
	}
	return other
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
