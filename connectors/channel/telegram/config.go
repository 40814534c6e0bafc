package telegram

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/deskbridge/deskbridge/configs"
)

// Config is one bot.
type Config struct {
	BotToken    configs.Secret `yaml:"bot_token" required:"true" example:"${TELEGRAM_BOT_TOKEN}" doc:"The bot's token, as @BotFather gave it."`
	Mode        string         `yaml:"mode" enum:"poll,webhook" default:"poll" doc:"How updates come: poll asks for them and needs no public address; webhook lets Telegram call /webhooks/NAME, which is registered there by itself."`
	SecretToken configs.Secret `yaml:"secret_token" example:"${TELEGRAM_SECRET}" doc:"Telegram shows it with every call, so that nobody else can call; needed for mode webhook. 8 to 256 letters, digits, _ and -."`
	Groups      bool           `yaml:"groups" default:"true" doc:"Whether groups are read that the bot is in. Unless its privacy mode is off it sees answers to it and commands only."`
	APIURL      string         `yaml:"api_url" default:"https://api.telegram.org" doc:"Address of the Bot API, or of a Bot API server of your own."`
}

func newConfig() *Config {
	return &Config{Mode: modePoll, Groups: true, APIURL: "https://api.telegram.org"}
}

const (
	modePoll    = "poll"
	modeWebhook = "webhook"
)

var (
	botToken    = regexp.MustCompile(`^[0-9]{1,19}:[A-Za-z0-9_-]{10,100}$`)
	secretToken = regexp.MustCompile(`^[A-Za-z0-9_-]{8,256}$`)
)

// Validate reports what cannot work, whatever Telegram says.
func (c *Config) Validate() (errs []error) {
	bad := func(key, format string, args ...any) { errs = append(errs, configs.Key(key, format, args...)) }
	if !botToken.MatchString(c.BotToken.Reveal()) {
		bad("bot_token", "a token has the form 123456:ABC-DEF..., as @BotFather shows it")
	}
	if c.Mode == modeWebhook && c.SecretToken == "" {
		bad("secret_token", "mode webhook needs one, chosen by you: without it anybody could call")
	}
	if s := c.SecretToken.Reveal(); s != "" && !secretToken.MatchString(s) {
		bad("secret_token", "8 to 256 letters, digits, _ and - are needed")
	}
	if u, err := url.Parse(c.APIURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" {
		bad("api_url", "must be an address such as https://api.telegram.org")
	}
	return errs
}

func (c *Config) base() string { return strings.TrimSuffix(c.APIURL, "/") }
