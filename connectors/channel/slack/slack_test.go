package slack_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/slack"
	"github.com/deskbridge/deskbridge/connectors/connectortest"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	shared = "C02SHARED"
	root   = "1772357400.000100" // of a thread there
	secret = "8f742231b10e8888abcd99yyyzzz85a5"
)

// acme's Marie is a customer in a shared channel.
var marie = simulator.User{ID: "U07MARIE", Team: "T07ACME", Name: "Marie Curie", Email: "marie@acme.example"}

func people(s *simulator.Server) {
	s.AddUser(marie)
	s.AddUser(simulator.User{ID: "U02JONAS", Name: "Jonas Beck", Email: "jonas@desk.example"})
	s.AddUser(simulator.User{ID: "U02AGENCY", Name: "Ana Agency", Email: "ana@desk.example", Guest: true})
	s.AddChannel(simulator.Channel{ID: shared, Shared: true})
}

func suite() connectortest.Suite {
	return connectortest.Suite{
		Type: slack.Type,
		Config: `bot_token: xoxb-simulated
app_token: xapp-simulated
signing_secret: ` + secret + `
mode: events
listen_to: [` + shared + `]
api_url: "{vendor}/api/"`,
		Vendor: func(t testing.TB) http.Handler {
			s := simulator.New(simulator.Options{})
			t.Cleanup(func() { _ = s.Close() })
			people(s)
			s.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "Our order is late", TS: root})
			return s
		},
		Sign: func(r *connectors.Request) {
			if r.Header.Get("Content-Type") == "" {
				r.Header.Set("Content-Type", "application/json")
			}
			simulator.Sign(r.Header, secret, r.Body, r.ReceivedAt)
		},
		StaleAfter: 5 * time.Minute,
		To:         normalize.Address{Kind: slack.KindSlack, Value: "T07ACME:U07MARIE", Name: "Marie Curie"},
		Thread:     normalize.Thread{ID: shared + ":" + root, Key: shared + ":" + root},
		Sends:      func(r *http.Request) bool { return r.URL.Path == "/api/chat.postMessage" },
		Statuses:   statuses(),
	}
}

func statuses() (list []connectortest.Status) {
	for code, want := range map[string]connectors.Class{
		"invalid_auth": connectors.AccountDown, "not_authed": connectors.AccountDown, "token_revoked": connectors.AccountDown,
		"token_expired": connectors.AccountDown, "account_inactive": connectors.AccountDown, "missing_scope": connectors.AccountDown,
		"not_allowed_token_type": connectors.AccountDown, "access_denied": connectors.Rejected, "no_permission": connectors.Rejected, "ekm_access_denied": connectors.AccountDown,
		"org_login_required": connectors.AccountDown, "two_factor_setup_required": connectors.AccountDown,
		"ratelimited": connectors.Throttled, "rate_limited": connectors.Throttled, "message_limit_exceeded": connectors.Throttled,
		"service_unavailable": connectors.Transient, "request_timeout": connectors.Transient, "team_added_to_org": connectors.Transient,
		"fatal_error": connectors.Ambiguous, "internal_error": connectors.Ambiguous,
		"user_disabled": connectors.Unreachable, "user_not_found": connectors.Unreachable, "cannot_dm_bot": connectors.Unreachable,
		"channel_not_found": connectors.Rejected, "not_in_channel": connectors.Rejected, "is_archived": connectors.Rejected,
		"restricted_action": connectors.Rejected, "restricted_action_read_only_channel": connectors.Rejected,
		"restricted_action_thread_locked": connectors.Rejected, "messages_tab_disabled": connectors.Rejected,
		"msg_too_long": connectors.Rejected, "no_text": connectors.Rejected, "invalid_arguments": connectors.Rejected,
		"invalid_metadata_format": connectors.Rejected, "slack_connect_file_link_sharing_blocked": connectors.Rejected,
		"a_code_of_next_year": connectors.Rejected,
	} {
		list = append(list, connectortest.Status{Name: code, Code: 200, Body: fmt.Sprintf(`{"ok":false,"error":%q}`, code), Want: want, WantCode: code})
	}
	return append(list,
		connectortest.Status{
			Name: "429 with Retry-After", Code: 429, Header: http.Header{"Retry-After": {"7"}}, Body: `{"ok":false,"error":"ratelimited"}`,
			Want: connectors.Throttled, RetryAfter: 7 * time.Second,
		},
		connectortest.Status{Name: "429 without", Code: 429, Want: connectors.Throttled, RetryAfter: 10 * time.Second},
		connectortest.Status{Name: "500", Code: 500, Body: "<html>oops", Want: connectors.Ambiguous},
		connectortest.Status{Name: "502", Code: 502, Want: connectors.Ambiguous},
		connectortest.Status{Name: "503", Code: 503, Want: connectors.Ambiguous},
		connectortest.Status{Name: "404 of a wrong api_url", Code: 404, Want: connectors.AccountDown},
		connectortest.Status{Name: "a redirect", Code: 302, Header: http.Header{"Location": {"https://elsewhere.example/"}}, Want: connectors.AccountDown},
		connectortest.Status{Name: "ok without a message", Code: 200, Body: `{"ok":true}`, Want: connectors.Ambiguous},
		connectortest.Status{Name: "neither ok nor an error", Code: 200, Body: `{}`, Want: connectors.Ambiguous},
	)
}

