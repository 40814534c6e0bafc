package email

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestEachLoginIsTakenByRealServers: by whichever mechanism alone the servers
// offer, with the right word and with a wrong one.
func TestEachLoginIsTakenByRealServers(t *testing.T) {
	for _, mechanism := range []string{"plain", "login", "xoauth2", "oauthbearer"} {
		t.Run(mechanism, func(t *testing.T) {
			byToken := strings.Contains(mechanism, "oauth")
			options := []func(*testenv.IMAP){testenv.Mechanisms(mechanism)}
			noLeaks(t)
			var asked, refreshes atomic.Int32
			authority := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer := map[string]any{"access_token": "good", "expires_in": 3600}
				switch {
				case r.URL.Path == "/introspect":
					asked.Add(1)
					answer = map[string]any{"active": r.PostFormValue("token") == "good", "username": desk}
				case r.PostFormValue("refresh_token") == "wrong":
					refreshes.Add(1)
					answer["access_token"] = "bad"
				}
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(answer)
			}))
			t.Cleanup(authority.Close)
			if byToken {
				options = append(options, testenv.Introspection(authority.URL+"/introspect"))
			}
			imap := testenv.Dovecot(t, options...)
			mta := testenv.Postfix(t, imap)
			imap.AddUsers(secret, desk, anna)
			account := func(good bool) *Config {
				c := realConfig(imap, mta, tlsImplicit)
				word := map[bool]string{true: secret, false: "wrong"}[good]
				c.IMAP.Password, c.SMTP.Password = configs.Secret(word), configs.Secret(word)
				if byToken {
					c.IMAP.Password, c.SMTP.Password = "", ""
					o := OAuth2{TokenURL: authority.URL + "/token", ClientID: "app", RefreshToken: configs.Secret(word)}
					own := o
					c.IMAP.OAuth2, c.SMTP.OAuth2 = &o, &own
				}
				return c
			}
			e := open(t, account(true))
			if _, err := e.Probe(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := e.Send(t.Context(), outbound(t, e, nil, textPart("Hello"))); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the mail arrives", func() bool { return imap.Count(anna, "INBOX") == 1 })

			e = open(t, account(false))
			for side, dial := range map[string]func() error{
				"imap": func() error { _, err := e.dialIMAP(t.Context()); return err },
				"smtp": func() error { _, err := e.dialSMTP(t.Context()); return err },
			} {
				if got := connectors.Classify(dial()); got.Class != connectors.AccountDown || strings.Contains(got.Error(), "bad") {
					t.Errorf("%s with a wrong word: %v", side, got)
				}
			}
			if byToken && (asked.Load() == 0 || refreshes.Load() < 2) {
				t.Errorf("the server asked %d times whose a token is; %d refreshes of a refused one", asked.Load(), refreshes.Load())
			}
		})
	}
}
