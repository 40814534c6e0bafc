package slack

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/configs"
)

// Config is one app in one workspace.
type Config struct {
	BotToken      configs.Secret `yaml:"bot_token" required:"true" example:"${SLACK_BOT_TOKEN}" doc:"The bot token of the installed app (xoxb-...). Its scopes: chat:write, im:write, im:history, im:read, channels:history, groups:history, channels:read, groups:read, files:read, files:write, reactions:read, users:read, users:read.email."`
	AppToken      configs.Secret `yaml:"app_token" shown:"true" example:"${SLACK_APP_TOKEN}" doc:"The app-level token (xapp-...) with the scope connections:write; needed for mode socket."`
	SigningSecret configs.Secret `yaml:"signing_secret" doc:"The app's signing secret; needed for mode events."`
	Mode          string         `yaml:"mode" enum:"socket,events" default:"socket" doc:"How events come: socket keeps a connection to Slack open and needs no public address; events lets Slack call /webhooks/NAME."`

	ListenTo         []string `yaml:"listen_to" shown:"true" example:"[C0123456789]" doc:"Ids of the channels that are read; the app must be a member of each. What is said in others is ignored."`
	DirectMessages   bool     `yaml:"direct_messages" default:"true" doc:"Whether direct messages to the app are read."`
	Customers        string   `yaml:"customers" enum:"external,everyone" default:"external" doc:"Who is a customer in the listed channels. external: whoever is of another workspace than the app's, and guests where the event tells that they are, as in shared channels; others stand under guests. everyone: our own members too, for a workspace made for customers. In direct messages everybody is."`
	Staff            []string `yaml:"staff" example:"[U0123456789]" doc:"Ids of members who are never customers in channels, such as helpers of a partner's workspace."`
	Guests           []string `yaml:"guests" example:"[U0123456780]" doc:"Ids of members of our own workspace who are customers."`
	TrustedWorkspace bool     `yaml:"trusted_workspace" default:"false" doc:"Whether the e-mail addresses in the profiles of our own workspace are proven, so that a customer is merged with the one who has that mail address. Those of other workspaces never are: their administrators can write any address."`

	APIURL string `yaml:"api_url" default:"https://slack.com/api/" doc:"Address of the Web API: https://slack-gov.com/api/ for GovSlack."`
}

func newConfig() *Config {
	return &Config{Mode: modeSocket, DirectMessages: true, Customers: customersExternal, APIURL: "https://slack.com/api/"}
}

const (
	modeSocket = "socket"
	modeEvents = "events"

	customersExternal = "external"
	customersEveryone = "everyone"
)

var (
	channelID = regexp.MustCompile(`^[CG][A-Z0-9]{1,30}$`)
	memberID  = regexp.MustCompile(`^[UW][A-Z0-9]{1,30}$`)
)

// Validate reports what cannot work, whatever Slack says.
func (c *Config) Validate() []error {
	var errs []error
	bad := func(key, format string, args ...any) { errs = append(errs, configs.Key(key, format, args...)) }
	if c.Mode == modeSocket && c.AppToken == "" {
		bad("app_token", "mode socket needs the app-level token (xapp-...): Basic Information, App-Level Tokens")
	}
	if c.Mode == modeEvents && c.SigningSecret == "" {
		bad("signing_secret", "mode events needs the signing secret: Basic Information, App Credentials")
	}
	for _, id := range c.ListenTo {
		if !channelID.MatchString(id) {
			bad("listen_to", "%q is not the id of a channel: it begins with C or G and stands at the end of the channel's details", id)
		}
	}
	for key, list := range map[string][]string{"staff": c.Staff, "guests": c.Guests} {
		for _, id := range list {
			if !memberID.MatchString(id) {
				bad(key, "%q is not the id of a member: it begins with U or W and can be copied from the profile", id)
			}
		}
	}
	for _, id := range c.Guests {
		if slices.Contains(c.Staff, id) {
			bad("guests", "%s stands under staff as well", id)
		}
	}
	if len(c.ListenTo) == 0 && !c.DirectMessages {
		bad("listen_to", "nothing would be read: name channels or allow direct_messages")
	}
	if u, err := url.Parse(c.APIURL); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" {
		bad("api_url", "must be an address such as https://slack.com/api/")
	}
	return errs
}

// endpoint is the API's address with the slash that methods are put behind.
func (c *Config) endpoint() string { return strings.TrimSuffix(c.APIURL, "/") + "/" }
