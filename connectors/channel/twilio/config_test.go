package twilio_test

import (
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/twilio"
)

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*twilio.Config)
		want   string // the key; empty is fine
	}{
		{"as it should be", func(*twilio.Config) {}, ""},
		{"only a service", service, ""},
		{"only a key", func(c *twilio.Config) { c.AuthToken, c.APIKey, c.APISecret = "", "SK1", "x" }, ""},
		{"a short code", func(c *twilio.Config) { c.From = "55512" }, ""},
		{"a name", func(c *twilio.Config) { c.From = "Example Inc" }, ""},
		{"WhatsApp", func(c *twilio.Config) { c.From = "whatsapp:+15550100123" }, ""},
		{"no credentials", func(c *twilio.Config) { c.AuthToken = "" }, "auth_token"},
		{"half a key", func(c *twilio.Config) { c.APIKey = "SK1" }, "api_key"},
		{"no sender", func(c *twilio.Config) { c.From = "" }, "from"},
		{"a number without its country", func(c *twilio.Config) { c.From = "0301234567890" }, "from"},
		{"a name that is too long", func(c *twilio.Config) { c.From = "Example Incorporated" }, "from"},
		{"no rate", func(c *twilio.Config) { c.Rate = 0 }, "rate"},
		{"an address without a scheme", func(c *twilio.Config) { c.APIURL = "api.twilio.com" }, "api_url"},
		{"a language", func(c *twilio.Config) { c.Voice.Language = "german" }, "voice.language"},
		{"an agents' phone", func(c *twilio.Config) { c.Voice.ForwardTo = "110" }, "voice.forward_to"},
		{"a key twice", func(c *twilio.Config) { withMenu(&c.Voice); c.Voice.Menu.Options[1].Digit = "1" }, "voice.menu.options"},
		{"a key that no phone has", func(c *twilio.Config) { withMenu(&c.Voice); c.Voice.Menu.Options[1].Digit = "A" }, "voice.menu.options"},
		{"a menu without keys", func(c *twilio.Config) { c.Voice.Menu = &twilio.Menu{Wait: time.Second} }, "voice.menu.options"},
		{"a voicemail of a second", func(c *twilio.Config) { c.Voice.Voicemail.MaxLength = time.Second }, "voice.voicemail.max_length"},
		{"calls that nobody can check", func(c *twilio.Config) { c.Voice.Enabled = true; c.AuthToken, c.APIKey, c.APISecret = "", "SK1", "x" }, "voice.enabled"},
		{"put through to nowhere", func(c *twilio.Config) { c.Voice.Enabled, c.Voice.Answer = true, "bridge" }, "voice.answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := configFor(t, "https://api.twilio.com")
			c.change(cfg)
			errs := cfg.Validate()
			if c.want == "" && len(errs) == 0 {
				return
			}
			if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), c.want+": ") || c.want == "" {
				t.Errorf("%v, want one on %q", errs, c.want)
			}
		})
	}
}

func TestVoiceNeedsAPublicURL(t *testing.T) {
	cfg := configFor(t, "https://api.twilio.com")
	cfg.Voice.Enabled = true
	if _, err := twilio.New(cfg, connectors.Deps{}); err == nil || !strings.Contains(err.Error(), "public_url") {
		t.Errorf("%v", err)
	}
}
