package e2e

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestSlackThreadsAreServed: a customer's thread in a shared channel is one
// conversation in which agents answer from the helpdesk and colleagues in
// Slack, through lost answers, repeated events and a killed daemon.
func TestSlackThreadsAreServed(t *testing.T) {
	const room = "C02SHARED"
	marie := slack.User{ID: "U07MARIE", Team: "T07ACME", Name: "Marie Curie"}
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newRig(t, storeURL)
		vendor, err := slack.Start(slack.Options{AckWithin: 5 * time.Second, Retries: slices.Repeat([]time.Duration{time.Second}, 60)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = vendor.Close() }()
		vendor.AddUser(marie)
		vendor.AddUser(slack.User{ID: "U02JONAS", Name: "Jonas Beck"})
		vendor.AddChannel(slack.Channel{ID: room, Shared: true})
		r.configure(fmt.Sprintf("  - {name: slack, type: slack, bot_token: %s, app_token: %s, api_url: %q, listen_to: [%s]}",
			vendor.BotToken(), vendor.AppToken(), vendor.APIURL(), room))
		r.start()

		// The first event comes twice, and its acknowledgement gets lost.
		vendor.Twice(1)
		vendor.Deaf(1)
		root := vendor.Say(slack.Post{Channel: room, User: marie.ID, Text: "Our order *4711* is late", Files: []slack.File{
			{Name: "box.png", ContentType: "image/png", Content: []byte("\x89PNG\r\n\x1a\n"), Ask: true},
		}})
		first := r.await("message.received", 1)[0].Data
		if first.Text != "Our order 4711 is late" || first.Address.Value != "T07ACME:U07MARIE" || first.ExternalID != room+":"+root {
			t.Errorf("the helpdesk got %+v", first)
		}
		status := func(id string, part int) string {
			var now message
			r.must("GET", "/v1/messages/"+id, nil, &now)
			if part >= len(now.Parts) {
				return ""
			}
			return now.Parts[part].Status
		}
		testenv.WaitFor(t, testenv.Patience, "the picture to be fetched", func() bool { return status(first.ID, 1) == "received" })

		answer := func(text, html string) (sent message) {
			r.must("POST", "/v1/conversations/"+first.ConversationID+"/messages", map[string]any{"text": text, "html": html}, &sent, "Idempotency-Key", "slack-"+text)
			return sent
		}
		becomes := func(m message, want string) {
			t.Helper()
			testenv.WaitFor(t, testenv.Patience, "the answer to be "+want, func() bool { return status(m.ID, 0) == want })
		}
		becomes(answer("We look into it", "We <b>look</b> into it"), "accepted")

		// A colleague answers in Slack, and says something that is no answer.
		vendor.Say(slack.Post{Channel: room, User: "U02JONAS", Text: "Maintenance tonight"})
		colleague := vendor.Say(slack.Post{Channel: room, User: "U02JONAS", Text: "It left today", Thread: root})
		testenv.WaitFor(t, testenv.Patience, "the colleague's answer", func() bool {
			return slices.ContainsFunc(r.desk.received("message.sent"), func(e event) bool {
				return e.Data.ExternalID == room+":"+colleague && e.Data.ConversationID == first.ConversationID && e.Data.Direction == "outbound"
			})
		})

		// Another thread is a colleague's own, until a customer writes there.
		notice := vendor.Say(slack.Post{Channel: room, User: "U02JONAS", Text: "New prices from May"})
		vendor.Say(slack.Post{Channel: room, User: "U02JONAS", Text: "in euros", Thread: notice})
		vendor.Say(slack.Post{Channel: room, User: marie.ID, Text: "For us, too?", Thread: notice})
		asked := r.await("message.received", 2)[1].Data
		further := vendor.Say(slack.Post{Channel: room, User: "U02JONAS", Text: "For you, too", Thread: notice})
		testenv.WaitFor(t, testenv.Patience, "the colleague's answer below a colleague's", func() bool {
			return slices.ContainsFunc(r.desk.received("message.sent"), func(e event) bool {
				return e.Data.ExternalID == room+":"+further && e.Data.ConversationID == asked.ConversationID
			})
		})

		// The answer of a request is lost, and the message found in the thread.
		vendor.Faults.Add(fault.Fault{Path: "chat.postMessage", Kind: fault.Lose})
		lost := answer("Here is the label", "")
		becomes(lost, "uncertain")

		// What is said while the daemon is away arrives when it is back.
		r.kill()
		vendor.Say(slack.Post{Channel: room, User: marie.ID, Text: "Hello?", Thread: root})
		r.start()
		second := r.await("message.received", 3)[2].Data
		if second.Text != "Hello?" || second.ConversationID != first.ConversationID {
			t.Errorf("the helpdesk got %+v", second)
		}
		becomes(lost, "accepted")

		vendor.Edit(room, root, "Our order 4712 is late")
		r.await("message.edited", 1)
		vendor.Delete(room, root)
		r.await("message.deleted", 1)

		var customer struct {
			Name string `json:"name"`
		}
		testenv.WaitFor(t, testenv.Patience, "the customer's name", func() bool {
			r.must("GET", "/v1/customers/"+first.Customer.ID, nil, &customer)
			return customer.Name == marie.Name
		})
		var texts []string
		for _, m := range vendor.Record() {
			if m.Channel != room || m.Thread != root {
				t.Errorf("sent to %s, thread %s", m.Channel, m.Thread)
			}
			texts = append(texts, m.Text)
		}
		if !slices.Equal(texts, []string{"We *look* into it", "Here is the label"}) {
			t.Errorf("Marie got %q", texts)
		}
		if n := len(r.desk.received("message.received")); n != 3 {
			t.Errorf("%d messages, want 3", n)
		}
		r.stop()
	})
}

