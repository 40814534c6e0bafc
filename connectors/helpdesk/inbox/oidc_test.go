package inbox_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
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

func TestTheProviderIsProbed(t *testing.T) {
	var issuer string
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/staff/.well-known/openid-configuration" {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprintf(w, `{"issuer": %q, "authorization_endpoint": "x", "token_endpoint": "x", "jwks_uri": "x"}`, issuer)
	}))
	defer provider.Close()
	issuer = provider.URL + "/staff"
	kind, ok := helpdesk.Kinds.Get("inbox")
	if !ok {
		t.Fatal("there is no inbox")
	}
	for _, c := range []struct {
		oidc *inbox.OIDC
		want string
	}{
		{nil, ""},
		{&inbox.OIDC{Issuer: issuer}, ""},
		{&inbox.OIDC{Issuer: provider.URL + "/other"}, "transient: oidc"},
		{&inbox.OIDC{Issuer: issuer + "/"}, "rejected: issuer"},
	} {
		d, err := kind.New(&inbox.Config{OIDC: c.oidc}, connectors.Deps{HTTP: provider.Client()})
		if err != nil {
			t.Fatal(err)
		}
		if err = d.Probe(t.Context()); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.oidc, err, c.want)
		}
	}
}
