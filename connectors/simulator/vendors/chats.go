package vendors

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/connectors/simulator/telegram"
)

// What the vendors and the accounts agree on.
const (
	telegramToken  = "4200001:AAF-simulated-token-of-a-bot"
	TelegramSecret = "simulated_secret_of_the_webhook"
	SlackSecret    = "simulated-signing-secret"
)

func openTelegram(o Options, name string) (*Line, error) {
	opts := telegram.Options{Token: telegramToken, First: begin()}
	if o.Strict {
		opts.ChatGap = time.Second
	}
	s, err := telegram.Start(opts)
	if err != nil {
		return nil, err
	}
	const first = 7100000
	mode := ""
	if o.Calls {
		mode = ", mode: webhook, secret_token: " + TelegramSecret
	}
	person := func(i int) telegram.Person {
		return telegram.Person{ID: first + int64(i), FirstName: "Customer", LastName: strconv.Itoa(i)}
	}
	troubles := overHTTP(&s.Faults, "/send", `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 1","parameters":{"retry_after":1}}`)
	// Updates whose arrival Telegram does not see come again with the next ones.
	troubles[Deaf] = func() { s.Faults.AddOnce(fault.Fault{Path: "getUpdates", Kind: fault.Lose}) }
	if o.Calls {
		troubles[Deaf], troubles[Repeat], troubles[Shuffle] = func() { s.Deaf(1) }, func() { s.Twice(1) }, backwards(s)
	}
	return &Line{
		Name:    name,
		Config:  fmt.Sprintf("bot_token: %q, api_url: %q%s", telegramToken, s.URL(), mode),
		Address: func(i int) (string, string) { return "telegram", strconv.Itoa(first + i) },
		Write: func(_ context.Context, i int, text string) error {
			s.Text(person(i), text)
			return nil
		},
		Show: func(_ context.Context, i int, jpeg []byte) error {
			s.Write(person(i), telegram.Photo(s.AddFile("photo.jpg", jpeg), len(jpeg)))
			return nil
		},
		Got: func() (list []Got) {
			for _, m := range s.Sent() {
				list = append(list, Got{Customer: int(m.ChatID - first), Text: m.Text, At: m.At, File: m.File})
			}
			return list
		},
		Faults:   &s.Faults,
		Troubles: troubles,
		Calm:     s.Faults.Clear,
		close:    func() error { s.Close(); return nil },
	}, nil
}

// openSlack opens a Slack whose customers write direct messages over Socket
// Mode.
func openSlack(o Options, name string) (*Line, error) {
	opts := slack.Options{First: begin(), SigningSecret: SlackSecret, Retries: []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second}}
	if o.Strict {
		opts.PerChannel = time.Second
	}
	if o.Calls {
		opts.EventsURL = o.hook(name)
	}
	s, err := slack.Start(opts)
	if err != nil {
		return nil, err
	}
	const team, prefix = "T07GUEST", "U07CUST"
	known := make(chan map[int]bool, 1)
	known <- map[int]bool{}
	user := func(i int) string {
		id := prefix + strconv.Itoa(i)
		seen := <-known
		if !seen[i] {
			seen[i] = true
			s.AddUser(slack.User{ID: id, Team: team, Name: "Customer " + strconv.Itoa(i)})
		}
		known <- seen
		return id
	}
	troubles := overHTTP(&s.Faults, "chat.postMessage", `{"ok":false,"error":"ratelimited"}`)
	troubles[Repeat] = func() { s.Twice(1) }
	troubles[Deaf] = func() { s.Deaf(1) }
	troubles[Shuffle] = backwards(s)
	mode := "app_token: " + s.AppToken()
	if o.Calls {
		mode = "mode: events, signing_secret: " + SlackSecret
	}
	return &Line{
		Name:    name,
		Config:  fmt.Sprintf("bot_token: %s, %s, api_url: %q", s.BotToken(), mode, s.APIURL()),
		Address: func(i int) (string, string) { return "slack", team + ":" + prefix + strconv.Itoa(i) },
		Write: func(_ context.Context, i int, text string) error {
			s.Say(slack.Post{User: user(i), Text: text}) //nolint:contextcheck // Slack calls in its own time
			return nil
		},
		Show: func(_ context.Context, i int, jpeg []byte) error {
			s.Say(slack.Post{User: user(i), Files: []slack.File{{Name: "photo.jpg", ContentType: "image/jpeg", Content: jpeg}}}) //nolint:contextcheck // likewise
			return nil
		},
		Got: func() (list []Got) {
			for _, m := range s.Record() {
				i, err := strconv.Atoi(strings.TrimPrefix(m.Channel, slack.Direct(prefix)))
				if err != nil {
					i = -1
				}
				got := Got{Customer: i, Text: m.Text}
				for _, f := range m.Files {
					got.File = f.Content
				}
				list = append(list, got)
			}
			return list
		},
		Faults:   &s.Faults,
		Troubles: troubles,
		Calm:     s.Faults.Clear,
		close:    s.Close,
	}, nil
}
