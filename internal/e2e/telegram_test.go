package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/telegram"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestATelegramBotIsServed: people write to a bot alone and in a group, with
// albums, edits and reactions, through repeated and lost calls, a kill and a
// change of the webhook's secret. Who has blocked it is not written to.
func TestATelegramBotIsServed(t *testing.T) {
	const token = "4200001:AAF-simulated-token-of-a-bot"
	ann := telegram.Person{ID: 7100001, FirstName: "Ann", LastName: "Weiss"}
	club := telegram.Group{ID: -1001700000042, Title: "Garden club"}
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newRig(t, storeURL)
		vendor, err := telegram.Start(telegram.Options{Token: token, RetryAfter: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			r.kill()
			vendor.Close()
		})
		configure := func(secret string) {
			r.configure(fmt.Sprintf("  - {name: tg, type: telegram, mode: webhook, bot_token: %q, secret_token: %s, api_url: %q}", token, secret, vendor.URL()))
		}
		configure("the-first-secret")
		r.start()
		now := func(m message) (is message) {
			r.must("GET", "/v1/messages/"+m.ID, nil, &is)
			return is
		}
		answer := func(to message, text string) (sent message, status int) {
			status, _ = r.call("POST", "/v1/conversations/"+to.ConversationID+"/messages", map[string]any{"text": text}, &sent, "Idempotency-Key", "telegram-"+text)
			return sent, status
		}
		becomes := func(m message, want string) {
			t.Helper()
			testenv.WaitFor(t, testenv.Patience, "the answer to be "+want, func() bool { return now(m).Parts[0].Status == want })
		}

		// The first call comes twice, and of the second no answer is heard.
		vendor.Twice(1)
		vendor.Deaf(1)
		asked := vendor.Text(ann, "Where is my rake?")
		first := r.await("message.received", 1)[0].Data
		if first.Text != "Where is my rake?" || first.Address.Value != "7100001" || first.Subject != "" {
			t.Errorf("the helpdesk got %+v", first)
		}
		one, _ := answer(first, "one")
		becomes(one, "accepted")

		// An album is one message for each picture, in the same conversation.
		for _, name := range []string{"left", "right"} {
			photo := telegram.Photo(vendor.AddFile(name, picture(name)), 7000)
			photo["media_group_id"] = "1337"
			vendor.Write(ann, photo)
		}
		var album []string
		for _, e := range r.await("message.received", 3)[1:] {
			album = append(album, r.mustSay(e.Data))
			if e.Data.ConversationID != first.ConversationID {
				t.Error("a picture is in another conversation")
			}
		}
		if slices.Sort(album); !slices.Equal(album, []string{"left", "right"}) {
			t.Errorf("the album holds %q", album)
		}

		vendor.Edit(ann, asked, "Where is my spade?")
		r.await("message.edited", 1)
		vendor.React(ann, vendor.Sent()[0].MessageID, "👍", false)
		r.await("message.edited", 2)
		if is := now(first); is.Text != "Where is my spade?" {
			t.Errorf("after the edit it says %q", is.Text)
		}

		// In a group it is another conversation, which bears the group's name.
		vendor.WriteIn(club, ann, map[string]any{"text": "Open on Monday?"})
		inClub := r.await("message.received", 4)[3].Data
		if inClub.Subject != club.Title || inClub.ConversationID == first.ConversationID || inClub.Customer.ID != first.Customer.ID {
			t.Errorf("from the group the helpdesk got %+v", inClub)
		}
		two, _ := answer(inClub, "two")
		becomes(two, "accepted")

		// Being removed from the group says nothing of the person.
		vendor.Faults.Add(fault.Fault{Path: "sendMessage", Kind: fault.Refuse, Status: 403, Body: `{"ok":false,"error_code":403,"description":"Forbidden: bot was kicked from the supergroup chat"}`})
		three, _ := answer(inClub, "three")
		becomes(three, "failed")
		vendor.Faults.Add(fault.Fault{Path: "sendMessage", Kind: fault.Refuse, Status: 429, RetryAfter: time.Second, Body: `{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":1}}`})
		four, _ := answer(first, "four")
		becomes(four, "accepted")

		// Nobody can look up what became of it.
		vendor.Faults.Add(fault.Fault{Path: "sendMessage", Kind: fault.Lose})
		five, _ := answer(first, "five")
		becomes(five, "uncertain")

		// What is said while the daemon is away arrives when it is back, though
		// with another secret.
		r.kill()
		vendor.Text(ann, "Hello?")
		configure("the-second-secret")
		r.start()
		if again := r.await("message.received", 5)[4].Data; again.Text != "Hello?" || again.ConversationID != first.ConversationID {
			t.Errorf("the helpdesk got %+v", again)
		}

		// A block that Telegram tells of, and one that only a refusal tells of.
		vendor.Block(ann)
		r.await("message.received", 6)
		if _, status := answer(first, "six"); status != http.StatusUnprocessableEntity {
			t.Errorf("an answer to who has blocked the bot: status %d", status)
		}
		vendor.Unblock(ann)
		r.await("message.received", 7)
		vendor.Faults.Add(fault.Fault{Path: "sendMessage", Kind: fault.Refuse, Status: 403, Body: `{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}`})
		seven, _ := answer(first, "seven")
		becomes(seven, "failed")
		if _, status := answer(first, "eight"); status != http.StatusUnprocessableEntity {
			t.Errorf("an answer to who cannot be reached: status %d", status)
		}
		vendor.Text(ann, "I am back")
		r.await("message.received", 8)
		nine, _ := answer(first, "nine")
		becomes(nine, "accepted")

		var got []string
		for _, m := range vendor.Sent() {
			got = append(got, fmt.Sprintf("%d %s", m.ChatID, m.Text))
			if reply := m.Params["reply_parameters"]; (m.ChatID == club.ID) != strings.Contains(reply, "message_id") {
				t.Errorf("%q answers %q", m.Text, reply)
			}
		}
		if want := []string{"7100001 one", "-1001700000042 two", "7100001 four", "7100001 five", "7100001 nine"}; !slices.Equal(got, want) {
			t.Errorf("Telegram was given %q, want %q", got, want)
		}
		if n := len(r.desk.received("message.received")); n != 8 {
			t.Errorf("%d messages, want 8", n)
		}
		r.stop()
	})
}