func TestSuite(t *testing.T) { connectortest.Run(t, suite()) }

func FuzzSlack(f *testing.F) { connectortest.Fuzz(f, suite()) }

// Whoever writes what cannot be read is on the timeline all the same, and
// nobody else.
func TestWhoWroteWhatCannotBeRead(t *testing.T) {
	r := open(t, simulator.Options{}, nil)
	const place = shared + ":1772357400.000100"
	for name, c := range map[string]struct{ event, thread string }{
		"a text of another type": {`"user":"U07MARIE","user_team":"T07ACME","ts":"1772357400.000100","text":{"x":1}`, place},
		"an answer in a thread":  {`"user":"U07MARIE","user_team":"T07ACME","ts":"1772357401.000100","thread_ts":"1772357400.000100","files":"none"`, place},
		"without its time":       {`"user":"U07MARIE","user_team":"T07ACME","text":"Hello"`, ""},
		"a colleague":            {`"user":"U02JONAS","user_team":"T0DESK","text":1`, "-"},
		"nobody":                 {`"user_team":"T07ACME","text":1`, "-"},
		"an edit":                {`"user":"U07MARIE","user_team":"T07ACME","subtype":"message_changed"`, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			in := normalize.Input{Raw: []byte(`{"type":"event_callback","team_id":"T0DESK","event":{"type":"message","channel":"` + shared + `",` + c.event + `}}`)}
			if item, err := r.Decode(in); err == nil && c.thread != "-" {
				t.Errorf("it was read: %+v", item)
			}
			m := r.Peek(in)
			if (m == nil) != (c.thread == "-") || m != nil && (m.Address.Value != "T07ACME:U07MARIE" || m.Thread.ID != c.thread) {
				t.Errorf("%+v, want thread %q", m, c.thread)
			}
		})
	}
}

// What is not as Slack documents it is put aside, for a reason that does not
// quote it.
func TestWhatIsNotAsDocumentedIsPutAside(t *testing.T) {
	r := open(t, simulator.Options{}, nil)
	const from = `"user":"U07MARIE","user_team":"T07ACME","text":"secret words"`
	file := `{"id":"F1","name":"secret words"}`
	for name, c := range map[string]struct{ event, reason string }{
		"a time with too few digits": {`"channel":"` + shared + `","ts":"1772357400.1",` + from, "bad_ts"},
		"no time":                    {`"channel":"` + shared + `",` + from, "bad_ts"},
		"no channel":                 {`"ts":"1772357400.000100",` + from, "bad_channel"},
		"nobody":                     {`"channel":"` + shared + `","ts":"1772357400.000100","user_team":"T07ACME","text":"secret words"`, "no_user"},
		"an edit of nothing":         {`"channel":"` + shared + `","subtype":"message_changed","ts":"1772357400.000100"`, "no_message"},
		"a text of another type":     {`"channel":"` + shared + `","text":["secret words"]`, "bad_event"},
		"a hundred files too many":   {`"channel":"` + shared + `","ts":"1772357400.000100","files":[` + strings.Repeat(file+",", 200) + file + `],` + from, "too_many_files"},
	} {
		in := normalize.Input{Raw: []byte(`{"type":"event_callback","team_id":"T0DESK","event":{"type":"message",` + c.event + `}}`)}
		item, err := r.Decode(in)
		if err == nil || !strings.HasPrefix(err.Error(), c.reason+": ") || strings.Contains(err.Error(), "secret words") {
			t.Errorf("%s: %+v, %v, want %s", name, item, err, c.reason)
		}
	}
}
