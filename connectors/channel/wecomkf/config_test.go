package wecomkf

import (
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
)

func TestSettingsThatCannotWork(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		key    string // empty: it is good
	}{
		"good":               {func(*Config) {}, ""},
		"key too short":      {func(c *Config) { c.EncodingAESKey = "short" }, "encoding_aes_key"},
		"no id":              {func(c *Config) { c.OpenKfIDs = []string{"wk 1"} }, "open_kfids"},
		"an id twice":        {func(c *Config) { c.OpenKfIDs = []string{kf1, kf1} }, "open_kfids"},
		"long welcome":       {func(c *Config) { c.Welcome = strings.Repeat("a", 2049) }, "welcome"},
		"long above a menu":  {func(c *Config) { c.Welcome, c.WelcomeMenu = strings.Repeat("a", 1025), []string{"x"} }, "welcome"},
		"menu alone":         {func(c *Config) { c.WelcomeMenu = []string{"x"} }, "welcome_menu"},
		"eleven answers":     {func(c *Config) { c.Welcome, c.WelcomeMenu = "hi", strings.Split("abcdefghijk", "") }, "welcome_menu"},
		"empty answer":       {func(c *Config) { c.Welcome, c.WelcomeMenu = "hi", []string{""} }, "welcome_menu"},
		"card of no address": {func(c *Config) { c.Cards = []Card{{Prefix: "shop", Thumbnail: "x"}} }, "cards"},
		"half a program":     {func(c *Config) { c.Cards = []Card{{Prefix: "https://a.example/", Thumbnail: "x", AppID: "wx1"}} }, "cards"},
		"asked too often":    {func(c *Config) { c.PollInterval = time.Second }, "poll_interval"},
		"no address":         {func(c *Config) { c.APIURL = "qyapi" }, "api_url"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := newConfig()
			cfg.CorpID, cfg.Secret, cfg.Token, cfg.EncodingAESKey = corpID, "s", "t", wecom.DefaultAESKey
			cfg.OpenKfIDs = []string{kf1}
			c.change(cfg)
			var said []string
			for _, err := range cfg.Validate() {
				said = append(said, err.Error())
			}
			all := strings.Join(said, "; ")
			if c.key == "" && all != "" || c.key != "" && !strings.HasPrefix(all, c.key+":") {
				t.Errorf("%q, want it about %q", all, c.key)
			}
		})
	}
}
