package rt_test

import (
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/helpdesk/rt"
)

func TestConfigurationThatCannotWork(t *testing.T) {
	for _, c := range []struct {
		why    string // a word of the complaint; "" for none
		change func(c *rt.Config)
	}{
		{"", func(*rt.Config) {}},
		{"", func(c *rt.Config) { c.Token, c.Username, c.Password = "", "deskbridge", "x" }},
		{"url", func(c *rt.Config) { c.URL = "rt.example.com" }},
		{"login", func(c *rt.Config) { c.URL = "https://user:pass@rt.example.com" }},
		{"not both", func(c *rt.Config) { c.Username = "deskbridge" }},
		{"set token", func(c *rt.Config) { c.Token = "" }},
		{"password", func(c *rt.Config) { c.Token, c.Username = "", "deskbridge" }},
		{"username", func(c *rt.Config) { c.Token, c.Password = "", "x" }},
		{"1s", func(c *rt.Config) { c.PollInterval = time.Millisecond }},
		{"16 characters", func(c *rt.Config) { c.WebhookSecret = "short" }},
	} {
		config := &rt.Config{URL: "https://rt.example.com/rt/", Token: "1-2-3", Queue: "Support", PollInterval: 15 * time.Second}
		c.change(config)
		var all []string
		for _, err := range config.Validate() {
			all = append(all, err.Error())
		}
		said := strings.Join(all, "; ")
		if (c.why == "") != (said == "") || !strings.Contains(said, c.why) {
			t.Errorf("want a complaint about %q, got %q", c.why, said)
		}
	}
}
