package wechat

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
)

// Config is one official account.
type Config struct {
	AppID          string            `yaml:"app_id" required:"true" example:"wx0123456789abcdef" doc:"The account's AppID, from the console under settings and development."`
	AppSecret      configs.Secret    `yaml:"app_secret" required:"true" example:"${WECHAT_APP_SECRET}" doc:"The account's AppSecret."`
	Token          configs.Secret    `yaml:"token" required:"true" example:"${WECHAT_CALLBACK_TOKEN}" doc:"The token of the console's server configuration, which signs the vendor's calls to /webhooks/{name}."`
	EncodingAESKey configs.Secret    `yaml:"encoding_aes_key" shown:"true" example:"${WECHAT_AES_KEY}" doc:"The EncodingAESKey of the server configuration; needed unless encryption is plain."`
	Encryption     string            `yaml:"encryption" enum:"plain,compatible,safe" default:"safe" doc:"The mode of the server configuration. Choose safe: in plain mode the vendor does not sign what customers write. With compatible, calls of either kind are taken, for the time of a change."`
	Templates      map[string]string `yaml:"templates" example:"{reply: TEMPLATE_ID}" doc:"Names and ids of approved templates. The one named reply, or the only one, carries an answer when the vendor takes no other any more."`
	TemplateData   map[string]string `yaml:"template_data" example:"{thing1: \"{text}\"}" doc:"What the fields of that template say; by default thing1 is the answer. {text} stands for the answer, {agent} for who wrote it or else 客服, {time} for the time in Beijing. What is longer than the vendor allows for a field, 20 characters for a thing, is cut off."`
	APIURL         string            `yaml:"api_url" default:"https://api.weixin.qq.com" doc:"Address of the vendor's API."`
}

const (
	encryptPlain      = "plain"
	encryptCompatible = "compatible"
	encryptSafe       = "safe"

	replyTemplate = "reply"
)

func newConfig() *Config {
	return &Config{Encryption: encryptSafe, APIURL: "https://api.weixin.qq.com"}
}

// The vendor's console takes letters and digits only; what stands in its place
// under api_url may take more.
var (
	validAppID = regexp.MustCompile(`^wx[0-9A-Za-z_-]{1,60}$`)
	validToken = regexp.MustCompile(`^[0-9A-Za-z_-]{3,64}$`)
)

// Validate reports what cannot work, whatever the vendor says.
func (c *Config) Validate() []error {
	var errs []error
	bad := func(key, format string, args ...any) { errs = append(errs, configs.Key(key, format, args...)) }
	if !validAppID.MatchString(c.AppID) {
		bad("app_id", "%q is not an AppID such as wx0123456789abcdef", c.AppID)
	}
	if !validToken.MatchString(c.Token.Reveal()) {
		bad("token", "must be 3 to 32 letters and digits, as the vendor's console wants it")
	}
	if c.EncodingAESKey != "" || c.Encryption != encryptPlain {
		if err := tencent.CheckAESKey(c.EncodingAESKey.Reveal()); err != nil {
			bad("encoding_aes_key", "%v", err)
		}
	}
	if _, named := c.Templates[replyTemplate]; len(c.Templates) > 1 && !named {
		bad("templates", "of several templates, one must be named %s: it carries answers", replyTemplate)
	}
	for name, id := range c.Templates {
		if id == "" {
			bad("templates."+name, "has no id")
		}
	}
	if len(c.TemplateData) > 0 && len(c.Templates) == 0 {
		bad("template_data", "has no use without templates")
	}
	if u, err := url.Parse(c.APIURL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(c.APIURL, "?#") {
		bad("api_url", "%q is not an address such as https://api.weixin.qq.com", c.APIURL)
	}
	return errs
}

// template is the id of the template that carries answers, or "".
func (c *Config) template() string {
	if id, ok := c.Templates[replyTemplate]; ok {
		return id
	}
	if len(c.Templates) == 1 {
		for _, id := range c.Templates {
			return id
		}
	}
	return ""
}

// templateData is what the template's fields say.
func (c *Config) templateData() map[string]string {
	if len(c.TemplateData) > 0 {
		return c.TemplateData
	}
	return map[string]string{"thing1": "{text}"}
}
