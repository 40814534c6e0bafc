package freshdesk

import (
	"net/url"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/configs"
)

// Config is one Freshdesk account.
type Config struct {
	URL           string         `yaml:"url" required:"true" doc:"Address of the account." example:"https://example.freshdesk.com"`
	APIKey        configs.Secret `yaml:"api_key" required:"true" doc:"API key of an agent of Deskbridge's own, from its profile settings." example:"${FRESHDESK_API_KEY}"`
	WebhookSecret configs.Secret `yaml:"webhook_secret" doc:"What the automation rule's webhook shows, in the header X-Deskbridge-Secret or as the password of basic authentication: 16 characters or more. Without one Freshdesk's calls are refused, and answers are found every poll_interval." example:"${FRESHDESK_WEBHOOK_SECRET}"`
	PollInterval  time.Duration  `yaml:"poll_interval" default:"1m" doc:"How often Freshdesk is asked for changes, beside its calls. Each question counts against the account's limit of requests."`
}

func newConfig() *Config { return &Config{PollInterval: time.Minute} }

// minSecret makes a secret that nothing signs hard to guess.
const minSecret = 16

// Validate checks what the types of the settings cannot say.
func (c *Config) Validate() (errs []error) {
	bad := func(key, format string, args ...any) { errs = append(errs, configs.Key(key, format, args...)) }
	if u, err := url.Parse(c.URL); c.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		bad("url", "must be an address such as https://example.freshdesk.com")
	}
	if strings.ContainsAny(c.APIKey.Reveal(), ": \t\r\n") {
		bad("api_key", "a key has neither blanks nor colons")
	}
	if s := c.WebhookSecret.Reveal(); s != "" && len(s) < minSecret {
		bad("webhook_secret", "%d characters or more are needed, since it is shown and signs nothing", minSecret)
	}
	if c.PollInterval < time.Second {
		bad("poll_interval", "must be 1s or longer")
	}
	return errs
}

func (c *Config) base() string { return strings.TrimRight(c.URL, "/") }
