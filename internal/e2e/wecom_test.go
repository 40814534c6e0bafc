package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestWeComCustomersAreServed: calls without content become messages, answers
// go out once, and what WeCom says later of a message finds it, through a
// killed daemon.
func TestWeComCustomersAreServed(t *testing.T) {
	const kf, billing, anna = wecom.DefaultKfID, "wkBilling", "wmAnna"
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newRig(t, storeURL)
		vendor, err := wecom.Start(wecom.Options{OpenKfIDs: []string{kf, billing}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = vendor.Close() }()
		vendor.Connect("http://" + r.listen + "/webhooks/kf")
		r.configure(fmt.Sprintf(`  - {name: kf, type: wecom_kf, corp_id: %s, secret: %s, token: %s, encoding_aes_key: %s, open_kfids: [%s, %s], api_url: %q, welcome: Welcome!}`,
			wecom.DefaultCorpID, wecom.DefaultSecret, wecom.DefaultToken, wecom.DefaultAESKey, kf, billing, vendor.URL()))
		r.start()
		if err := vendor.Verify(t.Context()); err != nil {
			t.Errorf("the console refuses our address: %v", err)
		}

		vendor.SetUser(anna, wecom.User{Nickname: "安娜"})
		vendor.Enter(kf, anna)
		testenv.WaitFor(t, testenv.Patience, "the greeting", func() bool { return len(vendor.Record()) == 1 })
		hello := vendor.Write(kf, anna, wecom.Text("你好，在吗？"))
		var got message
		testenv.WaitFor(t, testenv.Patience, "the message at the helpdesk", func() bool {
			i := slices.IndexFunc(r.eventsOf("message.received"), func(e event) bool { return e.Data.ExternalID == hello })
			if i >= 0 {
				got = r.eventsOf("message.received")[i].Data
			}
			return i >= 0
		})
		if got.Text != "你好，在吗？" || got.Address.Value != wecom.DefaultCorpID+":"+anna {
			t.Errorf("the helpdesk got %+v", got)
		}

		// Who that is was asked, and a picture is fetched.
		testenv.WaitFor(t, testenv.Patience, "the customer's name", func() bool {
			var who struct {
				Name string `json:"name"`
			}
			r.must("GET", "/v1/customers/"+got.Customer.ID, nil, &who)
			return who.Name == "安娜"
		})
		picture := vendor.Write(kf, anna, wecom.Media("image", vendor.PutMedia("image", "a.png", "image/png", []byte("\x89PNG\r\n\x1a\n"))))
		testenv.WaitFor(t, testenv.Patience, "the picture to be fetched", func() bool {
			for _, e := range r.eventsOf("message.received") {
				var now message
				if e.Data.ExternalID == picture {
					r.must("GET", "/v1/messages/"+e.Data.ID, nil, &now)
					return len(now.Parts) == 1 && now.Parts[0].Kind == "image" && now.Parts[0].Status == "received"
				}
			}
			return false
		})

		answer := func(text string) (sent message) {
			r.must("POST", "/v1/conversations/"+got.ConversationID+"/messages", map[string]any{"text": text}, &sent, "Idempotency-Key", "wecom-"+text)
			return sent
		}
		becomes := func(m message, want string) {
			t.Helper()
			testenv.WaitFor(t, testenv.Patience, "the answer to be "+want, func() bool { status, _ := r.status(m.ID); return status == want })
		}
		first := answer("one")
		becomes(first, "accepted")

		// WeCom reports later that the customer refuses messages.
		sent := vendor.Record()
		vendor.Fail(kf, anna, sent[len(sent)-1].MsgID, 10)
		becomes(first, "failed")
		vendor.Write(kf, anna, wecom.Text("Sorry, that was a mistake"))
		testenv.WaitFor(t, testenv.Patience, "the customer to have written again", func() bool { return len(r.eventsOf("message.received")) >= 4 })

		// The answer of the request is lost, and the daemon killed: it is not
		// sent again.
		vendor.Faults.Add(fault.Fault{Path: "kf/send_msg", Kind: fault.Lose})
		second := answer("two")
		becomes(second, "uncertain")
		r.kill()
		vendor.Write(kf, anna, wecom.Text("Are you there?"))
		vendor.WriteAsServicer(kf, anna, "zhangsan", wecom.Text("One moment"))
		vendor.Recall(kf, anna, hello)
		r.start()
		testenv.WaitFor(t, testenv.Patience, "what came meanwhile", func() bool {
			return len(r.eventsOf("message.received")) >= 5 && len(r.eventsOf("message.deleted")) == 1
		})
		becomes(second, "uncertain")
		third := answer("three")
		becomes(third, "accepted")

		// The five answers to their last message are used up, and agents are
		// told before WeCom is asked.
		for _, text := range []string{"four", "five", "six", "seven"} {
			becomes(answer(text), "accepted")
		}
		if status, err := r.call("POST", "/v1/conversations/"+got.ConversationID+"/messages", map[string]any{"text": "eight"}, nil, "Idempotency-Key", "wecom-eight"); status != http.StatusUnprocessableEntity {
			t.Errorf("a sixth answer: status %d, %v", status, err)
		}

		// Another service account has five of its own; that she looks in ends
		// nothing.
		other := vendor.Write(billing, anna, wecom.Text("And the invoice?"))
		testenv.WaitFor(t, testenv.Patience, "what she wrote to the other account", func() bool {
			i := slices.IndexFunc(r.eventsOf("message.received"), func(e event) bool { return e.Data.ExternalID == other })
			if i >= 0 {
				got = r.eventsOf("message.received")[i].Data
			}
			return i >= 0
		})
		entered := len(r.eventsOf("message.received"))
		vendor.Enter(billing, anna)
		testenv.WaitFor(t, testenv.Patience, "that she looked in", func() bool { return len(r.eventsOf("message.received")) > entered })
		for _, text := range []string{"a", "b", "c", "d", "e"} {
			becomes(answer(text), "accepted")
		}
		if status, err := r.call("POST", "/v1/conversations/"+got.ConversationID+"/messages", map[string]any{"text": "f"}, nil, "Idempotency-Key", "wecom-f"); status != http.StatusUnprocessableEntity {
			t.Errorf("a sixth answer by the other account: status %d, %v", status, err)
		}

		// WeCom's count outweighs ours, for this account and not for the other.
		hears := func(kfID, text string) {
			t.Helper()
			id := vendor.Write(kfID, anna, wecom.Text(text))
			testenv.WaitFor(t, testenv.Patience, text, func() bool {
				i := slices.IndexFunc(r.eventsOf("message.received"), func(e event) bool { return e.Data.ExternalID == id })
				if i >= 0 {
					got = r.eventsOf("message.received")[i].Data
				}
				return i >= 0
			})
		}
		hears(kf, "Hello again")
		here := got.ConversationID
		hears(billing, "And when?")
		vendor.Faults.Add(fault.Fault{Path: "kf/send_msg", Kind: fault.Refuse, Status: 200, Body: `{"errcode":95001,"errmsg":"send msg count limit"}`})
		becomes(answer("g"), "failed")
		var conversation struct {
			ReplyWindow struct {
				Remaining int `json:"remaining"`
			} `json:"reply_window"`
		}
		if r.must("GET", "/v1/conversations/"+got.ConversationID, nil, &conversation); conversation.ReplyWindow.Remaining != 0 {
			t.Errorf("WeCom takes no more, and %d answers are left", conversation.ReplyWindow.Remaining)
		}
		got.ConversationID = here
		becomes(answer("h"), "accepted")
		if n := len(r.eventsOf("customer.opted_out")); n != 1 {
			t.Errorf("%d times she is said to have opted out, want once: when she refused messages", n)
		}

		var said []string
		for _, s := range vendor.Record() {
			if !s.OnEvent {
				said = append(said, s.Text)
			}
		}
		if want := []string{"one", "two", "three", "four", "five", "six", "seven", "a", "b", "c", "d", "e", "h"}; !slices.Equal(said, want) {
			t.Errorf("WeCom was given %q, want %q", said, want)
		}
		if n := len(r.eventsOf("conversation.opened")); n > 3 {
			t.Errorf("%d conversations of one customer", n)
		}
		r.stop()
	})
}
