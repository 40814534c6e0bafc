package twilio

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/configs"
)

// Config is one sender at Twilio: a number, an alphanumeric name, a WhatsApp
// sender or a messaging service.
type Config struct {
	AccountSID string         `yaml:"account_sid" required:"true" example:"${TWILIO_ACCOUNT_SID}" doc:"SID of the account or subaccount; it begins with AC."`
	AuthToken  configs.Secret `yaml:"auth_token" example:"${TWILIO_AUTH_TOKEN}" doc:"The account's auth token. Twilio signs its calls with it, so that without it nothing can be received, and no receipts either."`
	APIKey     string         `yaml:"api_key" doc:"SID of an API key to make requests with instead of the auth token; it begins with SK."`
	APISecret  configs.Secret `yaml:"api_secret" doc:"Secret of the API key."`

	From                string  `yaml:"from" shown:"true" example:"+15550100123" doc:"Who messages and calls come from: a number such as +15550100123, a short code, whatsapp:+15550100123, or a name of up to 11 letters and digits. Customers cannot answer to a name, and nobody in the USA and Canada can be written to under one."`
	MessagingServiceSID string  `yaml:"messaging_service_sid" doc:"SID of a messaging service that chooses the sender; it begins with MG."`
	MMS                 string  `yaml:"mms" enum:"auto,on,off" default:"auto" doc:"Whether pictures and files go out as MMS. auto: from numbers that can do so, those of the USA, Canada and Australia, and by a messaging service; from others they become links."`
	WhatsAppTemplate    string  `yaml:"whatsapp_template" example:"HXb5b62575e6e4ff6129ad7c8efe1f983e" doc:"Content SID of an approved WhatsApp template whose variable 1 is the answer. It carries answers after the 24 hours in which WhatsApp takes free text."`
	Rate                float64 `yaml:"rate" default:"10" doc:"How many requests per second the account makes at most. Twilio queues what the carriers take more slowly."`
	APIURL              string  `yaml:"api_url" default:"https://api.twilio.com" doc:"Address of the API, for a region such as https://api.dublin.ie1.twilio.com."`

	Voice Voice `yaml:"voice" doc:"Phone calls."`
}

// Voice is what callers meet.
type Voice struct {
	Enabled   bool              `yaml:"enabled" default:"false" doc:"Take calls. Point the number's voice webhook at /webhooks/{name}/voice and its call status changes at /webhooks/{name}/voice/status."`
	Greeting  string            `yaml:"greeting" example:"Welcome to Example." doc:"What callers hear first. Without it, and for languages without one in greetings, there is a built-in one."`
	Language  string            `yaml:"language" default:"en-US" doc:"Language of the greeting, and of all callers whose number does not tell."`
	Greetings map[string]string `yaml:"greetings" example:"{de-DE: Willkommen bei Example.}" doc:"Greetings in further languages. A caller hears the one of the country that the number is of."`
	Menu      *Menu             `yaml:"menu" doc:"Keys that callers may press. What nobody pressed, or no key stands for, goes on as without a menu."`
	ForwardTo string            `yaml:"forward_to" example:"+15550100199" doc:"The agents' phone. Without it callers reach the voicemail."`
	RingFor   time.Duration     `yaml:"ring_for" default:"20s" doc:"How long the agents' phone rings before the voicemail answers."`
	Record    bool              `yaml:"record" default:"false" doc:"Record what is spoken with an agent. Mind the law of your callers' countries."`
	Voicemail Voicemail         `yaml:"voicemail" doc:"What takes the calls that no agent does."`
	Answer    string            `yaml:"answer" enum:"sms,say,bridge" default:"sms" doc:"How an agent's answer reaches a customer who called last. sms: as a text message; say: the customer is called and hears the text; bridge: the customer is called, hears the text and is put through to forward_to."`
}

// Menu is what callers may choose from.
type Menu struct {
	Prompt  string            `yaml:"prompt" required:"true" example:"For orders press 1, for returns press 2." doc:"What is said, in the language of the greeting."`
	Prompts map[string]string `yaml:"prompts" example:"{de-DE: \"Für Bestellungen drücken Sie die 1, für Rücksendungen die 2.\"}" doc:"The same in further languages."`
	Wait    time.Duration     `yaml:"wait" default:"5s" doc:"How long a key is waited for."`
	Options []Option          `yaml:"options" required:"true" doc:"The keys."`
}

// Option is one key of the menu.
type Option struct {
	Digit     string `yaml:"digit" required:"true" example:"1" doc:"The key: a digit, * or #."`
	Name      string `yaml:"name" required:"true" example:"orders" doc:"What it stands for, as agents see it on the timeline."`
	ForwardTo string `yaml:"forward_to" example:"+15550100188" doc:"The phone that rings; without it the voicemail answers."`
}

