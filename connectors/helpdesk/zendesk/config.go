package zendesk

import (
	"net/url"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/configs"
)

// Config is one account of Zendesk Support.
type Config struct {
	URL           string         `yaml:"url" required:"true" example:"https://acme.zendesk.com" doc:"Address of the account."`
	Email         string         `yaml:"email" shown:"true" example:"deskbridge@acme.com" doc:"With api_token: the e-mail address of an agent who exists for Deskbridge alone."`
	APIToken      configs.Secret `yaml:"api_token" example:"${ZENDESK_TOKEN}" doc:"API token: Admin Center, Apps and integrations, Zendesk API."`
	OAuthToken    configs.Secret `yaml:"oauth_token" doc:"OAuth access token of that agent, with the scopes read and write; in place of email and api_token."`
	WebhookSecret configs.Secret `yaml:"webhook_secret" example:"${ZENDESK_WEBHOOK_SECRET}" doc:"Signing secret of the webhook that calls /webhooks/NAME. Without it Zendesk is only asked."`
	PollInterval  time.Duration  `yaml:"poll_interval" default:"1m" doc:"How often Zendesk is asked for what its webhook did not tell. It answers ten times a minute at most, and leaves out what happened within the last minute."`
}

func newConfig() *Config { return &Config{PollInterval: time.Minute} }

// Validate reports what cannot work, whatever Zendesk says.
func (c *Config) Validate() (errs []error) {
	bad := func(key, format string, args ...any) { errs = append(errs, configs.Key(key, format, args...)) }
	if u, err := url.Parse(c.URL); c.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil) {
		bad("url", "must be an address such as https://acme.zendesk.com")
	}
	switch {
	case c.OAuthToken == "" && c.APIToken == "":
		bad("api_token", "either api_token with email is needed, or oauth_token")
	case c.OAuthToken != "" && c.APIToken != "":
		bad("oauth_token", "is in place of api_token: set one of them")
	case c.APIToken != "" && !strings.Contains(c.Email, "@"):
		bad("email", "api_token needs the e-mail address of its agent")
	case strings.HasSuffix(c.Email, "/token"):
		bad("email", "is the address alone, without /token")
	}
	if c.PollInterval < 10*time.Second {
		bad("poll_interval", "must be ten seconds or more: Zendesk answers ten times a minute at most")
	}
	return errs
}
