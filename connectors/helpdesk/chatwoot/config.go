package chatwoot

import (
	"net/url"
	"time"

	"github.com/deskbridge/deskbridge/configs"
)

// Config is one inbox of an account of Chatwoot.
type Config struct {
	URL            string         `yaml:"url" required:"true" example:"https://app.chatwoot.com" doc:"Address of Chatwoot."`
	AccountID      int64          `yaml:"account_id" required:"true" example:"1" doc:"The number after /accounts/ in the addresses of Chatwoot's pages."`
	InboxID        int64          `yaml:"inbox_id" required:"true" example:"5" doc:"The number after /inboxes/ in the address of the settings of an inbox of the type API, made for Deskbridge alone."`
	APIAccessToken configs.Secret `yaml:"api_access_token" required:"true" example:"${CHATWOOT_TOKEN}" doc:"Access token of an administrator who exists for Deskbridge alone: Profile settings, Access token."`
	WebhookSecret  configs.Secret `yaml:"webhook_secret" example:"${CHATWOOT_WEBHOOK_SECRET}" doc:"Secret of the webhook that calls /webhooks/NAME, as Chatwoot shows it. Without it Chatwoot is only asked."`
	PollInterval   time.Duration  `yaml:"poll_interval" default:"1m" doc:"How often Chatwoot is asked for what its webhook did not tell: it calls once and does not try again."`
}

func newConfig() *Config { return &Config{PollInterval: time.Minute} }

// Validate reports what cannot work, whatever Chatwoot says.
func (c *Config) Validate() (errs []error) {
	bad := func(key, format string, args ...any) { errs = append(errs, configs.Key(key, format, args...)) }
	if u, err := url.Parse(c.URL); c.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.User != nil) {
		bad("url", "must be an address such as https://app.chatwoot.com")
	}
	if c.AccountID < 0 {
		bad("account_id", "must be a number such as 1")
	}
	if c.InboxID < 0 {
		bad("inbox_id", "must be a number such as 5")
	}
	if c.PollInterval < time.Second {
		bad("poll_interval", "must be a second or more")
	}
	return errs
}