// Voicemail is the answering machine.
type Voicemail struct {
	MaxLength  time.Duration `yaml:"max_length" default:"2m" doc:"The longest message; 0s for no voicemail."`
	Transcribe bool          `yaml:"transcribe" default:"false" doc:"Let Twilio write down what was said. It understands English only, and 2s to 2m of it; other callers' messages are not given to it."`
}

func newConfig() *Config {
	return &Config{
		MMS: mmsAuto, Rate: 10, APIURL: "https://api.twilio.com",
		Voice: Voice{Language: "en-US", RingFor: 20 * time.Second, Voicemail: Voicemail{MaxLength: 2 * time.Minute}, Answer: answerSMS},
	}
}

// Values of mms and voice.answer.
const (
	mmsAuto = "auto"
	mmsOn   = "on"
	mmsOff  = "off"

	answerSMS    = "sms"
	answerSay    = "say"
	answerBridge = "bridge"
)

var (
	e164         = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	shortCode    = regexp.MustCompile(`^[0-9]{3,8}$`)
	alphanumeric = regexp.MustCompile(`^[A-Za-z0-9 &+_-]{1,11}$`)
	hasLetter    = regexp.MustCompile(`[A-Za-z]`)
	language     = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,4}){0,2}$`)
)

// Validate reports what cannot work, whatever Twilio says.
func (c *Config) Validate() []error {
	var errs []error
	bad := func(key, format string, args ...any) { errs = append(errs, configs.Key(key, format, args...)) }
	switch {
	case c.AuthToken == "" && c.APIKey == "":
		bad("auth_token", "is missing; requests can be made with api_key and api_secret instead, but only what carries the token's signature can be received")
	case (c.APIKey == "") != (c.APISecret == ""):
		bad("api_key", "api_key and api_secret are needed together")
	}
	if c.From == "" && c.MessagingServiceSID == "" {
		bad("from", "from or messaging_service_sid is needed")
	}
	if c.From != "" && !validSender(c.From) {
		bad("from", "%q is neither a number such as +15550100123 nor a short code, whatsapp:+15550100123 or a name of up to 11 letters and digits", c.From)
	}
	if c.Rate <= 0 || c.Rate > 1000 {
		bad("rate", "must be above 0 and at most 1000")
	}
	if u, err := url.Parse(c.APIURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" {
		bad("api_url", "%q is not an address such as https://api.twilio.com", c.APIURL)
	}
	c.Voice.validate(c, bad)
	return errs
}

func (v *Voice) validate(c *Config, bad func(key, format string, args ...any)) {
	if !language.MatchString(v.Language) {
		bad("voice.language", "%q is not a language such as en-US", v.Language)
	}
	for tag := range v.Greetings {
		if !language.MatchString(tag) {
			bad("voice.greetings", "%q is not a language such as de-DE", tag)
		}
	}
	if v.ForwardTo != "" && !e164.MatchString(v.ForwardTo) {
		bad("voice.forward_to", "%q is not a phone number such as +15550100199", v.ForwardTo)
	}
	if v.RingFor < 5*time.Second || v.RingFor > 10*time.Minute {
		bad("voice.ring_for", "must be between 5s and 10m")
	}
	if m := v.Voicemail.MaxLength; m != 0 && (m < 2*time.Second || m > time.Hour) {
		bad("voice.voicemail.max_length", "must be between 2s and 1h, or 0s for no voicemail")
	}
	if v.Menu != nil {
		v.Menu.validate(bad)
	}
	if !v.Enabled {
		return
	}
	if c.AuthToken == "" {
		bad("voice.enabled", "calls need auth_token, with which Twilio signs what it asks")
	}
	if v.Answer == answerBridge && v.ForwardTo == "" {
		bad("voice.answer", "bridge needs forward_to, the agents' phone")
	}
}

func (m *Menu) validate(bad func(key, format string, args ...any)) {
	if m.Wait < time.Second || m.Wait > time.Minute {
		bad("voice.menu.wait", "must be between 1s and 1m")
	}
	if len(m.Options) == 0 {
		bad("voice.menu.options", "a menu needs keys")
	}
	var seen []string
	for _, o := range m.Options {
		if len(o.Digit) != 1 || !strings.Contains("0123456789*#", o.Digit) {
			bad("voice.menu.options", "%q is not a key: a digit, * or #", o.Digit)
		}
		if slices.Contains(seen, o.Digit) {
			bad("voice.menu.options", "the key %s stands there twice", o.Digit)
		}
		if o.ForwardTo != "" && !e164.MatchString(o.ForwardTo) {
			bad("voice.menu.options", "%q is not a phone number such as +15550100188", o.ForwardTo)
		}
		seen = append(seen, o.Digit)
	}
}

func validSender(from string) bool {
	if number, ok := strings.CutPrefix(from, schemeWhatsApp+":"); ok {
		return e164.MatchString(number)
	}
	return e164.MatchString(from) || shortCode.MatchString(from) || isName(from)
}

// isName reports whether a sender is an alphanumeric one.
func isName(from string) bool { return alphanumeric.MatchString(from) && hasLetter.MatchString(from) }
