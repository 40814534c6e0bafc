package demo

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/connectors/simulator/telegram"
	"github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
	"github.com/deskbridge/deskbridge/internal/demo/stage"
)

// town is the simulated vendors beside the mail system, and the desk's account
// with each of them.
type town struct {
	wechat   *wechat.Vendor
	wecom    *wecom.Server
	twilio   *twilio.Server
	whatsapp *twilio.Server // another account there, for WhatsApp
	slack    *slack.Server
	telegram *telegram.Server

	mu    sync.Mutex
	noted map[string]string // what somebody wrote last by Slack, as Slack names it
	off   map[string]bool   // phones that are switched off for one more SMS
	pace  time.Duration     // between what Twilio reports of a message

	// news has told so many of each vendor's messages; of Twilio's, these.
	told struct {
		wechat, wecom, slack, telegram int
		twilio                         map[string]bool
	}
}

// What the desk is called at the vendors.
const (
	twilioSID     = "AC0123456789abcdef0123456789abcdef"
	twilioToken   = "0123456789abcdef0123456789abcdef"
	deskPhone     = "+15005550006"
	deskWhatsApp  = "whatsapp:+15005550007"
	telegramToken = "4200001:AAF-simulated-token-of-a-bot" //nolint:gosec // no one's
)

// openTown starts the vendors. Those that call call the daemon at publicURL.
func openTown(publicURL string) (t *town, err error) {
	t = &town{noted: map[string]string{}, off: map[string]bool{}}
	t.told.twilio = map[string]bool{}
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
	if t.whatsapp, err = twilio.Start(twilio.Options{
		AccountSID: twilioSID, AuthToken: twilioToken, Senders: []string{deskWhatsApp}, Hook: hook + "whatsapp", First: first,
	}); err != nil {
		return t, err
	}
	t.twilio.Deliver(t.fate)
	t.whatsapp.Deliver(t.fate)
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
		fmt.Sprintf("  - {name: whatsapp, type: twilio, account_sid: %s, auth_token: %q, from: %q, api_url: %q}\n",
			twilioSID, twilioToken, deskWhatsApp, t.whatsapp.URL()) +
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
	for _, s := range []*twilio.Server{t.twilio, t.whatsapp} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if t.slack != nil {
		errs = append(errs, t.slack.Close())
	}
	if t.telegram != nil {
		t.telegram.Close()
	}
	return errors.Join(errs...)
}

// fate is what becomes of a message by Twilio.
func (t *town) fate(m twilio.Message) []twilio.Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.off[m.To] {
		delete(t.off, m.To)
		return []twilio.Report{{Status: "sent"}, {Status: "undelivered", ErrorCode: 30003, After: t.pace}}
	}
	r := []twilio.Report{{Status: "sent", After: t.pace / 2}, {Status: "delivered", After: t.pace}}
	if strings.HasPrefix(m.To, "whatsapp:") {
		r = append(r, twilio.Report{Status: "read", After: 2 * t.pace})
	}
	return r
}

// switchOff lets the next SMS to somebody fail, since the phone is off.
func (t *town) switchOff(g *guest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.off[g.at.Value] = true
}

// reports sets how long Twilio takes to report each thing of a message.
func (t *town) reports(pace time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pace = pace
}

// arrival is a message that has reached a customer.
type arrival struct {
	at    stage.Place
	text  string
	file  []byte
	links []string // of what has to be fetched
}

// news returns what has arrived since it was last asked.
func (t *town) news() (list []arrival) {
	for _, m := range fresh(t.wechat.Record(), &t.told.wechat) {
		list = append(list, arrival{at: atWeChat(m.OpenID), text: m.Text, file: m.File.Data})
	}
	for _, m := range fresh(t.wecom.Record(), &t.told.wecom) {
		list = append(list, arrival{at: atWeCom(m.User), text: m.Text, file: m.File})
	}
	for _, m := range fresh(t.slack.Record(), &t.told.slack) {
		a := arrival{at: atSlack("U" + strings.TrimPrefix(m.Channel, "D")), text: m.Text}
		for _, f := range m.Files {
			a.file = f.Content
		}
		list = append(list, a)
	}
	for _, m := range fresh(t.telegram.Sent(), &t.told.telegram) {
		list = append(list, arrival{at: atTelegram(m.ChatID), text: m.Text, file: m.File})
	}
	for _, m := range append(t.twilio.Messages(), t.whatsapp.Messages()...) {
		if t.told.twilio[m.SID] || m.Status != "delivered" && m.Status != "read" {
			continue
		}
		t.told.twilio[m.SID] = true
		at := stage.Place{Kind: byPhone, Value: m.To}
		if number, is := strings.CutPrefix(m.To, "whatsapp:"); is {
			at = stage.Place{Kind: byWhatsApp, Value: number}
		}
		list = append(list, arrival{at: at, text: m.Body, links: m.Media})
	}
	return list
}

// fresh returns what of a record was not told yet.
func fresh[T any](record []T, told *int) []T {
	list := record[*told:]
	*told = len(record)
	return list
}
