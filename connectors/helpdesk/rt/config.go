package rt

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/configs"
)

// Config is one Request Tracker.
type Config struct {
	URL           string         `yaml:"url" required:"true" doc:"Where agents open Request Tracker (version 5) in the browser, with its path if it has one." example:"https://rt.example.com"`
	Token         configs.Secret `yaml:"token" doc:"An auth token of the user that Deskbridge acts as (Logged in as, Settings, Auth Tokens). The user is Deskbridge's alone." example:"${RT_TOKEN}"`
	Username      string         `yaml:"username" doc:"Instead of token: the name of that user." example:"deskbridge"`
	Password      configs.Secret `yaml:"password" doc:"Instead of token: the password of that user."`
	Queue         string         `yaml:"queue" required:"true" doc:"The queue that gets a ticket for each conversation." example:"Support"`
	PollInterval  time.Duration  `yaml:"poll_interval" default:"15s" doc:"How often to look for what agents did."`
	WebhookSecret configs.Secret `yaml:"webhook_secret" doc:"Shared with the scrip that tells Deskbridge of changes at once, 16 characters or more; without it they are noticed by poll_interval alone."`
}

// Validate checks what the types of the settings cannot say.
func (c *Config) Validate() []error {
	var errs []error
	if c.URL != "" {
		if _, err := baseURL(c.URL); err != nil {
			errs = append(errs, configs.Key("url", "%v", err))
		}
	}
	switch byPassword := c.Username != "" || c.Password != ""; {
	case c.Token != "" && byPassword:
		errs = append(errs, configs.Key("token", "set either token or username and password, not both"))
	case c.Token == "" && !byPassword:
		errs = append(errs, configs.Key("token", "set token, or username and password"))
	case byPassword && c.Username == "":
		errs = append(errs, configs.Key("username", "must be set where password is"))
	case byPassword && c.Password == "":
		errs = append(errs, configs.Key("password", "must be set where username is"))
	}
	if c.PollInterval < time.Second {
		errs = append(errs, configs.Key("poll_interval", "must be 1s or more"))
	}
	if c.WebhookSecret != "" && len(c.WebhookSecret.Reveal()) < 16 {
		errs = append(errs, configs.Key("webhook_secret", "must have 16 characters or more"))
	}
	return errs
}

// baseURL returns the address without a slash at its end.
func baseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.User != nil {
		return "", errors.New("must be a complete http:// or https:// address, without a login in it")
	}
	return strings.TrimRight(u.String(), "/"), nil
}