// TestSlackMayCall: in mode events what Slack signs is taken, once, and what
// others send is not.
func TestSlackMayCall(t *testing.T) {
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newRig(t, storeURL)
		hook := "http://" + r.listen + "/webhooks/slack"
		vendor, err := slack.Start(slack.Options{EventsURL: hook, Retries: slices.Repeat([]time.Duration{time.Second}, 60)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = vendor.Close() }()
		vendor.AddUser(slack.User{ID: "U07MARIE", Team: "T07ACME", Name: "Marie Curie"})
		r.configure(fmt.Sprintf("  - {name: slack, type: slack, mode: events, bot_token: %s, signing_secret: %s, api_url: %q}",
			vendor.BotToken(), vendor.SigningSecret(), vendor.APIURL()))
		r.start()

		post := func(body, secret string, at time.Time) (int, string) {
			req, err := http.NewRequest(http.MethodPost, hook, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			slack.Sign(req.Header, secret, []byte(body), at)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return res.StatusCode, string(b)
		}
		challenge := `{"type":"url_verification","challenge":"3eZbrw1a"}`
		if status, body := post(challenge, vendor.SigningSecret(), time.Now()); status != http.StatusOK || body != "3eZbrw1a" {
			t.Errorf("the challenge was answered %d %q", status, body)
		}
		forged := `{"type":"event_callback","event_id":"Ev1","event":{"type":"message","channel":"D1","user":"U1","text":"forged","ts":"1.000001"}}`
		for what, status := range map[string]int{
			"another secret": first(post(forged, "secret-of-a-stranger", time.Now())),
			"an old call":    first(post(forged, vendor.SigningSecret(), time.Now().Add(-6*time.Minute))),
		} {
			if status != http.StatusUnauthorized {
				t.Errorf("%s: status %d", what, status)
			}
		}

		vendor.Twice(1)
		vendor.Say(slack.Post{User: "U07MARIE", Text: "one"})
		r.await("message.received", 1)
		r.kill()
		vendor.Say(slack.Post{User: "U07MARIE", Text: "two"})
		r.start()
		got := r.await("message.received", 2)
		if got[0].Data.Text != "one" || got[1].Data.Text != "two" || got[0].Data.ConversationID != got[1].Data.ConversationID {
			t.Errorf("the helpdesk got %+v", got)
		}
		if err := vendor.WaitFor(t.Context(), func() bool { return vendor.Pending() == 0 }); err != nil {
			t.Fatal(err)
		}
		if n, c := len(r.desk.received("message.received")), vendor.Counts(); n != 2 || c.GivenUp > 0 {
			t.Errorf("%d messages, want 2; Slack says %+v", n, c)
		}
		r.stop()
	})
}

func first(status int, _ string) int { return status }
