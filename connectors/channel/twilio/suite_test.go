package twilio_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/twilio"
	"github.com/deskbridge/deskbridge/connectors/connectortest"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	accountSID = "AC0123456789abcdef0123456789abcdef"
	authToken  = "0123456789abcdefauthtoken4567890"
	ours       = "+15550100123"
	anna       = "+15550100777"
)

const account = `
account_sid: ` + accountSID + `
auth_token: ` + authToken + `
from: "` + ours + `"
api_url: "{vendor}"
voice:
  enabled: true
  greeting: Welcome to Example.
  greetings: {de-DE: Willkommen bei Example.}
  menu:
    prompt: For orders press 1, for returns press 2.
    options:
      - {digit: "1", name: orders, forward_to: "+15550100188"}
      - {digit: "2", name: returns}
  forward_to: "+15550100199"
  voicemail: {transcribe: true}
`

// sign makes r a genuine call of Twilio's.
func sign(r *connectors.Request) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var signature string
		r.URL, signature = simulator.SignedJSON(authToken, r.URL, r.Body)
		r.Header.Set("X-Twilio-Signature", signature)
		return
	}
	params, _ := url.ParseQuery(string(r.Body))
	r.Header.Set("X-Twilio-Signature", simulator.Sign(authToken, r.URL, params))
}

func suite() connectortest.Suite {
	return connectortest.Suite{
		Type: twilio.Type, Config: account, Sign: sign,
		Vendor: func(t testing.TB) http.Handler {
			s := simulator.New(simulator.Options{AccountSID: accountSID, AuthToken: authToken, Senders: []string{ours}, Hook: "http://127.0.0.1:1/webhooks/tested"})
			t.Cleanup(func() { _ = s.Close() })
			return s.Handler()
		},
		To: normalize.Address{Kind: normalize.KindPhone, Value: anna}, Thread: normalize.Thread{ID: ours},
		Sends: func(r *http.Request) bool {
			return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/Messages.json")
		},
		Statuses: statuses(),
	}
}

func TestSuite(t *testing.T) { connectortest.Run(t, suite()) }

func FuzzDecode(f *testing.F) { connectortest.Fuzz(f, suite()) }

// statuses: each code by itself, and what says nothing in Twilio's form.
func statuses() (list []connectortest.Status) {
	for code, want := range map[string]connectors.Class{
		"10001": connectors.AccountDown, "14107": connectors.Throttled, "20003": connectors.AccountDown, "20005": connectors.AccountDown,
		"20404": connectors.AccountDown, "20429": connectors.Throttled, "20500": connectors.Ambiguous, "20503": connectors.Transient,
		"21211": connectors.Unreachable, "21212": connectors.AccountDown, "21408": connectors.Rejected, "21601": connectors.AccountDown,
		"21606": connectors.AccountDown, "21608": connectors.Rejected, "21610": connectors.Unreachable, "21611": connectors.Throttled,
		"21612": connectors.Rejected, "21614": connectors.Unreachable, "21617": connectors.Rejected, "21619": connectors.Rejected,
		"21620": connectors.Rejected, "21623": connectors.Rejected, "21635": connectors.Unreachable, "21657": connectors.Rejected, "21660": connectors.AccountDown, "21703": connectors.Rejected,
		"30001": connectors.Throttled, "30002": connectors.AccountDown, "30003": connectors.Rejected, "30004": connectors.Unreachable,
		"30005": connectors.Unreachable, "30006": connectors.Unreachable, "30007": connectors.Rejected, "30008": connectors.Rejected,
		"30034": connectors.AccountDown, "63007": connectors.AccountDown, "63016": connectors.Unreachable, "63018": connectors.Throttled,
		"63024": connectors.Unreachable, "63038": connectors.AccountDown, "21267": connectors.AccountDown, "21268": connectors.Unreachable, "21730": connectors.Transient, "63036": connectors.Rejected, "21999": connectors.Rejected,
	} {
		status := map[string]int{"20003": 401, "20404": 404, "20429": 429, "20500": 500, "20503": 503, "14107": 429}[code]
		if status == 0 {
			status = 400
		}
		list = append(list, connectortest.Status{
			Name: code, Code: status, Want: want, WantCode: code,
			Body: `{"code":` + code + `,"message":"in Twilio's words","status":400,"more_info":"https://www.twilio.com/docs/errors/` + code + `"}`,
		})
	}
	return append(list,
		connectortest.Status{
			Name: "slow down, in seconds", Code: 429, Header: http.Header{"Retry-After": {"7"}}, Body: `{"code":20429,"status":429}`,
			Want: connectors.Throttled, RetryAfter: 7 * time.Second,
		},
		connectortest.Status{Name: "a proxy's page", Code: 502, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>bad gateway", Want: connectors.Ambiguous, WantCode: "502"},
		connectortest.Status{Name: "a proxy that is overloaded", Code: 503, Body: "", Want: connectors.Ambiguous, WantCode: "503"},
		connectortest.Status{Name: "a proxy that wants a password", Code: 403, Body: "<html>", Want: connectors.AccountDown, WantCode: "403"},
		connectortest.Status{Name: "an unreadable refusal", Code: 400, Body: "nope", Want: connectors.Rejected, WantCode: "400"},
		connectortest.Status{Name: "another place", Code: 302, Header: http.Header{"Location": {"https://elsewhere.example/"}}, Body: "<html>", Want: connectors.AccountDown, WantCode: "302"},
	)
}
