package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestWeChatFollowersAreServed: what followers write arrives once, however the
// vendor repeats its calls; answers go out once, through a killed daemon; a
// template carries what the vendor takes in no other way.
func TestWeChatFollowersAreServed(t *testing.T) {
	const li = "oLi-Wei_0000000000000000001a"
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newRig(t, storeURL)
		vendor, err := wechat.Start(wechat.Options{
			Callback: "http://" + r.listen + "/webhooks/wx", Templates: []string{"TEMPLATE"}, Repeat: time.Second, Repeats: 60,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = vendor.Close() }()
		r.configure(fmt.Sprintf(`  - {name: wx, type: wechat, app_id: %s, app_secret: %s, token: %s, encoding_aes_key: %s, api_url: %q, templates: {reply: TEMPLATE}}`,
			wechat.DefaultAppID, wechat.DefaultSecret, wechat.DefaultToken, wechat.DefaultAESKey, vendor.URL()))
		r.start()
		ctx := t.Context()
		if err := vendor.Verify(ctx); err != nil {
			t.Fatalf("the console refuses our address: %v", err)
		}
		if err := vendor.Follow(ctx, li, wechat.Profile{Nickname: "李伟"}); err != nil {
			t.Fatal(err)
		}
		// The vendor does not hear the first two answers, and then calls twice.
		vendor.Deaf(2)
		hello, err := vendor.Say(ctx, li, wechat.Message{Type: "text", Text: "在吗？"})
		if err != nil {
			t.Fatal(err)
		}
		vendor.Double(1)
		picture, err := vendor.Say(ctx, li, wechat.Message{
			Type: "image", File: wechat.File{Name: "a.jpg", ContentType: "image/jpeg", Data: []byte("\xff\xd8\xff\xe0jpeg")},
		})
		if err != nil {
			t.Fatal(err)
		}
		got := r.await("message.received", 3)
		find := func(externalID string) (m message) {
			for _, e := range got {
				if e.Data.ExternalID == externalID {
					m = e.Data
				}
			}
			return m
		}
		if m := find(hello); m.Text != "在吗？" || m.Address.Value != wechat.DefaultAppID+":"+li {
			t.Errorf("the helpdesk got %+v", m)
		} else if w := m.ReplyWindow; w == nil || w.Remaining != 5 || time.Until(w.Until) < 47*time.Hour {
			t.Errorf("the helpdesk is told of the reply window %+v, want 5 answers in 48 hours", w)
		}
		testenv.WaitFor(t, testenv.Patience, "the picture to be fetched", func() bool {
			var now message
			r.must("GET", "/v1/messages/"+find(picture).ID, nil, &now)
			return len(now.Parts) == 1 && now.Parts[0].Kind == "image" && now.Parts[0].Status == "received"
		})

		// Strangers are refused.
		for _, query := range []string{"", "?signature=0&timestamp=1&nonce=1", "?msg_signature=0&timestamp=1&nonce=1&encrypt_type=aes"} {
			res, err := http.Post("http://"+r.listen+"/webhooks/wx"+query, "text/xml", strings.NewReader("<xml><Encrypt>AAAA</Encrypt></xml>"))
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusUnauthorized {
				t.Errorf("a stranger's call %q was answered %s", query, res.Status)
			}
		}

		answer := func(text string) (sent message) {
			r.must("POST", "/v1/conversations/"+find(hello).ConversationID+"/messages", map[string]any{"text": text}, &sent, "Idempotency-Key", "wechat-"+text)
			return sent
		}
		becomes := func(m message, want string) {
			t.Helper()
			testenv.WaitFor(t, testenv.Patience, "the answer to be "+want, func() bool {
				var now message
				r.must("GET", "/v1/messages/"+m.ID, nil, &now)
				return len(now.Parts) > 0 && now.Parts[0].Status == want
			})
		}
		becomes(answer("one"), "accepted")
		vendor.Revoke() // the token
		becomes(answer("two"), "accepted")

		// Choices go out as a menu.
		var menu message
		r.must("POST", "/v1/conversations/"+find(hello).ConversationID+"/messages", map[string]any{
			"html": `<p>Solved?</p><ul><li><a href="menu:1">Yes</a></li><li><a href="menu:2">No</a></li></ul>`,
		}, &menu)
		becomes(menu, "accepted")
		if sent := vendor.Record()[2]; sent.Type != "msgmenu" || sent.Text != "Solved?" || sent.Menu["2"] != "No" {
			t.Errorf("the menu went as %+v", sent)
		}

		// The answer of a request is lost, and the daemon killed: it is not sent
		// again. What is written meanwhile is repeated until the daemon is back.
		vendor.Faults.Add(fault.Fault{Path: "custom/send", Kind: fault.Lose})
		lost := answer("three")
		becomes(lost, "uncertain")
		r.kill()
		said := make(chan error, 1)
		go func() {
			_, err := vendor.Say(ctx, li, wechat.Message{Type: "text", Text: "Hello?"})
			said <- err
		}()
		r.start()
		if err := <-said; err != nil {
			t.Errorf("written while the daemon was away: %v", err)
		}
		r.await("message.received", 4)
		becomes(lost, "uncertain")

		// The last message has opened the reply window anew.
		var conversation struct {
			ReplyWindow struct {
				Until     time.Time `json:"until"`
				Remaining int       `json:"remaining"`
			} `json:"reply_window"`
			Customer struct {
				Name string `json:"name"`
			} `json:"customer"`
		}
		testenv.WaitFor(t, testenv.Patience, "the customer's name", func() bool {
			r.must("GET", "/v1/conversations/"+find(hello).ConversationID, nil, &conversation)
			return conversation.Customer.Name == "李伟"
		})
		if w := conversation.ReplyWindow; w.Remaining != 5 || time.Until(w.Until) < 47*time.Hour {
			t.Errorf("reply window %+v, want 5 answers in 48 hours of the last message", w)
		}

		// The vendor takes no more answers; then the template does.
		vendor.CloseWindow(li)
		late := answer("four")
		becomes(late, "accepted")
		record := vendor.Record()
		last := record[len(record)-1]
		if last.Data["thing1"] != "four" {
			t.Fatalf("sent last: %+v", last)
		}
		if r.must("GET", "/v1/conversations/"+find(hello).ConversationID, nil, &conversation); conversation.ReplyWindow.Remaining != 0 {
			t.Errorf("a template was needed, and %d answers are left", conversation.ReplyWindow.Remaining)
		}
		if err := vendor.TemplateFinished(ctx, li, last.MsgID, "success"); err != nil {
			t.Fatal(err)
		}
		becomes(late, "delivered")
		if texts := vendor.Texts(li); !slices.Equal(texts, []string{"one", "two", "three"}) || len(record) != 5 {
			t.Errorf("the follower got %q, %d messages in all", texts, len(record))
		}

		// Who has unsubscribed is not written to.
		if err := vendor.Unfollow(ctx, li); err != nil {
			t.Fatal(err)
		}
		r.await("customer.opted_out", 1)
		r.await("message.received", 5)
		path := "/v1/conversations/" + find(hello).ConversationID + "/messages"
		if status, err := r.call("POST", path, map[string]any{"text": "five"}, nil); status < 400 || status >= 500 {
			t.Errorf("an answer to who has unsubscribed: status %d, %v", status, err)
		}
		if n := len(r.desk.received("message.received")); n != 5 {
			t.Errorf("%d messages, want 5: followed, wrote, sent a picture, wrote again, left", n)
		}
		r.stop()
	})
}
