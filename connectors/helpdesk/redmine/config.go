package redmine

import (
	"net/url"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/configs"
)

// Config is one project of one Redmine.
type Config struct {
	URL          string         `yaml:"url" required:"true" doc:"Address of Redmine." example:"https://redmine.example.com"`
	APIKey       configs.Secret `yaml:"api_key" required:"true" doc:"API access key of a user of Redmine that is nobody else's: My account, API access key." example:"${REDMINE_API_KEY}"`
	Project      string         `yaml:"project" required:"true" doc:"Identifier of the project in which issues are opened, as its address shows it." example:"support"`
	PollInterval time.Duration  `yaml:"poll_interval" default:"15s" doc:"How often Redmine is asked what has changed."`
}

func newConfig() *Config { return &Config{PollInterval: 15 * time.Second} }

// Validate reports what cannot work, whatever Redmine says.
func (c *Config) Validate() (errs []error) {
	bad := func(key, format string, args ...any) { errs = append(errs, configs.Key(key, format, args...)) }
	if u, err := url.Parse(c.URL); c.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.User != nil) {
		bad("url", "must be an address such as https://redmine.example.com")
	}
	if strings.ContainsAny(c.Project, "/?# ") {
		bad("project", "is the identifier of a project, such as support in https://redmine.example.com/projects/support")
	}
	if c.PollInterval < time.Second {
		bad("poll_interval", "must be one second at least")
	}
	return errs
}

func (c *Config) base() string { return strings.TrimRight(c.URL, "/") }
