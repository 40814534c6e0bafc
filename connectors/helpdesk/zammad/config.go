package zammad

import (
	"net/url"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/configs"
)

// Config is one Zammad.
type Config struct {
	URL           string         `yaml:"url" required:"true" doc:"Address of Zammad, as agents open it." example:"https://zammad.example.com"`
	Token         configs.Secret `yaml:"token" required:"true" doc:"Access token, with the permission ticket.agent, of a user of Deskbridge's own who may read, create, change and overview in the group." example:"${ZAMMAD_TOKEN}"`
	Group         string         `yaml:"group" default:"Users" doc:"Group in which tickets are made." example:"Support"`
	WebhookSecret configs.Secret `yaml:"webhook_secret" doc:"The webhook's HMAC SHA1 signature token. Without one Zammad's calls are refused, and answers are found every poll_interval." example:"${ZAMMAD_WEBHOOK_SECRET}"`
	PollInterval  time.Duration  `yaml:"poll_interval" default:"1m" doc:"How often Zammad is asked for changes, beside its calls."`
}

func newConfig() *Config { return &Config{Group: "Users", PollInterval: time.Minute} }

// Validate checks what the types of the settings cannot say.
func (c *Config) Validate() (errs []error) {
	bad := func(key, format string, args ...any) { errs = append(errs, configs.Key(key, format, args...)) }
	if u, err := url.Parse(c.URL); c.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		bad("url", "must be an address such as https://zammad.example.com")
	}
	if strings.ContainsAny(c.Token.Reveal(), " \t\r\n") {
		bad("token", "a token has no blanks")
	}
	if c.PollInterval < time.Second {
		bad("poll_interval", "must be 1s or longer")
	}
	return errs
}

func (c *Config) base() string { return strings.TrimRight(c.URL, "/") }
