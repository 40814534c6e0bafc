package wecomkf

import (
	"net/url"
	"regexp"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
)

// Config is what a configuration file says of one account.
type Config struct {
	CorpID         string         `yaml:"corp_id" required:"true" example:"ww0123456789abcdef" doc:"CorpID of the company, as WeCom's console shows it."`
	Secret         configs.Secret `yaml:"secret" required:"true" example:"${WECOM_SECRET}" doc:"Secret of the self-built app that is allowed to use customer service by API."`
	Token          configs.Secret `yaml:"token" required:"true" example:"${WECOM_CALLBACK_TOKEN}" doc:"Token of the app's message callback."`
	EncodingAESKey configs.Secret `yaml:"encoding_aes_key" required:"true" example:"${WECOM_AES_KEY}" doc:"EncodingAESKey of the app's message callback."`
	OpenKfIDs      []string       `yaml:"open_kfids" required:"true" example:"[wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q]" doc:"The customer service accounts to work for. Their customers' conversations stay apart."`
	Welcome        string         `yaml:"welcome" example:"Hello! What can we do for you?" doc:"What a customer who opens the chat is greeted with, at most once in 48 hours. Leave it out where WeCom's console has a greeting of its own."`
	WelcomeMenu    []string       `yaml:"welcome_menu" example:"['Where is my order?', Something else]" doc:"At most ten answers to tap below the greeting; a tap sends the words."`
	Cards          []Card         `yaml:"cards" doc:"Addresses that go out as a card: an answer that is one link below one of them."`
	PollInterval   time.Duration  `yaml:"poll_interval" default:"1m" doc:"How often WeCom is asked for news without having called. It limits such questions strictly."`
	APIURL         string         `yaml:"api_url" default:"https://qyapi.weixin.qq.com" doc:"Address of WeCom's API."`
}

// Card turns a link into a card.
type Card struct {
	Prefix    string `yaml:"prefix" required:"true" example:"https://shop.example.com/" doc:"How the addresses begin."`
	Thumbnail string `yaml:"thumbnail" required:"true" example:"/etc/deskbridge/shop.png" doc:"Picture on the card, PNG or JPEG."`
	AppID     string `yaml:"app_id" example:"wx0123456789abcdef" doc:"Mini program that opens instead of the website; it must be linked to the company."`
	PagePath  string `yaml:"page_path" example:"pages/order" doc:"Page of the mini program; the query of the address is handed to it."`
}

func newConfig() *Config {
	return &Config{PollInterval: time.Minute, APIURL: "https://qyapi.weixin.qq.com"}
}

// Limits of the menu in a message, in bytes
// (developer.work.weixin.qq.com/document/path/94677).
const (
	maxMenu        = 10
	maxMenuHead    = 1024
	maxClick       = 128
	maxClickID     = 64
	maxMenuContent = 1024
	maxURL         = 2048
)

var kfid = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// Validate reports what cannot work, whatever WeCom says.
func (c *Config) Validate() []error {
	var errs []error
	bad := func(key, format string, args ...any) { errs = append(errs, configs.Key(key, format, args...)) }
	if err := tencent.CheckAESKey(c.EncodingAESKey.Reveal()); err != nil {
		bad("encoding_aes_key", "%v", err)
	}
	seen := map[string]bool{}
	for _, id := range c.OpenKfIDs {
		switch {
		case !kfid.MatchString(id):
			bad("open_kfids", "%q is no id of a customer service account, such as wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q", id)
		case seen[id]:
			bad("open_kfids", "%s is there twice", id)
		}
		seen[id] = true
	}
	if len(c.Welcome) > maxText {
		bad("welcome", "has %d bytes; WeCom takes %d", len(c.Welcome), maxText)
	}
	switch {
	case len(c.WelcomeMenu) > maxMenu:
		bad("welcome_menu", "has %d answers; WeCom takes %d", len(c.WelcomeMenu), maxMenu)
	case len(c.WelcomeMenu) > 0 && c.Welcome == "":
		bad("welcome_menu", "needs a welcome above it")
	case len(c.WelcomeMenu) > 0 && len(c.Welcome) > maxMenuHead:
		bad("welcome", "has %d bytes; WeCom takes %d above a menu", len(c.Welcome), maxMenuHead)
	}
	for _, answer := range c.WelcomeMenu {
		if len(answer) == 0 || len(answer) > maxClick {
			bad("welcome_menu", "an answer needs between 1 and %d bytes", maxClick)
		}
	}
	for _, card := range c.Cards {
		if !webAddress(card.Prefix) {
			bad("cards", "%q is no address such as https://shop.example.com/", card.Prefix)
		}
		if (card.AppID == "") != (card.PagePath == "") {
			bad("cards", "a mini program needs both app_id and page_path")
		}
	}
	if c.PollInterval < 10*time.Second {
		bad("poll_interval", "must be 10s or longer")
	}
	if !webAddress(c.APIURL) {
		bad("api_url", "%q is no address such as https://qyapi.weixin.qq.com", c.APIURL)
	}
	return errs
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}
