package email

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/normalize"
)

// load reads the settings of one account, as they stand below its type.
func load(t *testing.T, settings string) (*Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.yaml")
	text := "channels:\n  - name: a\n    type: email\n    address: a@b.test\n" + settings
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := configs.Load(file, configs.Types{Channels: map[string]func() configs.Settings{Type: func() configs.Settings { return newConfig() }}})
	if err != nil {
		return nil, err
	}
	return f.Channels[0].Settings.(*Config), nil
}

func TestProviderFillsInWhatTheFileDoesNotSay(t *testing.T) {
	for _, tc := range []struct {
		name, settings, imap, smtp, saveTo string
	}{
		{
			"gmail", "    provider: gmail\n    imap: {password: x}\n    smtp: {password: x}\n",
			"imap.gmail.com:993 implicit", "smtp.gmail.com:465 implicit", "",
		}, {
			"microsoft", "    provider: microsoft365\n    imap: {oauth2: {client_id: x}}\n    smtp: {oauth2: {client_id: x}}\n",
			"outlook.office365.com:993 implicit", "smtp.office365.com:587 starttls", "",
		}, {
			"a number as a name", "    provider: 163\n    imap: {password: x}\n    smtp: {password: x}\n",
			"imap.163.com:993 implicit", "smtp.163.com:465 implicit", "Sent",
		}, {
			"keys win", "    provider: gmail\n    imap: {password: x, port: 1993}\n    smtp: {password: x, tls: starttls, save_to: Copies}\n",
			"imap.gmail.com:1993 implicit", "smtp.gmail.com:587 starttls", "Copies",
		}, {
			"another host has its own port", "    provider: icloud\n    imap: {password: x, host: proxy.test}\n    smtp: {password: x, host: relay.test}\n",
			"proxy.test:993 implicit", "relay.test:465 implicit", "Sent",
		}, {
			"an empty key is a key", "    provider: qq\n    imap: {password: x}\n    smtp: {password: x, save_to: \"\"}\n",
			"imap.qq.com:993 implicit", "smtp.qq.com:465 implicit", "",
		}, {
			"on premises", "    provider: exchange\n    imap: {password: x, host: mail.test}\n    smtp: {password: x, host: mail.test}\n",
			"mail.test:993 implicit", "mail.test:587 starttls", "Sent",
		}, {
			"none", "    imap: {password: x, host: mail.test}\n    smtp: {password: x, host: mail.test, tls: none}\n",
			"mail.test:993 implicit", "mail.test:587 none", "Sent",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := load(t, tc.settings)
			if err != nil {
				t.Fatal(err)
			}
			for what, e := range map[string]endpoint{tc.imap: c.IMAP.endpoint(c), tc.smtp: c.SMTP.endpoint(c)} {
				if got := e.addr() + " " + e.tls; got != what {
					t.Errorf("%s, want %s", got, what)
				}
			}
			if c.SMTP.SaveTo != tc.saveTo {
				t.Errorf("copies go to %q, want %q", c.SMTP.SaveTo, tc.saveTo)
			}
		})
	}
}

func TestProviderKnowsWhereToLogIn(t *testing.T) {
	c, err := load(t, "    provider: microsoft365\n    imap: &m {oauth2: {client_id: x}}\n    smtp: *m\n")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(c.IMAP.OAuth2.TokenURL, "/organizations/oauth2/v2.0/token") || !strings.HasSuffix(c.IMAP.OAuth2.DeviceURL, "/organizations/oauth2/v2.0/devicecode") ||
		!strings.Contains(c.IMAP.OAuth2.Scope, "offline_access") || *c.SMTP.OAuth2 != *c.IMAP.OAuth2 {
		t.Errorf("%+v", *c.IMAP.OAuth2)
	}
	c, err = load(t, "    provider: microsoft365\n    imap: {oauth2: {client_id: x, scope: mine, token_url: https://login.microsoftonline.com/tenant/oauth2/v2.0/token}}\n    smtp: {}\n")
	if err != nil {
		t.Fatal(err)
	}
	if o := c.IMAP.OAuth2; o.DeviceURL != "https://login.microsoftonline.com/tenant/oauth2/v2.0/devicecode" || o.Scope != "mine" {
		t.Errorf("%+v", *o)
	}
}

