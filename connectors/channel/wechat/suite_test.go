package wechat_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/wechat"
	"github.com/deskbridge/deskbridge/connectors/connectortest"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/normalize"
)

const customer = "oLi-Wei_0000000000000000001a"

var to = normalize.Address{Kind: wechat.KindWeChat, Value: simulator.DefaultAppID + ":" + customer}

// settings is an account's configuration.
func settings(encryption string, more ...string) string {
	lines := []string{
		"app_id: " + simulator.DefaultAppID, "app_secret: " + simulator.DefaultSecret, "token: " + simulator.DefaultToken,
		"encoding_aes_key: " + simulator.DefaultAESKey, "encryption: " + encryption, "api_url: '{vendor}'",
	}
	return strings.Join(append(lines, more...), "\n")
}

// sign makes a request the call of a vendor in this mode.
func sign(encryption string) func(r *connectors.Request) {
	v := simulator.New(simulator.Options{Encryption: encryption})
	return func(r *connectors.Request) {
		u, err := url.Parse(r.URL)
		if err != nil {
			panic(err)
		}
		var q url.Values
		if r.Method == http.MethodGet {
			q = v.Sign()
		} else if r.Body, q, err = v.Seal(r.Body); err != nil {
			panic(err)
		}
		maps.Copy(q, u.Query())
		u.RawQuery = q.Encode()
		r.URL = u.String()
		r.Header.Set("Content-Type", "text/xml")
	}
}

func suite() connectortest.Suite {
	return connectortest.Suite{
		Type:   wechat.Type,
		NoEcho: "an official account is told of what others do, never of what it sent",
		Config: settings(simulator.Safe),
		Vendor: func(testing.TB) http.Handler {
			v := simulator.New(simulator.Options{})
			v.AddFollower(customer, simulator.Profile{})
			v.Heard(customer)
			return v.Handler()
		},
		Sign:       sign(simulator.Safe),
		StaleAfter: tencent.Fresh,
		To:         to,
		Thread:     normalize.Thread{Key: "chat"},
		Sends:      func(r *http.Request) bool { return r.URL.Path == "/cgi-bin/message/custom/send" },
		Statuses:   statuses(),
	}
}

func TestChannel(t *testing.T) { connectortest.Run(t, suite()) }

func FuzzChannel(f *testing.F) { connectortest.Fuzz(f, suite()) }

// refusals are the errcodes that the interface for customer service messages
// documents, with what has to happen next.
var refusals = map[int]connectors.Class{
	-1:    connectors.Transient,
	40001: connectors.AccountDown, 40002: connectors.AccountDown, 40013: connectors.AccountDown, 40014: connectors.AccountDown,
	41001: connectors.AccountDown, 42001: connectors.AccountDown, 45009: connectors.AccountDown, 48001: connectors.AccountDown,
	48004: connectors.AccountDown, 50002: connectors.AccountDown, 40164: connectors.AccountDown, 65400: connectors.AccountDown,
	65401: connectors.AccountDown, 61452: connectors.AccountDown, 50004: connectors.AccountDown, 50007: connectors.AccountDown,
	89503: connectors.AccountDown, 40243: connectors.AccountDown,
	45011: connectors.Throttled, 61450: connectors.Transient,
	40003: connectors.Unreachable, 43004: connectors.Unreachable, 43019: connectors.Unreachable, 45015: connectors.Unreachable,
	45047: connectors.Unreachable, 46004: connectors.Unreachable, 48002: connectors.Unreachable, 50005: connectors.Unreachable,
	40200: connectors.Rejected, 48008: connectors.Rejected,
	40007: connectors.Rejected, 40008: connectors.Rejected, 40033: connectors.Rejected, 40035: connectors.Rejected,
	44002: connectors.Rejected, 44003: connectors.Rejected, 44004: connectors.Rejected, 45001: connectors.Rejected,
	45002: connectors.Rejected, 45003: connectors.Rejected, 45008: connectors.Rejected, 47001: connectors.Rejected,
	61451: connectors.Rejected, 87014: connectors.Rejected,
	99999: connectors.Rejected, // whatever comes in future: a refusal
}

func statuses() (list []connectortest.Status) {
	for code, class := range refusals {
		body := fmt.Sprintf(`{"errcode":%d,"errmsg":"no rid: 5f3c"}`, code)
		list = append(list, connectortest.Status{
			Name: fmt.Sprint(code), Code: http.StatusOK, Body: body, Want: class, WantCode: fmt.Sprint(code),
		})
	}
	return append(list,
		connectortest.Status{Name: "gateway", Code: http.StatusBadGateway, Body: "bad gateway", Want: connectors.Ambiguous, WantCode: "502"},
		connectortest.Status{
			Name: "throttled", Code: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"7"}},
			Want: connectors.Throttled, WantCode: "429", RetryAfter: 7 * time.Second,
		},
		connectortest.Status{Name: "not the API", Code: http.StatusNotFound, Body: "<html>", Want: connectors.AccountDown, WantCode: "404"},
	)
}
