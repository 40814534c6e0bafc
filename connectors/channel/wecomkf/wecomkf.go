// Package wecomkf is the channel of WeCom customer service (微信客服): customers
// write from WeChat to a company's service accounts.
//
// WeCom's call has no content: it only says for which account there is news,
// with a token. Parse commits that token as a cursor, and Stream then pulls the
// messages, page by page, with a cursor of its own per account. Answers go out
// by send_msg with an id that is ours, by which a later failure is reported.
//
// What WeCom sends, and what it becomes:
//
//	text, image, voice, video, file, location   a part of that kind
//	link, miniprogram, channels, channels_shop_product, channels_shop_order,
//	meeting, schedule, note, msgmenu, merged_msg   their words
//	business_card                               a contact
//	any other type                              its name, in words
//	origin 5                                    a servicer's message: outbound
//	enter_session                               event entered, quiet
//	msg_send_fail                               a receipt: failed
//	session_status_change                       event session_accepted,
//	                                            session_transferred,
//	                                            session_ended, session_resumed
//	user_recall_msg, servicer_recall_msg        a deletion
//	reject_customer_msg_switch_change           event customer_muted,
//	                                            customer_unmuted
//
// Inputs that are ignored, by their reasons:
//
//	servicer_status   servicer_status_change: one went on or off duty
//	unknown_event     an event that is not documented
//	app_event         a call of the app's that is not about customer service
//	other_account     a call for an account that is not configured here
//
// (developer.work.weixin.qq.com/document/path/94670, 94677, 94669, 94695)
package wecomkf

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
)

// Type is the name of this channel in the configuration.
const Type = "wecom_kf"

// Kind is the kind of address that customers have: "corpid:external_userid".
// A customer has one external_userid for all service accounts of a company.
const Kind = "wecom_kf"

func init() {
	channel.Register(channel.Kind{
		Type: Type, Title: "WeCom customer service (微信客服)", Addresses: []string{Kind},
		Facts: channel.Facts{
			Receives: []normalize.PartKind{
				normalize.PartText, normalize.PartImage, normalize.PartAudio, normalize.PartVideo, normalize.PartFile,
				normalize.PartLocation, normalize.PartContact, normalize.PartEvent,
			},
			Deletes:     true,
			Receipts:    []normalize.Status{normalize.StatusFailed},
			Window:      "5 messages within 48 hours of the customer's last one",
			PerPeerHour: 30,
		},
		Config: func() connectors.Config { return newConfig() },
		New: func(c connectors.Config, d connectors.Deps) (channel.Channel, error) {
			cfg, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("the channel type %s cannot be configured by a %T", Type, c)
			}
			return New(cfg, d), nil
		},
	})
}

// WecomKf is one app of a company with its customer service accounts.
type WecomKf struct {
	cfg      Config
	deps     connectors.Deps
	api      *tencent.Client
	callback tencent.Callback

	// How often the store is looked at, the pause between two pages that are
	// pulled without a token, and how many entries are asked for at once; tests
	// make them smaller.
	look, slowly time.Duration
	perPage      int

	mu sync.Mutex
	// greeted holds the welcome codes that were used, until they run out.
	greeted map[string]time.Time
}

// New opens an account without talking to WeCom.
func New(c *Config, d connectors.Deps) *WecomKf {
	return &WecomKf{
		cfg: *c, deps: d,
		api:      tencent.NewClient(c.APIURL, tencent.WeCom(c.CorpID, c.Secret.Reveal()), verdicts, d),
		callback: tencent.NewCallback(c.Token.Reveal(), c.EncodingAESKey.Reveal(), c.CorpID),
		look:     lookEvery, slowly: slowly, perPage: maxPage,
		greeted: map[string]time.Time{},
	}
}

// String names the account, so that printing it shows no secret.
func (w *WecomKf) String() string { return Type + " " + w.deps.Account.Name }

// GoString is the same for %#v.
func (w *WecomKf) GoString() string { return w.String() }

// Probe looks whether the app may work for each configured account, and whether
// the cards have their pictures. Our own address is that of the first.
func (w *WecomKf) Probe(ctx context.Context) (normalize.Address, error) {
	own := normalize.Address{Kind: Kind, Value: w.cfg.CorpID + ":" + w.cfg.OpenKfIDs[0]}
	for _, card := range w.cfg.Cards {
		if _, err := readPicture(card.Thumbnail); err != nil {
			return own, connectors.Errorf(connectors.AccountDown, "", "the card for %s has no picture, so its links go out as words: %w", card.Prefix, err)
		}
	}
	accounts, err := w.accounts(ctx)
	if err != nil {
		return own, err
	}
	for _, id := range w.cfg.OpenKfIDs {
		i := slices.IndexFunc(accounts, func(a account) bool { return a.OpenKfID == id })
		switch {
		case i < 0:
			return own, connectors.Errorf(connectors.AccountDown, "", "the company has no customer service account %s that this app can see; compare open_kfids with WeCom's console", id)
		case accounts[i].ManagePrivilege != nil && !*accounts[i].ManagePrivilege:
			return own, connectors.Errorf(connectors.AccountDown, "", "the app may not manage the account %s (%s); allow it in WeCom's console, where customer service lists the apps that may call its API", id, accounts[i].Name)
		case id == w.cfg.OpenKfIDs[0]:
			own.Name = accounts[i].Name
		}
	}
	return own, nil
}

// account is what account/list says of one
// (developer.work.weixin.qq.com/document/path/94661).
type account struct {
	OpenKfID string `json:"open_kfid"`
	Name     string `json:"name"`
	// ManagePrivilege is absent where the old secret of customer service is
	// used, which may do everything.
	ManagePrivilege *bool `json:"manage_privilege"`
}

// accountPage is the most that account/list returns at once.
const accountPage = 100

func (w *WecomKf) accounts(ctx context.Context) ([]account, error) {
	var all []account
	for len(all) < 100*accountPage { // a company has a few thousand at most
		var page struct {
			List []account `json:"account_list"`
		}
		err := w.api.Call(ctx, tencent.Request{
			Path: "/cgi-bin/kf/account/list",
			In:   map[string]int{"offset": len(all), "limit": accountPage},
			Out:  &page,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, page.List...)
		if len(page.List) < accountPage {
			break
		}
	}
	return all, nil
}

// Close has nothing to end: every request belongs to the context of its call.
func (w *WecomKf) Close(context.Context) error { return nil }

// customer is the address of a customer.
func (w *WecomKf) customer(externalUserID string) normalize.Address {
	return normalize.Address{Kind: Kind, Value: w.cfg.CorpID + ":" + externalUserID}
}

// userOf is the external_userid within an address.
func (w *WecomKf) userOf(a normalize.Address) (string, error) {
	user, ok := strings.CutPrefix(a.Value, w.cfg.CorpID+":")
	if !ok || a.Kind != Kind || user == "" {
		return "", connectors.Errorf(connectors.Rejected, "", "%s is no customer of this company's WeCom customer service", url.QueryEscape(a.Value))
	}
	return user, nil
}