func TestProviderProblems(t *testing.T) {
	for name, tc := range map[string]struct{ settings, want string }{
		"a slip":          {"    provider: gmial\n    imap: {password: x}\n    smtp: {}\n", `did you mean "gmail"?`},
		"no host":         {"    provider: dovecot\n    imap: {password: x}\n    smtp: {host: a}\n", "imap.host: is missing"},
		"no provider":     {"    imap: {password: x}\n    smtp: {host: a}\n", "imap.host: is missing"},
		"a password":      {"    provider: outlook\n    imap: {password: x}\n    smtp: {}\n", "takes no passwords"},
		"no token_url":    {"    provider: qq\n    imap: {oauth2: {client_id: x}}\n    smtp: {}\n", "imap.oauth2.token_url: is missing"},
		"both mailboxes":  {"    provider: qq\n    imap: {password: x, mailbox: INBOX, mailboxes: [A]}\n    smtp: {}\n", "exclude each other"},
		"a mailbox twice": {"    provider: qq\n    imap: {password: x, mailboxes: [INBOX, inbox]}\n    smtp: {}\n", "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := load(t, tc.settings); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// The names that the configuration takes are those of the profiles, and each
// profile that names a server names both.
func TestProfilesAreComplete(t *testing.T) {
	f, _ := reflect.TypeFor[Config]().FieldByName("Provider")
	if names := slices.Sorted(maps.Keys(profiles)); !slices.Equal(names, strings.Split(f.Tag.Get("enum"), ",")) {
		t.Errorf("profiles of %v, the configuration takes %v", names, f.Tag.Get("enum"))
	}
	for name, p := range profiles {
		if (p.imap.host == "") != (p.smtp.host == "") || p.imap.tls == "" || p.smtp.tls == "" {
			t.Errorf("%s: %+v", name, p)
		}
		if p.needsOAuth && p.oauth.device == "" {
			t.Errorf("%s takes no password and offers no login", name)
		}
	}
}

func TestExchangeOnlineTakesThirtyMailsAMinute(t *testing.T) {
	c := plainConfig(t, "127.0.0.1:1", "127.0.0.1:1")
	c.Provider, c.IMAP.Password, c.SMTP.Password = "microsoft365", secret, secret
	l, err := open(t, c).Limits(t.Context(), normalize.Thread{})
	if most := l.Rate*60 + float64(l.Burst); err != nil || most > 30 || most < 20 {
		t.Errorf("%v mails in the first minute, %v", most, err)
	}
}

// TestDailyLimits: the provider's number, unless the file has one.
func TestDailyLimits(t *testing.T) {
	for _, tc := range []struct {
		provider             string
		messages, recipients int
		want                 string
	}{
		{"gmail", 0, 0, "500 0"},
		{"gmail", 2000, 0, "2000 0"},
		{"microsoft365", 0, 0, "0 10000"},
		{"microsoft365", 0, -1, "0 0"},
		{"", 0, 0, "0 0"},
		{"", 100, 200, "100 200"},
	} {
		c := plainConfig(t, "127.0.0.1:1", "127.0.0.1:1")
		c.Provider, c.SMTP.DailyMessages, c.SMTP.DailyRecipients = tc.provider, tc.messages, tc.recipients
		l, err := open(t, c).Limits(t.Context(), normalize.Thread{})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(l.Daily, l.DailyRecipients); got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
	}
	c := plainConfig(t, "127.0.0.1:1", "127.0.0.1:1")
	c.SMTP.DailyMessages = -2
	if errs := c.Validate(); len(errs) != 1 {
		t.Errorf("-2 messages: %v", errs)
	}
}
