package email

import (
	"strings"

	"github.com/deskbridge/deskbridge/configs"
)

// profile is what is known of a provider's servers.
type profile struct {
	imap, smtp  place
	saves       bool // puts what it sends into its mailbox for sent mail itself
	needsOAuth  bool // takes no passwords
	oauth       oauthPlace
	identifies  bool // opens no mailbox before the ID command (RFC 2971)
	rate, burst int  // messages per minute, and at once; 0 is our default
	// What a free account may send within 24 hours; 0 is not known.
	dailyMessages, dailyRecipients int
	// passwords is what to know where a good password is refused.
	passwords string
}

func (p profile) hint(o *OAuth2) string {
	if o != nil || p.passwords == "" {
		return ""
	}
	return " (" + p.passwords + ")"
}

// place is one server. Without a port the usual one for its encryption.
type place struct {
	host string
	port int
	tls  string
}

// oauthPlace is an authorization server, and what to ask it for. With a device
// endpoint `deskbridge login` shows a code, else with an authorization endpoint
// the browser comes back to it.
type oauthPlace struct{ token, device, auth, scope string }

// Microsoft's endpoints for one tenant, or for all of a kind.
func microsoft(tenant string) oauthPlace {
	base := "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0"
	return oauthPlace{
		base + microsoftToken, base + microsoftDevice, "",
		"https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access",
	}
}

const (
	microsoftToken  = "/token"
	microsoftDevice = "/devicecode"
)

const appPassword = "the password for the web is not taken; make an app password in the account's security settings"

// profiles are what the providers' own help pages say, by the name in the
// configuration. What may be sent in a day depends on the contract: Gmail gives
// 500 messages to private and 2,000 to Workspace accounts, Exchange Online
// 10,000 recipients to each mailbox and 30 messages a minute, Yahoo 500 and
// Apple 1,000 messages, and Outlook.com 5,000 recipients to subscribers, fewer to
// others and at first
// (https://support.microsoft.com/office/279ee200-594c-40f0-9ec8-bb6af7735c2e). For
// QQ, NetEase and Fastmail no page with a number was found; what goes beyond
// theirs they refuse (421, 452, 550 5.4.5), which slows the account.
var profiles = map[string]profile{
	"gmail": {
		imap: place{"imap.gmail.com", 993, tlsImplicit}, smtp: place{"smtp.gmail.com", 465, tlsImplicit},
		saves: true, passwords: appPassword, dailyMessages: 500,
		// Google grants mail to no device code: its page for that flow lists
		// the scopes, and https://mail.google.com/ is not among them. With the
		// consent asked for again it issues a refresh token each time.
		oauth: oauthPlace{
			"https://oauth2.googleapis.com/token", "", "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent",
			"https://mail.google.com/",
		},
	},
	"microsoft365": {
		imap: place{"outlook.office365.com", 993, tlsImplicit}, smtp: place{"smtp.office365.com", 587, tlsStart},
		saves: true, needsOAuth: true, oauth: microsoft("organizations"), rate: 30, burst: 5, dailyRecipients: 10_000,
	},
	"outlook": { // Outlook.com, Hotmail, Live
		imap: place{"outlook.office365.com", 993, tlsImplicit}, smtp: place{"smtp-mail.outlook.com", 587, tlsStart},
		saves: true, needsOAuth: true, oauth: microsoft("consumers"), rate: 30, burst: 5, dailyRecipients: 5000,
	},
	"yahoo": {
		imap: place{"imap.mail.yahoo.com", 993, tlsImplicit}, smtp: place{"smtp.mail.yahoo.com", 465, tlsImplicit},
		saves: true, passwords: appPassword, dailyMessages: 500,
		oauth: oauthPlace{"https://api.login.yahoo.com/oauth2/get_token", "", "", "mail-w"},
	},
	"icloud": {
		imap: place{"imap.mail.me.com", 993, tlsImplicit}, smtp: place{"smtp.mail.me.com", 587, tlsStart},
		passwords: appPassword, dailyMessages: 1000, dailyRecipients: 1000,
	},
	"qq": {
		imap: place{"imap.qq.com", 993, tlsImplicit}, smtp: place{"smtp.qq.com", 465, tlsImplicit},
		passwords: "the password is the authorisation code (授权码) of the mailbox's settings",
	},
	"163": netease("163.com"), "126": netease("126.com"), "yeah": netease("yeah.net"),
	"fastmail": {
		imap: place{"imap.fastmail.com", 993, tlsImplicit}, smtp: place{"smtp.fastmail.com", 465, tlsImplicit},
		passwords: appPassword,
	},
	"exchange": {imap: place{tls: tlsImplicit}, smtp: place{port: 587, tls: tlsStart}},
	"dovecot":  {imap: place{tls: tlsImplicit}, smtp: place{port: 587, tls: tlsStart}},
}

