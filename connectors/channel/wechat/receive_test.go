package wechat_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/normalize"
)

func TestAConversationInEachMode(t *testing.T) {
	for _, mode := range []string{simulator.Plain, simulator.Compatible, simulator.Safe} {
		t.Run(mode, func(t *testing.T) {
			r := start(t, mode, nil)
			ctx := t.Context()
			if _, err := r.Probe(ctx); err != nil {
				t.Fatal(err)
			}
			if err := r.vendor.Verify(ctx); err != nil {
				t.Fatalf("the console does not take our address: %v", err)
			}
			if err := r.vendor.Follow(ctx, customer, simulator.Profile{}); err != nil {
				t.Fatal(err)
			}
			if m := r.last(t); m.Consent != normalize.OptedIn || m.ReplyWindow.Remaining != 3 {
				t.Errorf("followed: %+v", m)
			}
			words := "在吗？ ]]> <b>&amp;"
			id, err := r.vendor.Say(ctx, customer, simulator.Message{Type: "text", Text: words})
			if err != nil {
				t.Fatal(err)
			}
			m := r.last(t)
			if m.Text != words || m.ExternalID != id || m.Address != to {
				t.Errorf("got %+v", m)
			}
			if left := time.Until(m.ReplyWindow.Until); m.ReplyWindow.Remaining != 5 || left < 47*time.Hour || left > 48*time.Hour {
				t.Errorf("reply window %+v", m.ReplyWindow)
			}
			if err := r.Typing(ctx, m.Thread, m.Address); err != nil || r.vendor.Typing(customer) != 1 {
				t.Errorf("typing: %v", err)
			}
			if _, err := r.Send(ctx, r.outbound(say("您好 <1> & 🙂"))); err != nil {
				t.Fatal(err)
			}
			if got := r.vendor.Texts(customer); !slices.Equal(got, []string{"您好 <1> & 🙂"}) {
				t.Errorf("the customer got %q", got)
			}
			if err := r.vendor.Unfollow(ctx, customer); err != nil || r.last(t).Consent != normalize.OptedOut {
				t.Errorf("unfollowed: %v, %+v", err, r.last(t))
			}
		})
	}
}

func TestEveryTypeOfMessageArrives(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	r.heard()
	picture := simulator.File{Name: "a.jpg", ContentType: "image/jpeg", Data: []byte("jpeg")}
	for _, c := range []struct {
		say  simulator.Message
		want normalize.PartKind
	}{
		{simulator.Message{Type: "text", Text: "hi"}, normalize.PartText},
		{simulator.Message{Type: "image", File: picture}, normalize.PartImage},
		{simulator.Message{Type: "voice", Text: "hello", File: picture}, normalize.PartAudio},
		{simulator.Message{Type: "video", File: picture}, normalize.PartVideo},
		{simulator.Message{Type: "shortvideo", File: picture}, normalize.PartVideo},
		{simulator.Message{Type: "location", Latitude: 31.2, Longitude: 121.4, Label: "here"}, normalize.PartLocation},
		{simulator.Message{Type: "link", Title: "t", URL: "https://example.cn"}, normalize.PartText},
		{simulator.Message{Type: "file", File: picture}, normalize.PartFile},
	} {
		id, err := r.vendor.Say(t.Context(), customer, c.say)
		if err != nil {
			t.Fatal(err)
		}
		if m := r.last(t); m.ExternalID != id || len(m.Parts) != 1 || m.Parts[0].Kind != c.want {
			t.Errorf("%s became %+v", c.say.Type, m.Parts)
		}
	}
	if p := r.last(t).Parts[0]; !strings.HasPrefix(p.Text, "a.jpg (4 bytes): ") || p.Media != nil {
		t.Errorf("a file, which the vendor keeps: %+v", p)
	}
}

// To the vendor a tap on a menu that we sent is a click, which allows less than
// a message.
func TestATapOnAMenuAllowsThreeAnswers(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	r.heard()
	menu := say("Solved?\n- Yes\n- No")
	menu.HTML = `<p>Solved?</p><ul><li><a href="menu:yes, all of it">Yes</a></li><li><a href="menu:no">No</a></li></ul>`
	if _, err := r.Send(t.Context(), r.outbound(menu)); err != nil {
		t.Fatal(err)
	}
	r.vendor.CloseWindow(customer)
	if _, err := r.vendor.Say(t.Context(), customer, simulator.Message{Type: "text", Text: "Yes", MenuID: "yes, all of it"}); err != nil {
		t.Fatal(err)
	}
	m := r.last(t)
	if w := m.ReplyWindow; m.Text != "Yes" || w.Remaining != 3 || w.Until.Sub(m.SentAt) != time.Minute {
		t.Errorf("%q with the window %+v", m.Text, w)
	}
	r.spend(t, m.ReplyWindow.Remaining)
	_, err := r.Send(t.Context(), r.outbound(say("one more")))
	class(t, "a fourth answer", err, connectors.Unreachable, "45047")
}

