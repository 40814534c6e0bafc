package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/connectors/simulator/tencent"
	"github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
	"github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
)

const formType = "application/x-www-form-urlencoded"

// callers are the accounts that are called, with the type of their calls.
var callers = map[string]string{
	"wechat": "text/xml", "wecom-kf": "text/xml", "twilio": formType, "slack": "application/json", "telegram": "application/json",
}

var (
	refusedCall   = []int{http.StatusUnauthorized, http.StatusBadRequest}
	weChatSigner  = tencent.Signer{Token: wechat.DefaultToken, AESKey: wechat.DefaultAESKey, Receiver: wechat.DefaultAppID}
	weComSigner   = tencent.Signer{Token: wecom.DefaultToken, AESKey: wecom.DefaultAESKey, Receiver: wecom.DefaultCorpID}
	slackEvent    = `{"type":"event_callback","event_id":"Ev1","team_id":"T0DESK","event":{"type":"message","channel":"D1","user":"U1","text":"hello","ts":"1.000001"}}`
	weChatMessage = `<xml><ToUserName>gh_simulated</ToUserName><FromUserName>oLi</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>hello</Content><MsgId>1</MsgId></xml>`
)

func text(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }

func typed(contentType string, more ...string) http.Header {
	h := http.Header{"Content-Type": {contentType}}
	for i := 0; i+1 < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

// forgedCalls look like the vendors' and have a signature of somebody else's.
func forgedCalls() (list []strangerCall) {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	add := func(account, query, body string, h http.Header) {
		list = append(list, strangerCall{"a forged call", account, account + query, h, text(body), []int{http.StatusUnauthorized}})
	}
	sealed := "<xml><Encrypt>AAAA</Encrypt></xml>"
	query := "&timestamp=" + now + "&nonce=1&encrypt_type=aes"
	for _, account := range []string{"wechat", "wecom-kf"} {
		add(account, "?msg_signature=0000000000000000000000000000000000000000"+query, sealed, typed("text/xml"))
		add(account, "?msg_signature="+query, sealed, typed("text/xml"))
	}
	form := "AccountSid=" + vendors.TwilioSID + "&MessageSid=SM1&From=%2B49301234567&To=%2B15005550006&Body=hello"
	for _, path := range []string{"", "/status", "/voice", "/voice/recording"} {
		add("twilio", path, form, typed(formType, "X-Twilio-Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="))
	}
	add("slack", "", slackEvent, typed("application/json", "X-Slack-Request-Timestamp", now, "X-Slack-Signature", "v0="+strings.Repeat("00", 32)))
	add("telegram", "", `{"update_id":1,"message":{"message_id":1}}`, typed("application/json", "X-Telegram-Bot-Api-Secret-Token", "guessed_secret"))
	return list
}

// hostileBodies are what breaks parsers, to every account and without a
// signature.
func hostileBodies() (list []strangerCall) {
	for what, body := range map[string]string{
		"nothing":            "",
		"deep JSON":          strings.Repeat(`{"a":[`, 500_000),
		"deep XML":           strings.Repeat("<a>", 500_000),
		"an entity bomb":     entityBomb,
		"an external entity": `<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Encrypt>&e;</Encrypt></xml>`,
		"a huge number":      `{"update_id":1e999999999,"type":` + strings.Repeat("9", 1<<20) + `}`,
		"invalid UTF-8":      "<xml><Encrypt>\xff\xfe\xc0\x80</Encrypt></xml>",
		"NUL":                "\x00\x00{\"type\":\"\x00\"}",
		"many parameters":    strings.Repeat("a=b&", 300_000),
	} {
		for account, contentType := range callers {
			list = append(list, strangerCall{what, account, account, typed(contentType), text(body), refusedCall})
		}
	}
	return list
}

var entityBomb = func() string {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE xml [<!ENTITY e0 "haha">`)
	for i := range 30 {
		fmt.Fprintf(&b, `<!ENTITY e%d "&e%d;&e%d;&e%d;">`, i+1, i, i, i)
	}
	return b.String() + "]><xml><Encrypt>&e30;</Encrypt><Content>&e30;</Content></xml>"
}()

// sealedCall is a genuine call of a Tencent account that brings a document.
func sealedCall(t *testing.T, s tencent.Signer, doc string, at time.Time) (query string, body func() io.Reader) {
	t.Helper()
	ciphertext, q, err := s.Seal([]byte(doc), at)
	if err != nil {
		t.Fatal(err)
	}
	q.Set("encrypt_type", "aes")
	return "?" + q.Encode(), text("<xml><Encrypt>" + ciphertext + "</Encrypt></xml>")
}

func slackSigned(body string, at time.Time) http.Header {
	h := typed("application/json")
	slack.Sign(h, vendors.SlackSecret, []byte(body), at)
	return h
}

func twilioSigned(address string, p url.Values) http.Header {
	return typed(formType, "X-Twilio-Signature", twilio.Sign(vendors.TwilioToken, address, p))
}

// strayCalls are genuine, and too late or for somebody else.
func strayCalls(t *testing.T, listen string) (list []strangerCall) {
	now := time.Now()
	old := now.Add(-time.Hour)
	add := func(what, account, path string, h http.Header, body func() io.Reader, want ...int) {
		list = append(list, strangerCall{what, account, path, h, body, want})
	}
	for account, s := range map[string]tencent.Signer{"wechat": weChatSigner, "wecom-kf": weComSigner} {
		q, body := sealedCall(t, s, weChatMessage, old)
		add("a stale call", account, account+q, typed("text/xml"), body, http.StatusUnauthorized)
		q, body = sealedCall(t, s, weChatMessage, now)
		add("a call below the path", account, account+"/elsewhere"+q, typed("text/xml"), body, http.StatusBadRequest)
		other := s
		other.Receiver = "wxSomebodyElse"
		q, body = sealedCall(t, other, weChatMessage, now)
		add("a call to somebody else", account, account+q, typed("text/xml"), body, refusedCall...)
	}
	q, body := sealedCall(t, weChatSigner, weChatMessage, now)
	add("a call of WeChat", "wecom-kf", "wecom-kf"+q, typed("text/xml"), body, http.StatusUnauthorized)
	add("a stale call", "slack", "slack", slackSigned(slackEvent, old), text(slackEvent), http.StatusUnauthorized)
	add("a call below the path", "slack", "slack/elsewhere", slackSigned(slackEvent, now), text(slackEvent), http.StatusBadRequest)
	secret := typed("application/json", "X-Telegram-Bot-Api-Secret-Token", vendors.TelegramSecret)
	add("a call below the path", "telegram", "telegram/elsewhere", secret, text(`{"update_id":1}`), http.StatusBadRequest)

	p := url.Values{"AccountSid": {"ACffffffffffffffffffffffffffffffff"}, "MessageSid": {"SM1"}, "From": {"+49301234567"}, "Body": {"hello"}}
	here := "http://" + listen + "/webhooks/twilio"
	add("a call to another account", "twilio", "twilio", twilioSigned(here, p), text(p.Encode()), http.StatusBadRequest)
	p.Set("AccountSid", vendors.TwilioSID)
	add("a call signed for another host", "twilio", "twilio", twilioSigned("https://other.example/webhooks/twilio", p), text(p.Encode()), http.StatusUnauthorized)
	add("a call below the path", "twilio", "twilio/elsewhere", twilioSigned(here+"/elsewhere", p), text(p.Encode()), http.StatusBadRequest)
	add("a call to nobody", "", "nobody", typed("application/json"), text("{}"), http.StatusNotFound)
	add("a call to an account without calls", "", "email", typed("application/json"), text("{}"), http.StatusNotFound)
	return list
}

// signedCalls have the vendor's signature, and nothing that it documents.
func signedCalls(t *testing.T, listen string) (list []strangerCall) {
	now := time.Now()
	add := func(what, account, query string, h http.Header, body func() io.Reader) {
		list = append(list, strangerCall{what, account, account + query, h, body, []int{http.StatusBadRequest}})
	}
	for what, doc := range map[string]string{"a signed entity bomb": entityBomb, "signed deep XML": strings.Repeat("<a>", 100_000), "signed noise": "\x00\xff"} {
		for account, s := range map[string]tencent.Signer{"wechat": weChatSigner, "wecom-kf": weComSigner} {
			q, body := sealedCall(t, s, doc, now)
			add(what, account, q, typed("text/xml"), body)
		}
	}
	for what, doc := range map[string]string{"signed deep JSON": strings.Repeat(`{"a":[`, 500_000), "signed noise": "\x00\xff"} {
		add(what, "slack", "", slackSigned(doc, now), text(doc))
		add(what, "telegram", "", typed("application/json", "X-Telegram-Bot-Api-Secret-Token", vendors.TelegramSecret), text(doc))
	}
	p := url.Values{"AccountSid": {vendors.TwilioSID}}
	for i := range 5000 {
		p.Set("p"+strconv.Itoa(i), "x")
	}
	// They are too many for their signature to be looked at.
	return append(list, strangerCall{
		"too many signed parameters", "twilio", "twilio", twilioSigned("http://"+listen+"/webhooks/twilio", p), text(p.Encode()), refusedCall,
	})
}

// largeCalls are beyond what is read, announced as such or not.
func largeCalls() (list []strangerCall) {
	const large = 11 << 20
	for account, contentType := range callers {
		for what, body := range map[string]func() io.Reader{
			"a large call":                 text(strings.Repeat("x", large)),
			"a large call of no said size": func() io.Reader { return &zeros{n: large} },
		} {
			list = append(list, strangerCall{what, account, account, typed(contentType), body, []int{http.StatusRequestEntityTooLarge}})
		}
	}
	return list
}
