package slack_test

import (
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/normalize"
)

// Whom a customer mentions is shown by name, which is asked for once.
func TestMentionsHaveNames(t *testing.T) {
	r := open(t, patient, nil)
	r.slack.AddUser(simulator.User{ID: "U02ODD", Name: "Odd | <b>"})
	r.stream(t)
	const said = "<@U02JONAS> and <@U0DESKBOT>, ask <@U02ODD> or <@U99NOBODY>. `<@U02JONAS>`"
	for range 2 {
		r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: said})
		r.settled(t)
	}
	for _, m := range r.src.messages {
		if want := "@Jonas Beck and @deskbridge, ask @Odd ¦ <b> or @U99NOBODY. @Jonas Beck"; m.Text != want {
			t.Errorf("%q, want %q", m.Text, want)
		}
		if strings.Contains(m.HTML, "<b>") {
			t.Errorf("a name became markup: %s", m.HTML)
		}
	}
	asked := 0
	for _, q := range r.slack.Requests() {
		if q.Method == "users.info" {
			asked++
		}
	}
	if asked != 4 {
		t.Errorf("Slack was asked %d times for 4 names", asked)
	}
	// An edit has them, too.
	r.slack.Edit(shared, place(r.src.messages[0]), "not <@U02JONAS>")
	r.settled(t)
	if edit, ok := r.src.others[0].(*normalize.Edit); !ok || edit.Text != "not @Jonas Beck" {
		t.Errorf("the edit says %+v", r.src.others[0])
	}
}

// place is the ts of a message.
func place(m *normalize.Message) string {
	_, ts, _ := strings.Cut(m.ExternalID, ":")
	return ts
}

// Nothing waits for a name that is not to be had.
func TestNamesHoldNothingUp(t *testing.T) {
	for name, f := range map[string]fault.Fault{
		"never":     {Kind: fault.Hang, Path: "users.info"},
		"not now":   {Kind: fault.Refuse, Path: "users.info", Status: 429, RetryAfter: time.Hour},
		"cut short": {Kind: fault.Cut, Path: "users.info", Times: 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, simulator.Options{AckWithin: 3 * time.Second, Retries: []time.Duration{time.Hour}}, nil)
			r.slack.Faults.Add(f)
			r.stream(t)
			r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "Hello <@U02JONAS>"})
			r.src.until(t, "stored", func() bool { return len(r.src.messages) == 1 })
			if got := r.src.texts()[0]; got != "Hello @U02JONAS" {
				t.Errorf("%q", got)
			}
			r.settled(t)
			if c := r.slack.Counts(); c.Acknowledged != 1 || c.Deliveries != 1 {
				t.Errorf("Slack says %+v", c)
			}
		})
	}
}
