// Package wechat is the channel of a WeChat official account (公众号): the
// vendor calls us with what customers write, and answers leave by its interface
// for customer service (客服消息).
//
// The vendor lets us answer for a while only, and a few times; each message
// says how long and how often (ReplyWindow). Afterwards a template that the
// vendor approved may still carry text.
package wechat

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
)

// Type is the name of this channel in the configuration.
const Type = "wechat"

// The kinds of address.
const (
	// KindWeChat is a follower of one official account: "APPID:OPENID".
	KindWeChat = "wechat"
	// KindUnionID is a person over all accounts of one company that are bound
	// to the same open platform account.
	KindUnionID = "wechat_unionid"
)

func init() {
	channel.Register(channel.Kind{
		Type: Type, Title: "WeChat official account", Addresses: []string{KindWeChat},
		Facts: channel.Facts{
			Receives: []normalize.PartKind{
				normalize.PartText, normalize.PartImage, normalize.PartAudio, normalize.PartVideo,
				normalize.PartFile, normalize.PartLocation, normalize.PartEvent,
			},
			// Of templates alone: customer service messages have no receipts.
			Receipts:    []normalize.Status{normalize.StatusDelivered, normalize.StatusFailed},
			Window:      "5 answers within 48 hours of a customer's message, 3 within a minute of a menu click, a scan or a subscription; then a template",
			PerPeerHour: 60,
		},
		Config: func() connectors.Config { return newConfig() },
		New: func(c connectors.Config, d connectors.Deps) (channel.Channel, error) {
			account, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("the channel type %s cannot be configured by a %T", Type, c)
			}
			return New(account, d), nil
		},
	})
}

// WeChat is one official account.
type WeChat struct {
	cfg      Config
	deps     connectors.Deps
	callback tencent.Callback
	client   *tencent.Client
}

// New opens an account without talking to the vendor.
func New(c *Config, d connectors.Deps) *WeChat {
	secret := c.AppSecret.Reveal()
	return &WeChat{
		cfg: *c, deps: d,
		callback: tencent.NewCallback(c.Token.Reveal(), c.EncodingAESKey.Reveal(), c.AppID),
		client:   tencent.NewClient(c.APIURL, tencent.OfficialAccount(c.AppID, secret), verdicts, d),
	}
}

// Probe gets an access token and asks from where the vendor calls us, which is
// the one question that every account may ask. Nobody but the account itself
// has the app's id for an address.
func (w *WeChat) Probe(ctx context.Context) (normalize.Address, error) {
	own := normalize.Address{Kind: KindWeChat, Value: w.cfg.AppID}
	return own, w.client.Call(ctx, tencent.Request{Method: http.MethodGet, Path: "/cgi-bin/getcallbackip"})
}

// Close has nothing to end: every request belongs to the context of its call.
func (w *WeChat) Close(context.Context) error { return nil }

// Sizes that the vendor takes
// (developers.weixin.qq.com/doc/offiaccount/Asset_Management/New_temporary_materials.html).
// The page says 10 MB of images in one place and 2 MB in another; where the
// vendor means the smaller, it refuses an image with 40009.
const (
	maxImage = 10 << 20
	maxVoice = 2 << 20
	maxVideo = 10 << 20
	maxThumb = 64 << 10
	// maxTextBytes of UTF-8 are a text; it refuses more with 45002.
	maxTextBytes = 2048
)

// Limits are the same for every thread.
func (w *WeChat) Limits(context.Context, normalize.Thread) (channel.Limits, error) {
	return channel.Limits{
		TextBytes: maxTextBytes,
		Unordered: true, // the vendor promises no order
		Template:  w.cfg.template() != "",
		Kinds: map[normalize.PartKind]channel.MediaLimit{
			normalize.PartText:  {},
			normalize.PartImage: {Bytes: maxImage, Types: uploads["image"].types()},
			normalize.PartAudio: {Bytes: maxVoice, Types: uploads["voice"].types()},
			normalize.PartVideo: {Bytes: maxVideo, Types: uploads["video"].types()},
		},
		// The vendor names a quota per day (500,000) and none per second.
		Rate: 50, Burst: 50, Parallel: 4,
	}, nil
}

// address is the customer's.
func (w *WeChat) address(openID string) normalize.Address {
	return normalize.Address{Kind: KindWeChat, Value: w.cfg.AppID + ":" + openID}
}

// openID is the inverse of address.
func (w *WeChat) openID(a normalize.Address) (string, error) {
	id, ours := strings.CutPrefix(a.Value, w.cfg.AppID+":")
	if a.Kind != KindWeChat || !ours || !validOpenID(id) {
		return "", connectors.Errorf(connectors.Rejected, "", "%q does not follow the official account %s", a.Value, w.cfg.AppID)
	}
	return id, nil
}

// validOpenID: 28 letters as a rule, which the vendor does not promise.
func validOpenID(id string) bool {
	return id != "" && len(id) <= 64 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// Address implements channel.Addresser: an openid, with or without the app's
// id before it.
func (w *WeChat) Address(typed string) (normalize.Address, error) {
	id := strings.TrimPrefix(strings.TrimSpace(typed), w.cfg.AppID+":")
	if !validOpenID(id) {
		return normalize.Address{}, fmt.Errorf("%q is not the openid of a follower, such as %s:oABC123", typed, w.cfg.AppID)
	}
	return w.address(id), nil
}

// String keeps the account's secrets out of what is printed.
func (w *WeChat) String() string { return "WeChat official account " + w.cfg.AppID }

// GoString does the same for %#v.
func (w *WeChat) GoString() string { return w.String() }
