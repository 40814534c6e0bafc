package telegram

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/telegram"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	token  = "4200001:AAF-simulated-token-of-a-bot"
	secret = "hook-secret-of-the-test"
)

var ann = simulator.Person{ID: 7100001, FirstName: "Ann", LastName: "Weiss", Username: "annweiss"}

func suite() connectortest.Suite {
	return connectortest.Suite{
		Type:   Type,
		Config: "bot_token: " + token + "\nmode: webhook\nsecret_token: " + secret + "\napi_url: \"{vendor}\"\n",
		Vendor: func(t testing.TB) http.Handler {
			s := simulator.New(simulator.Options{Token: token})
			t.Cleanup(s.Close)
			s.Text(ann, "hello") // a bot answers only who has written
			return s
		},
		Sign:   func(r *connectors.Request) { r.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret) },
		Bearer: true,
		To:     normalize.Address{Kind: KindTelegram, Value: strconv.FormatInt(ann.ID, 10)},
		Sends: func(r *http.Request) bool {
			return strings.Contains(r.URL.Path, "/send") && !strings.HasSuffix(r.URL.Path, "/sendChatAction")
		},
		Statuses: []connectortest.Status{
			refused("wrong token", 401, "Unauthorized", connectors.AccountDown),
			refused("no such bot", 404, "Not Found", connectors.AccountDown),
			refused("blocked", 403, "Forbidden: bot was blocked by the user", connectors.Unreachable),
			refused("deleted account", 403, "Forbidden: user is deactivated", connectors.Unreachable),
			refused("has not written yet", 403, "Forbidden: bot can't initiate conversation with a user", connectors.Unreachable),
			refused("removed from the group", 403, "Forbidden: bot was kicked from the supergroup chat", connectors.Unreachable),
			refused("no such chat", 400, "Bad Request: chat not found", connectors.Unreachable),
			refused("too long", 400, "Bad Request: message is too long", connectors.Rejected),
			refused("bad markup", 400, "Bad Request: can't parse entities: unsupported start tag", connectors.Rejected),
			refused("no rights", 400, "Bad Request: not enough rights to send text messages to the chat", connectors.Rejected),
			refused("group deleted", 403, "Forbidden: the group chat was deleted", connectors.Unreachable),
			refused("no member", 403, "Forbidden: bot is not a member of the supergroup chat", connectors.Unreachable),
			refused("a bot", 403, "Forbidden: bot can't send messages to bots", connectors.Unreachable),
			refused("another refusal to write there", 403, "Forbidden: NOT_TODAY", connectors.Unreachable),
			refused("no such user", 400, "Bad Request: PEER_ID_INVALID", connectors.Unreachable),
			refused("supergroup now", 400, "Bad Request: group chat was upgraded to a supergroup chat", connectors.Rejected),
			refused("nobody may write", 400, "Bad Request: CHAT_WRITE_FORBIDDEN", connectors.Rejected),
			refused("topic closed", 400, "Bad Request: TOPIC_CLOSED", connectors.Rejected),
			refused("topic deleted", 400, "Bad Request: message thread not found", connectors.Rejected),
			refused("no text", 400, "Bad Request: message text is empty", connectors.Rejected),
			refused("odd picture", 400, "Bad Request: PHOTO_INVALID_DIMENSIONS", connectors.Rejected),
			refused("broken picture", 400, "Bad Request: IMAGE_PROCESS_FAILED", connectors.Rejected),
			refused("no voice notes", 400, "Bad Request: VOICE_MESSAGES_FORBIDDEN", connectors.Rejected),
			refused("flood", 420, "FLOOD_WAIT_17", connectors.Throttled),
			refused("something new", 400, "Bad Request: MOON_IN_WRONG_PHASE", connectors.Rejected),
			refused("another reader", 409, "Conflict: terminated by other getUpdates request", connectors.AccountDown),
			refused("too large", 413, "Request Entity Too Large", connectors.Rejected),
			{
				Name: "too fast", Code: 429, Body: `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 17","parameters":{"retry_after":17}}`,
				Want: connectors.Throttled, WantCode: "429", RetryAfter: 17 * time.Second,
			},
			refused("its own failure", 500, "Internal Server Error", connectors.Ambiguous),
			refused("its own gateway", 502, "Bad Gateway", connectors.Ambiguous),
			{Name: "a proxy's page", Code: 502, Body: "<html>Bad Gateway", Want: connectors.Ambiguous},
			{Name: "a proxy that wants a login", Code: 407, Body: "<html>", Want: connectors.AccountDown},
			{Name: "a proxy that is busy", Code: 429, Body: "<html>", Want: connectors.Throttled},
		},
	}
}

func refused(name string, code int, description string, want connectors.Class) connectortest.Status {
	return connectortest.Status{
		Name: name, Code: code, Want: want, WantCode: strconv.Itoa(code),
		Body: `{"ok":false,"error_code":` + strconv.Itoa(code) + `,"description":"` + description + `"}`,
	}
}

func TestChannel(t *testing.T) { connectortest.Run(t, suite()) }

func FuzzDecode(f *testing.F) { connectortest.Fuzz(f, suite()) }