// netease is 163.com and its sisters, which answer "Unsafe Login" to whoever
// opens a mailbox without having said which program he is.
func netease(domain string) profile {
	return profile{
		imap: place{"imap." + domain, 993, tlsImplicit}, smtp: place{"smtp." + domain, 465, tlsImplicit},
		identifies: true, passwords: "the password is the authorisation code (授权码) of the mailbox's settings",
	}
}

// profile returns what is known of the account's servers: that of the provider
// it names, else that of the host it reads.
func (c *Config) profile() profile {
	if p, ok := profiles[c.Provider]; ok {
		return p
	}
	for _, name := range []string{"163", "126", "yeah", "gmail", "microsoft365"} {
		if p := profiles[name]; strings.EqualFold(p.imap.host, c.IMAP.Host) {
			return p
		}
	}
	return profile{}
}

// Complete fills in what the provider says and the file does not. Port and
// encryption are those of the provider's host: for another host they hold only
// where the profile names none.
func (c *Config) Complete(set func(key string) bool) {
	if set("imap.mailboxes") && !set("imap.mailbox") {
		c.IMAP.Mailbox = ""
	}
	p, ok := profiles[c.Provider]
	if !ok {
		return
	}
	p.imap.fill("imap", &c.IMAP.Host, &c.IMAP.Port, &c.IMAP.TLS, set)
	p.smtp.fill("smtp", &c.SMTP.Host, &c.SMTP.Port, &c.SMTP.TLS, set)
	if p.saves && !set("smtp.save_to") {
		c.SMTP.SaveTo = ""
	}
	p.oauth.fill(c.IMAP.OAuth2)
	p.oauth.fill(c.SMTP.OAuth2)
}

func (p place) fill(section string, host *string, port *int, tls *string, set func(string) bool) {
	if p.host != "" && set(section+".host") && *host != p.host {
		return
	}
	if *host == "" {
		*host = p.host
	}
	if !set(section + ".tls") {
		*tls = p.tls
	}
	if *port == 0 && *tls == p.tls {
		*port = p.port
	}
}

func (p oauthPlace) fill(o *OAuth2) {
	if o == nil {
		return
	}
	if o.DeviceURL == "" {
		o.DeviceURL = p.device
		// The endpoints of one tenant lie beside each other.
		if base, ok := strings.CutSuffix(o.TokenURL, microsoftToken); ok && p.device != "" {
			o.DeviceURL = base + microsoftDevice
		}
	}
	o.AuthURL = either(o.AuthURL, p.auth)
	o.TokenURL, o.Scope = either(o.TokenURL, p.token), either(o.Scope, p.scope)
}

func (c *Config) checkProvider() (errs []error) {
	p := profiles[c.Provider]
	for key, s := range map[string]struct {
		host, theirs string
		password     configs.Secret
		oauth        *OAuth2
	}{
		"imap": {c.IMAP.Host, p.imap.host, c.IMAP.Password, c.IMAP.OAuth2},
		"smtp": {c.SMTP.Host, p.smtp.host, c.SMTP.Password, c.SMTP.OAuth2},
	} {
		if p.needsOAuth && s.host == s.theirs && s.password != "" {
			errs = append(errs, configs.Key(key+".password", "%s takes no passwords any more; use %s.oauth2", c.Provider, key))
		}
		if s.oauth != nil && s.oauth.TokenURL == "" {
			errs = append(errs, configs.Key(key+".oauth2.token_url", "is missing"))
		}
	}
	return errs
}
