package webhook

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/normalize"
)

// Config is one backend.
type Config struct {
	URL    string         `yaml:"url" required:"true" doc:"Where events are posted to." example:"https://backend.example.com/deskbridge"`
	Secret configs.Secret `yaml:"secret" required:"true" doc:"Signs every call (Standard Webhooks): whsec_ and 24 to 64 bytes in base64. Several, separated by spaces, sign at once while a secret is being changed." example:"${WEBHOOK_SECRET}"`
	Events []string       `yaml:"events" doc:"Types of event that are posted; all where empty." example:"[message.received, message.status]"`
}

// Validate checks what the types of the settings cannot say.
func (c *Config) Validate() []error {
	var errs []error
	if c.URL != "" {
		if _, err := parseURL(c.URL); err != nil {
			errs = append(errs, configs.Key("url", "%v", err))
		}
	}
	if c.Secret != "" {
		if _, err := parseSecrets(c.Secret.Reveal()); err != nil {
			errs = append(errs, configs.Key("secret", "%v", err))
		}
	}
	for _, e := range c.Events {
		if !slices.Contains(normalize.EventTypes, normalize.EventType(e)) {
			errs = append(errs, configs.Key("events", "there is no event %q; the types are %s", e, eventNames()))
		}
	}
	return errs
}

func eventNames() string {
	names := make([]string, len(normalize.EventTypes))
	for i, t := range normalize.EventTypes {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}

// parseURL never repeats the value: it may hold a token.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("must be a complete http:// or https:// address")
	}
	return u, nil
}
