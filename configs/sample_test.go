package configs

import (
	"strings"
	"time"
)

// The settings of two made-up types, with every shape that a setting can have.
type boxSettings struct {
	Address string   `yaml:"address" required:"true" example:"support@example.com" doc:"The address that customers write to."`
	Aliases []string `yaml:"aliases" example:"[help@example.com]" doc:"Further addresses."`
	Login   login    `yaml:"login" required:"true" doc:"How to log in."`
	Extra   extra    `yaml:"extra" doc:"What else there is."`
	Codes   []code   `yaml:"codes" doc:"Codes and what they mean."`

	Templates map[string]string `yaml:"templates" example:"{welcome: HX1}" doc:"Templates by name."`
}

type login struct {
	Host     string        `yaml:"host" required:"true" example:"imap.example.com" doc:"Name of the server."`
	Port     int           `yaml:"port" default:"993" doc:"Port of the server."`
	TLS      string        `yaml:"tls" enum:"implicit,starttls,none" default:"implicit" doc:"How the connection is encrypted."`
	Password Secret        `yaml:"password" example:"${PASSWORD}" doc:"Password of the mailbox."`
	OAuth2   *oauth2       `yaml:"oauth2" doc:"Login with tokens."`
	Idle     bool          `yaml:"idle" default:"true" doc:"Wait for news."`
	Poll     time.Duration `yaml:"poll_interval" default:"1m" doc:"How often to ask."`
}

type oauth2 struct {
	TokenURL string   `yaml:"token_url" required:"true" example:"https://login.example.com/token" doc:"Where tokens come from."`
	Refresh  Secret   `yaml:"refresh_token" required:"true" doc:"The first token."`
	Keys     []Secret `yaml:"keys" doc:"Further keys."`
}

type extra struct {
	MaxSize Size    `yaml:"max_size" default:"1MiB" doc:"The largest part."`
	Share   float64 `yaml:"share" default:"0.5" doc:"The share of the traffic."`
}

type code struct {
	Name  string `yaml:"name" required:"true" doc:"What it means."`
	Value int    `yaml:"value" default:"7" doc:"The code."`
}

func (s *boxSettings) Validate() []error {
	var errs []error
	if !strings.Contains(s.Address, "@") {
		errs = append(errs, Key("address", "is not an e-mail address"))
	}
	if s.Login.Password == "" && s.Login.OAuth2 == nil {
		errs = append(errs, Key("login.password", "a password or the section login.oauth2 is needed"))
	}
	if s.Login.Port < 1 || s.Login.Port > 65535 {
		errs = append(errs, Key("login.port", "must be between 1 and 65535"))
	}
	return errs
}

type hookSettings struct {
	URL    string   `yaml:"url" required:"true" example:"https://backend.example.com/events" doc:"Where events go."`
	Secret Secret   `yaml:"secret" required:"true" doc:"Signs every call."`
	Events []string `yaml:"events" enum:"message.received,message.status" default:"[message.received]" doc:"What is sent."`
}

func (s *hookSettings) Validate() []error { return nil }

var sampleTypes = Types{
	Channels:  map[string]func() Settings{"box": func() Settings { return &boxSettings{} }},
	Helpdesks: map[string]func() Settings{"webhook": func() Settings { return &hookSettings{} }},
}
