package demo

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/connectors/simulator/telegram"
	"github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
)

// town is the simulated vendors beside the mail system, and the desk's account
// with each of them.
type town struct {
	wechat   *wechat.Vendor
	wecom    *wecom.Server
	twilio   *twilio.Server
	slack    *slack.Server
	telegram *telegram.Server

	noted string // what Nora said last, as Slack names it

	// news has told so many of each vendor's messages.
	told struct{ wechat, wecom, twilio, slack, telegram int }
}

// What the desk is called at the vendors.
const (
	twilioSID     = "AC0123456789abcdef0123456789abcdef"
	twilioToken   = "0123456789abcdef0123456789abcdef"
	deskPhone     = "+15005550006"
	telegramToken = "4200001:AAF-simulated-token-of-a-bot" //nolint:gosec // no one's
)

// openTown starts the vendors. Those that call call the daemon at publicURL.
func openTown(publicURL string) (t *town, err error) {
	t = &town{}
	first := time.Now().UnixMilli() // a store that is kept knows the ids of earlier runs
	hook := publicURL + "/webhooks/"
	if t.wechat, err = wechat.Start(wechat.Options{Callback: hook + "wechat", First: first}); err != nil {
		return t, err
	}
	if t.wecom, err = wecom.Start(wecom.Options{First: first, Untokened: time.Nanosecond}); err != nil {
		return t, err
	}
	t.wecom.Connect(hook + "wecom")
	if t.twilio, err = twilio.Start(twilio.Options{
		AccountSID: twilioSID, AuthToken: twilioToken, Senders: []string{deskPhone}, Hook: hook + "phone", First: first,
	}); err != nil {
		return t, err
	}
	if t.slack, err = slack.Start(slack.Options{First: first, PerChannel: time.Second}); err != nil {
		return t, err
	}
	t.telegram, err = telegram.Start(telegram.Options{Token: telegramToken, First: first})
	return t, err
}

// config returns the accounts as they stand below "channels:".
func (t *town) config() string {
	return fmt.Sprintf(`  - name: wechat
    type: wechat
    app_id: %s
    app_secret: %s
    token: %s
    encoding_aes_key: %s
    api_url: %s
`, wechat.DefaultAppID, wechat.DefaultSecret, wechat.DefaultToken, wechat.DefaultAESKey, t.wechat.URL()) +
		fmt.Sprintf(`  - name: wecom
    type: wecom_kf
    corp_id: %s
    secret: %s
    token: %s
    encoding_aes_key: %s
    open_kfids: [%s]
    api_url: %s
`, wecom.DefaultCorpID, wecom.DefaultSecret, wecom.DefaultToken, wecom.DefaultAESKey, wecom.DefaultKfID, t.wecom.URL()) +
		fmt.Sprintf(`  - name: phone
    type: twilio
    account_sid: %s
    auth_token: %q
    from: %q
    api_url: %s
    voice: {enabled: true, greeting: "Welcome to Rainworks.", language: en-GB, voicemail: {transcribe: true}}
`, twilioSID, twilioToken, deskPhone, t.twilio.URL()) +
		fmt.Sprintf(`  - {name: slack, type: slack, bot_token: %s, app_token: %s, api_url: %q}
  - {name: telegram, type: telegram, bot_token: %q, api_url: %q}
`, t.slack.BotToken(), t.slack.AppToken(), t.slack.APIURL(), telegramToken, t.telegram.URL())
}

// close ends the vendors that were started.
func (t *town) close() error {
	var errs []error
	if t.wechat != nil {
		errs = append(errs, t.wechat.Close())
	}
	if t.wecom != nil {
		errs = append(errs, t.wecom.Close())
	}
	if t.twilio != nil {
		errs = append(errs, t.twilio.Close())
	}
	if t.slack != nil {
		errs = append(errs, t.slack.Close())
	}
	if t.telegram != nil {
		t.telegram.Close()
	}
	return errors.Join(errs...)
}

// arrival is a message that a vendor has taken for a customer: the address is
// as the daemon writes it.
type arrival struct{ address, text string }

// news returns what has arrived since it was last asked.
func (t *town) news() (list []arrival) {
	for _, m := range fresh(t.wechat.Record(), &t.told.wechat) {
		list = append(list, arrival{wechat.DefaultAppID + ":" + m.OpenID, m.Text})
	}
	for _, m := range fresh(t.wecom.Record(), &t.told.wecom) {
		list = append(list, arrival{wecom.DefaultCorpID + ":" + m.User, m.Text})
	}
	for _, m := range fresh(t.twilio.Messages(), &t.told.twilio) {
		list = append(list, arrival{m.To, m.Body})
	}
	for _, m := range fresh(t.slack.Record(), &t.told.slack) {
		list = append(list, arrival{slackTeam + ":U" + strings.TrimPrefix(m.Channel, "D"), m.Text})
	}
	for _, m := range fresh(t.telegram.Sent(), &t.told.telegram) {
		list = append(list, arrival{strconv.FormatInt(m.ChatID, 10), m.Text})
	}
	return list
}

// fresh returns what of a record was not told yet.
func fresh[T any](record []T, told *int) []T {
	list := record[*told:]
	*told = len(record)
	return list
}