func TestRepeatsOfTheVendorHaveTheSameIDs(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	r.heard()
	r.vendor.Deaf(3) // it hears the fourth answer only
	id, err := r.vendor.Say(t.Context(), customer, simulator.Message{Type: "text", Text: "once"})
	if err != nil {
		t.Fatal(err)
	}
	r.vendor.Double(1)
	if err := r.vendor.Happen(t.Context(), customer, simulator.Event{Name: "CLICK", Key: "MENU"}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, item := range r.items(t) {
		seen[item.(*normalize.Message).ExternalID]++
	}
	if len(seen) != 2 || seen[id] != 4 {
		t.Errorf("ids and how often they came: %v", seen)
	}
}

func TestOrderOfCallsDoesNotMatter(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	r.heard()
	r.vendor.Hold()
	for _, words := range []string{"one", "two", "three"} {
		if _, err := r.vendor.Say(t.Context(), customer, simulator.Message{Type: "text", Text: words}); err != nil {
			t.Fatal(err)
		}
		r.clock.forward(time.Second)
	}
	r.vendor.Release(true)
	var list []*normalize.Message
	for _, item := range r.items(t) {
		list = append(list, item.(*normalize.Message))
	}
	slices.SortFunc(list, func(a, b *normalize.Message) int { return a.SentAt.Compare(b.SentAt) })
	if len(list) != 3 || list[0].Text != "one" || list[2].Text != "three" {
		t.Errorf("by the vendor's time: %v", list)
	}
}

func TestReplayedCallsAreRefused(t *testing.T) {
	for _, mode := range []string{simulator.Plain, simulator.Compatible, simulator.Safe} {
		r := start(t, mode, nil)
		r.heard()
		req, err := r.vendor.Request(t.Context(), document("once"))
		if err != nil {
			t.Fatal(err)
		}
		r.clock.forward(6 * time.Minute)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized || len(r.taken) > 0 {
			t.Errorf("%s: %d, %d inputs", mode, res.StatusCode, len(r.taken))
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func document(words string) []byte {
	return []byte("<xml><ToUserName>gh_1</ToUserName><FromUserName>" + customer + "</FromUserName><CreateTime>1772350200</CreateTime>" +
		"<MsgType>text</MsgType><Content>" + words + "</Content><MsgId>4711</MsgId></xml>")
}

// call makes the call of a vendor in one mode that brings doc.
func call(t *testing.T, mode string, doc []byte) *connectors.Request {
	t.Helper()
	r := &connectors.Request{
		Method: http.MethodPost, URL: "https://desk.example.com/webhooks/wx", Header: http.Header{}, Body: bytes.Clone(doc), ReceivedAt: time.Now(),
	}
	sign(mode)(r)
	return r
}

func TestNoModeTakesWhatIsNotSigned(t *testing.T) {
	unsigned := func(r *connectors.Request, without ...string) *connectors.Request {
		u, err := url.Parse(r.URL)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		for _, key := range without {
			q.Del(key)
		}
		u.RawQuery = q.Encode()
		r.URL = u.String()
		return r
	}
	for _, c := range []struct {
		name, account string
		call          *connectors.Request
		taken         bool
	}{
		{"safe to safe", simulator.Safe, call(t, simulator.Safe, document("x")), true},
		{"compatible to safe", simulator.Safe, call(t, simulator.Compatible, document("x")), true},
		{"plain to safe", simulator.Safe, call(t, simulator.Plain, document("x")), false},
		{"safe to compatible", simulator.Compatible, call(t, simulator.Safe, document("x")), true},
		{"plain to compatible", simulator.Compatible, call(t, simulator.Plain, document("x")), true},
		{"plain to plain", simulator.Plain, call(t, simulator.Plain, document("x")), true},
		{"plain, unsigned", simulator.Plain, unsigned(call(t, simulator.Plain, document("x")), "signature"), false},
		{"compatible, plain, unsigned", simulator.Compatible, unsigned(call(t, simulator.Plain, document("x")), "signature"), false},
		{"safe, unsigned", simulator.Safe, unsigned(call(t, simulator.Safe, document("x")), "msg_signature"), false},
		{"safe, said to be plain", simulator.Safe, unsigned(call(t, simulator.Safe, document("x")), "encrypt_type", "msg_signature"), false},
	} {
		r := start(t, c.account, nil)
		b, _, err := r.Parse(t.Context(), c.call)
		if (err == nil) != c.taken || len(b.Inputs) > 0 != c.taken {
			t.Errorf("%s: %v, %d inputs", c.name, err, len(b.Inputs))
		}
	}
}

func TestAnEncryptedCallOfAPlainAccountSaysWhatToMend(t *testing.T) {
	r := start(t, simulator.Plain, nil)
	c := call(t, simulator.Safe, document("x"))
	u, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := simulator.New(simulator.Options{}).Sign() // the vendor adds it in every mode
	q.Set("encrypt_type", "aes")
	u.RawQuery = q.Encode()
	c.URL = u.String()
	if _, _, err := r.Parse(t.Context(), c); !errors.Is(err, connectors.ErrMalformed) || !strings.Contains(err.Error(), "set encryption to safe") {
		t.Errorf("%v", err)
	}
}

func TestWhatIsReadableBesideTheCiphertextIsNotRead(t *testing.T) {
	r := start(t, simulator.Compatible, nil)
	call := call(t, simulator.Compatible, document("genuine"))
	call.Body = bytes.Replace(call.Body, []byte("genuine"), []byte("FORGED!"), 1)
	b, _, err := r.Parse(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	item, err := r.Decode(b.Inputs[0])
	if err != nil || item.(*normalize.Message).Text != "genuine" {
		t.Errorf("got %+v, %v", item, err)
	}
}

func TestHostileDocumentsAreRefused(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	for name, doc := range map[string]string{
		"entities": `<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><FromUserName>o1</FromUserName><Content>&e;</Content></xml>`,
		"deep":     strings.Repeat("<xml>", 5000) + strings.Repeat("</xml>", 5000),
		"no XML":   "hello",
	} {
		if b, _, err := r.Parse(t.Context(), call(t, simulator.Safe, []byte(doc))); err == nil {
			t.Errorf("%s: %d inputs", name, len(b.Inputs))
		}
	}
	other := call(t, simulator.Safe, document("x"))
	other.Path = "/status"
	if _, _, err := r.Parse(t.Context(), other); err == nil {
		t.Error("another path was taken")
	}
}

func TestWhatIsOddIsQuarantinedAndNotLost(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	const sender, at = "<FromUserName>" + customer + "</FromUserName>", "<CreateTime>1772350200</CreateTime>"
	for name, doc := range map[string]string{
		"no sender": "<xml>" + at + "<MsgType>text</MsgType><Content>x</Content><MsgId>1</MsgId></xml>",
		"no id":     "<xml>" + sender + at + "<MsgType>text</MsgType><Content>x</Content></xml>",
		"odd id":    "<xml>" + sender + at + "<MsgType>text</MsgType><MsgId>one</MsgId></xml>",
		"odd time":  "<xml>" + sender + "<CreateTime>noon</CreateTime><MsgType>text</MsgType><Content>x</Content><MsgId>1</MsgId></xml>",
		"nowhere":   "<xml>" + sender + at + "<MsgType>location</MsgType><Location_X>here</Location_X><MsgId>1</MsgId></xml>",
		"odd event": "<xml>" + sender + "<CreateTime>noon</CreateTime><MsgType>event</MsgType><Event>CLICK</Event></xml>",
	} {
		b, _, err := r.Parse(t.Context(), call(t, simulator.Safe, []byte(doc)))
		if err != nil || len(b.Inputs) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if item, err := r.Decode(b.Inputs[0]); err == nil {
			t.Errorf("%s: decoded as %+v", name, item)
		}
		// Agents see that there was something, and of whom.
		stub := r.Peek(b.Inputs[0])
		if whose := name != "no sender" && name != "odd event"; (stub != nil) != whose || whose && (stub.Address != to || stub.Thread.Key != "chat" || stub.SentAt.IsZero()) {
			t.Errorf("%s: a stub %+v", name, stub)
		}
	}
}
