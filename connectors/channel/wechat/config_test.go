package wechat_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/channel/wechat"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/wechat"
)

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	for _, c := range []struct {
		key    string // "" where all is well
		change func(c *wechat.Config)
	}{
		{"", func(*wechat.Config) {}},
		{"", func(c *wechat.Config) { c.Encryption, c.EncodingAESKey = "plain", "" }},
		{"", func(c *wechat.Config) { c.Templates = map[string]string{"any": "T"} }},
		{"app_id", func(c *wechat.Config) { c.AppID = "gh_1" }},
		{"token", func(c *wechat.Config) { c.Token = secret("no good!") }},
		{"encoding_aes_key", func(c *wechat.Config) { c.EncodingAESKey = "" }},
		{"encoding_aes_key", func(c *wechat.Config) { c.EncodingAESKey = secret(strings.Repeat("!", 43)) }},
		{"templates", func(c *wechat.Config) { c.Templates = map[string]string{"a": "1", "b": "2"} }},
		{"templates.reply", func(c *wechat.Config) { c.Templates = map[string]string{"reply": "", "b": "2"} }},
		{"template_data", func(c *wechat.Config) { c.TemplateData = map[string]string{"thing1": "x"} }},
		{"api_url", func(c *wechat.Config) { c.APIURL = "api.weixin.qq.com" }},
	} {
		conf := &wechat.Config{
			AppID: simulator.DefaultAppID, AppSecret: simulator.DefaultSecret, Token: simulator.DefaultToken,
			EncodingAESKey: simulator.DefaultAESKey, Encryption: "safe", APIURL: "https://api.weixin.qq.com",
		}
		c.change(conf)
		err := errors.Join(conf.Validate()...)
		if (err == nil) != (c.key == "") || err != nil && !strings.HasPrefix(err.Error(), c.key+": ") {
			t.Errorf("%q: %v", c.key, err)
		}
	}
}

func TestAPersonMayTypeAnOpenID(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	for _, typed := range []string{customer, " " + to.Value + " "} {
		if a, err := r.Address(typed); err != nil || a != to {
			t.Errorf("%q: %v, %v", typed, a, err)
		}
	}
	for _, typed := range []string{"", "li@example.cn", "wxffff:" + customer} {
		if a, err := r.Address(typed); err == nil {
			t.Errorf("%q: %v", typed, a)
		}
	}
}
