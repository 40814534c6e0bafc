// Package telegram is the channel of a Telegram bot: people who write to it,
// and groups that it is in.
//
// Updates are asked for, or Telegram calls us; either way they are kept by
// Telegram for a day at most, so what a longer outage of ours missed is lost
// (https://core.telegram.org/bots/api#getting-updates). A bot can write only to
// people who have written to it first, learns nothing of delivery or reading,
// and cannot look up what it has sent: a send without an answer stays uncertain
// until a person decides.
package telegram

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

// Type is the name of this channel in the configuration.
const Type = "telegram"

// KindTelegram is the kind of its customers' addresses: the id of a user,
// which is the same for all bots.
const KindTelegram = "telegram"

func init() {
	channel.Register(channel.Kind{
		Type: Type, Title: "Telegram", Addresses: []string{KindTelegram},
		Facts: channel.Facts{
			Receives: []normalize.PartKind{
				normalize.PartText, normalize.PartImage, normalize.PartAudio, normalize.PartVideo, normalize.PartFile,
				normalize.PartLocation, normalize.PartContact, normalize.PartSticker, normalize.PartEvent,
			},
			Edits: true, Reactions: true,
			PerPeerHour: 300,
		},
		Config: func() connectors.Config { return newConfig() },
		New: func(c connectors.Config, d connectors.Deps) (channel.Channel, error) {
			bot, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("the channel type %s cannot be configured by a %T", Type, c)
			}
			return New(bot, d), nil
		},
	})
}

// Telegram is one bot.
type Telegram struct {
	cfg  Config
	deps connectors.Deps
	// self is the bot's own id, which its token begins with.
	self int64
	// http follows no redirect: the Bot API has none, and addresses hold the
	// token.
	http http.Client
	pace pacer
}

// New opens an account without talking to Telegram.
func New(c *Config, d connectors.Deps) *Telegram {
	id, _, _ := strings.Cut(c.BotToken.Reveal(), ":")
	self, _ := strconv.ParseInt(id, 10, 64) // Validate has seen to it
	t := &Telegram{cfg: *c, deps: d, self: self, http: *d.HTTP}
	t.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return t
}

// Probe finds out who the bot is.
func (t *Telegram) Probe(ctx context.Context) (normalize.Address, error) {
	var me struct {
		ID       int64  `json:"id"`
		Username string `json:"username"`
	}
	if err := t.call(ctx, "getMe", nil, &me); err != nil {
		return normalize.Address{}, err
	}
	return normalize.Address{Kind: KindTelegram, Value: strconv.FormatInt(me.ID, 10), Name: me.Username}, nil
}

// Close has nothing to end: every connection belongs to the context of the
// call that opened it.
func (t *Telegram) Close(context.Context) error { return nil }

// Address takes the id of a user. Telegram finds nobody by name for a bot.
func (t *Telegram) Address(typed string) (normalize.Address, error) {
	id, err := strconv.ParseInt(strings.TrimSpace(typed), 10, 64)
	if err != nil || id <= 0 {
		return normalize.Address{}, fmt.Errorf("%q is not the id of a Telegram user, which is a number: a bot cannot look people up by name, and can write only to those who wrote to it", typed)
	}
	return normalize.Address{Kind: KindTelegram, Value: strconv.FormatInt(id, 10)}, nil
}

// What Telegram takes (https://core.telegram.org/bots/api#sendmessage,
// #sendphoto, #sending-files). Text is counted in UTF-16 code units once its
// markup is off, captions are texts of their own here.
const (
	maxText   = 4096
	maxPhoto  = 10 << 20
	maxUpload = 50 << 20
	maxFetch  = 20 << 20 // of getFile
)

// Limits are the same for every chat: about 30 messages a second in all
// (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this);
// the pace within one chat is kept by Send. Above that Telegram answers 429 and
// says how long to wait.
func (t *Telegram) Limits(context.Context, normalize.Thread) (channel.Limits, error) {
	upload := channel.MediaLimit{Bytes: maxUpload}
	return channel.Limits{
		TextUnits: maxText,
		Markup:    normalize.MarkupTelegram,
		Kinds: map[normalize.PartKind]channel.MediaLimit{
			normalize.PartText:     {},
			normalize.PartImage:    {Bytes: maxPhoto, Types: []string{"image/jpeg", "image/png", "image/webp"}},
			normalize.PartAudio:    {Bytes: maxUpload, Types: []string{"audio/mpeg", "audio/mp4", "audio/x-m4a", oggOpus}},
			normalize.PartVideo:    {Bytes: maxUpload, Types: []string{"video/mp4"}},
			normalize.PartFile:     upload,
			normalize.PartSticker:  {Bytes: 512 << 10, Types: []string{"image/webp"}},
			normalize.PartLocation: {},
			normalize.PartContact:  {},
		},
		Rate: 25, Burst: 25, Parallel: 8,
	}, nil
}
