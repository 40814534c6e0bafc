package inbox_test

import (
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/helpdesk/inbox"
)

func TestALoginThatCannotWorkIsSaidSo(t *testing.T) {
	good := func() *inbox.OIDC {
		return &inbox.OIDC{Issuer: "https://login.example.com", ClientID: "x", AllowedDomains: []string{"example.com"}}
	}
	person := inbox.User{Name: "Li Na", Email: "li@example.com"}
	for what, c := range map[string]struct {
		config inbox.Config
		want   string
	}{
		"a domain":            {inbox.Config{OIDC: good()}, ""},
		"a list":              {inbox.Config{OIDC: &inbox.OIDC{Issuer: "https://login.example.com", ClientID: "x"}, Users: []inbox.User{person}}, ""},
		"on this machine":     {inbox.Config{OIDC: &inbox.OIDC{Issuer: "http://127.0.0.1:8081/x", ClientID: "x", Admins: []string{"li@example.com"}}}, ""},
		"nobody":              {inbox.Config{OIDC: &inbox.OIDC{Issuer: "https://login.example.com", ClientID: "x"}}, "nobody could log in"},
		"no encryption":       {inbox.Config{OIDC: &inbox.OIDC{Issuer: "http://login.example.com", ClientID: "x", AllowedDomains: []string{"example.com"}}}, "https://"},
		"no address":          {inbox.Config{OIDC: &inbox.OIDC{Issuer: "login", ClientID: "x", AllowedDomains: []string{"example.com"}}}, "not the address"},
		"everybody":           {inbox.Config{OIDC: &inbox.OIDC{Issuer: "https://login.example.com", ClientID: "x", AllowedDomains: []string{"*"}}}, "no domain"},
		"an address":          {inbox.Config{OIDC: &inbox.OIDC{Issuer: "https://login.example.com", ClientID: "x", AllowedDomains: []string{"@example.com"}}}, "no domain"},
		"no password, either": {inbox.Config{Users: []inbox.User{person}}, "needs a password_hash"},
		"nothing":             {inbox.Config{}, "at least one user"},
	} {
		var all []string
		for _, err := range c.config.Validate() {
			all = append(all, err.Error())
		}
		text := strings.Join(all, "\n")
		if c.want == "" && text != "" || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, without %q", what, text, c.want)
		}
	}
}
