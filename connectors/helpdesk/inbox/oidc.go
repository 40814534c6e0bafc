package inbox

import (
	"net"
	"net/url"
	"strings"

	"github.com/deskbridge/deskbridge/configs"
)

// OIDC is a login with the company's own accounts (OpenID Connect Core 1.0:
// authorization code with PKCE).
type OIDC struct {
	Issuer         string         `yaml:"issuer" required:"true" doc:"The provider, exactly as it names itself; /.well-known/openid-configuration below it tells the rest. Register there, as the address to return to: server.public_url followed by /inbox/oidc/callback." example:"https://login.example.com/realms/staff"`
	ClientID       string         `yaml:"client_id" required:"true" doc:"How the provider knows the inbox." example:"deskbridge"`
	ClientSecret   configs.Secret `yaml:"client_secret" shown:"true" doc:"What the provider gave for it; empty for a public client." example:"${OIDC_SECRET}"`
	Name           string         `yaml:"name" default:"company account" doc:"What the button at the login says: Log in with ..." example:"Example Ltd."`
	AllowedDomains []string       `yaml:"allowed_domains" shown:"true" doc:"Whoever has a verified e-mail address in one of these gets in, besides those in users and admins." example:"[example.com]"`
	Admins         []string       `yaml:"admins" shown:"true" doc:"E-mail addresses of administrators." example:"[li@example.com]"`
	TrustEmail     bool           `yaml:"trust_email" default:"false" doc:"Take addresses as verified where the provider does not say whether they are, as Microsoft Entra: only where the company alone decides who has which address."`
}

// check tells what the types of the settings cannot say.
func (o *OIDC) check(users int) (errs []error) {
	u, err := url.Parse(o.Issuer)
	switch {
	case o.Issuer == "": // told by its tag
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		errs = append(errs, configs.Key("oidc.issuer", "%q is not the address of a provider", o.Issuer))
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		errs = append(errs, configs.Key("oidc.issuer", "it has to begin with https://, except on this machine"))
	}
	for _, d := range o.AllowedDomains {
		if d == "" || strings.ContainsAny(d, "@/* ") || !ascii(d) {
			errs = append(errs, configs.Key("oidc.allowed_domains", "%q is no domain, such as example.com", d))
		}
	}
	for _, a := range o.Admins {
		if !strings.Contains(a, "@") {
			errs = append(errs, configs.Key("oidc.admins", "%q is no e-mail address", a))
		}
	}
	if users+len(o.AllowedDomains)+len(o.Admins) == 0 {
		errs = append(errs, configs.Key("oidc.allowed_domains", "name a domain, or users or admins by their e-mail addresses: nobody could log in"))
	}
	return errs
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e || r < 0x20 })
}
