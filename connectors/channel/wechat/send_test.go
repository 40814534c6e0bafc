package wechat_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/wechat"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/normalize"
)

const pathSend = "/cgi-bin/message/custom/send"

func withTemplate(c *wechat.Config) {
	c.Templates = map[string]string{"reply": "TEMPLATE", "other": "OTHER"}
	c.TemplateData = map[string]string{"thing1": "{text}", "thing2": "by {agent}", "time3": "{time}"}
}

func TestTheVendorsWindowHoldsWithoutATemplate(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	r.heard()
	for range 5 {
		if _, err := r.Send(t.Context(), r.outbound(say("answer"))); err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.Send(t.Context(), r.outbound(say("one too many")))
	class(t, "the sixth answer", err, connectors.Unreachable, "45047")
	r.vendor.Heard(customer)
	r.clock.forward(48 * time.Hour)
	_, err = r.Send(t.Context(), r.outbound(say("too late")))
	class(t, "after 48 hours", err, connectors.Unreachable, "45015")
	if n := len(r.vendor.Record()); n != 5 {
		t.Errorf("%d messages were sent", n)
	}
}

func TestATemplateCarriesTextWhenTheWindowIsClosed(t *testing.T) {
	long := "您的订单已经发货，预计明天下午送达，请留意电话通知"
	for name, late := range map[string]func(r *rig){
		"as we know":         func(r *rig) { r.vendor.CloseWindow(customer) },
		"as the vendor says": func(r *rig) { r.vendor.CloseWindow(customer) },
		"out of answers":     func(r *rig) { r.spend(t, 5) },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, simulator.Safe, withTemplate)
			r.heard()
			late(r)
			before := len(r.vendor.Record())
			o := r.outbound(say(long))
			if name == "as we know" {
				o.Message.ReplyWindow.Until = r.clock.Now().Add(-time.Minute)
				// Then customer service is not even asked.
				r.vendor.Faults.Add(fault.Fault{Kind: fault.Cut, Path: pathSend, Times: -1})
			}
			sent, err := r.Send(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			record := r.vendor.Record()[before:]
			if len(record) != 1 || record[0].Template != "TEMPLATE" {
				t.Fatalf("sent: %+v", record)
			}
			data := record[0].Data
			if want := string([]rune(long)[:19]) + "…"; data["thing1"] != want || data["thing2"] != "by Anna" || !timely(data["time3"], r.clock.Now()) {
				t.Errorf("fields: %q, want %q", data, want)
			}
			if sent.Closed == (name == "as we know") {
				t.Errorf("whether the vendor was asked first: closed %t", sent.Closed)
			}
			if !strings.Contains(sent.Detail, "template") || !strings.Contains(sent.Detail, "cut to 20") {
				t.Errorf("the agent is told %q", sent.Detail)
			}
			if err := r.vendor.TemplateFinished(t.Context(), customer, record[0].MsgID, "failed:user block"); err != nil {
				t.Fatal(err)
			}
			items := r.items(t)
			receipts, ok := items[len(items)-1].(normalize.Receipts)
			if !ok || receipts[0].ExternalID != sent.ExternalID || receipts[0].Status != normalize.StatusFailed || !receipts[0].Unreachable {
				t.Errorf("receipt %+v for %q", items[len(items)-1], sent.ExternalID)
			}
			// The same request once more is the same message.
			o.Begin = r.outbound(say("")).Begin
			again, err := r.Send(t.Context(), o)
			if err != nil || again.ExternalID != sent.ExternalID || len(r.vendor.Record()) != before+1 {
				t.Errorf("repeated: %+v, %v", again, err)
			}
		})
	}
}

// timely reports whether a field tells the time in Beijing.
func timely(field string, now time.Time) bool {
	at, err := time.ParseInLocation("2006-01-02 15:04", field, time.FixedZone("CST", 8*60*60))
	return err == nil && now.Sub(at).Abs() < 2*time.Minute
}

// spend uses up answers.
func (r *rig) spend(t *testing.T, n int) {
	t.Helper()
	for range n {
		if _, err := r.Send(t.Context(), r.outbound(say("answer"))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATemplateThatTheVendorRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*wechat.Config)
		setUp  func(r *rig)
		want   connectors.Class
		code   string
	}{
		{"unknown template", func(c *wechat.Config) { c.Templates = map[string]string{"reply": "WRONG"} }, func(r *rig) { r.heard() }, connectors.Rejected, "40037"},
		{"no follower", withTemplate, func(r *rig) {
			r.heard()
			_ = r.vendor.Unfollow(t.Context(), customer)
		}, connectors.Unreachable, "43004"},
	} {
		r := start(t, simulator.Safe, c.change)
		c.setUp(r)
		r.vendor.CloseWindow(customer)
		_, err := r.Send(t.Context(), r.outbound(say("hello")))
		class(t, c.name, err, c.want, c.code)
	}
}

func TestATemplateOfNobodyHasNoEmptyField(t *testing.T) {
	r := start(t, simulator.Safe, func(c *wechat.Config) {
		c.Templates = map[string]string{"reply": "TEMPLATE"}
		c.TemplateData = map[string]string{"thing1": "{text}", "name2": "{agent}"}
	})
	r.heard()
	r.vendor.CloseWindow(customer)
	for _, author := range []*normalize.Author{nil, {Email: "bot@example.com"}} {
		o := r.outbound(say("Your parcel has arrived"))
		o.Message.Author = author
		if _, err := r.Send(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range r.vendor.Record() {
		if s.Data["name2"] != "客服" {
			t.Errorf("fields: %q", s.Data)
		}
	}
}

func TestATemplateWhoseAnswerIsLostIsUncertain(t *testing.T) {
	r := start(t, simulator.Safe, withTemplate)
	r.heard()
	r.vendor.CloseWindow(customer)
	r.vendor.Faults.Add(fault.Fault{Kind: fault.Lose, Path: "/message/template/send"})
	_, err := r.Send(t.Context(), r.outbound(say("hello"))) // after a refusal
	class(t, "the answer is lost", err, connectors.Ambiguous, "")
}

func TestALostAnswerIsUncertainAndNothingIsSentTwice(t *testing.T) {
	for _, f := range []fault.Fault{
		{Kind: fault.Lose, Path: pathSend},
		{Kind: fault.Refuse, Path: pathSend, Status: 502},
	} {
		r := start(t, simulator.Safe, nil)
		r.heard()
		r.vendor.Faults.Add(f)
		_, err := r.Send(t.Context(), r.outbound(say("hello")))
		if connectors.Classify(err).Class != connectors.Ambiguous {
			t.Errorf("%s: %v", f.Kind, err)
		}
		if n := len(r.vendor.Record()); n > 1 {
			t.Errorf("%s: sent %d times", f.Kind, n)
		}
	}
}

func TestARevokedTokenCostsNoMessage(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	r.heard()
	r.spend(t, 1)
	r.vendor.Revoke()
	r.spend(t, 1)
	r.clock.forward(3 * time.Hour) // and one whose time has run out
	r.vendor.Heard(customer)
	r.spend(t, 1)
	if got, issued := len(r.vendor.Record()), r.vendor.Issued(); got != 3 || issued != 3 {
		t.Errorf("%d messages with %d tokens", got, issued)
	}
}

func TestManyAnswersAtOnceTakeOneToken(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	r.heard()
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := r.Send(t.Context(), r.outbound(say("answer"))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if r.vendor.Issued() != 1 || len(r.vendor.Record()) != 5 {
		t.Errorf("%d tokens, %d messages", r.vendor.Issued(), len(r.vendor.Record()))
	}
}

func TestRichTextBecomesWhatTheVendorHas(t *testing.T) {
	rich := func(plain, html string) normalize.Part {
		return normalize.Part{Kind: normalize.PartText, Text: plain, HTML: html}
	}
	r := start(t, simulator.Safe, nil)
	for _, c := range []struct {
		part normalize.Part
		want func(s simulator.Sent) bool
	}{
		{rich("How to return (https://shop.example.cn/r?a=1&b=2)", `<p><a href="https://shop.example.cn/r?a=1&amp;b=2">How to return</a></p>`), func(s simulator.Sent) bool {
			return s.Type == "news" && s.Title == "How to return" && s.URL == "https://shop.example.cn/r?a=1&b=2"
		}},
		{rich("see https://a.cn", `see <a href="https://a.cn">https://a.cn</a>`), func(s simulator.Sent) bool {
			return s.Type == "text" && s.Text == "see https://a.cn"
		}},
		{rich("https://a.cn", `<a href="https://a.cn">https://a.cn</a>`), func(s simulator.Sent) bool { return s.Type == "text" }},
		{rich("Were you satisfied?\n- Yes\n- No\nThank you", `<p>Were you satisfied?</p><ul><li><a href="menu:101">Yes</a></li><li><a href="menu:102">No</a></li></ul><p>Thank you</p>`), func(s simulator.Sent) bool {
			return s.Type == "msgmenu" && s.Text == "Were you satisfied?" && s.Description == "Thank you" && s.Menu["101"] == "Yes" && s.Menu["102"] == "No"
		}},
		{rich("1 of 11", strings.Repeat(`<a href="menu:1">one</a> `, 11)), func(s simulator.Sent) bool { return s.Type == "text" }},
		{rich("Hello you", `<p>Hello <b>you</b></p>`), func(s simulator.Sent) bool { return s.Type == "text" && s.Text == "Hello you" }},
	} {
		r.heard()
		if _, err := r.Send(t.Context(), r.outbound(c.part)); err != nil {
			t.Fatal(err)
		}
		record := r.vendor.Record()
		if got := record[len(record)-1]; !c.want(got) {
			t.Errorf("%s went as %+v", c.part.HTML, got)
		}
	}
}

func TestWhatCannotBeSentIsRefusedBeforeItBegins(t *testing.T) {
	r := start(t, simulator.Safe, withTemplate)
	r.heard()
	elsewhere := r.outbound(say("hello"))
	elsewhere.Message.Address.Value = "wxffff:" + customer
	two := r.outbound(say("hello"))
	two.Parts = append(two.Parts, say("again"))
	for name, o := range map[string]struct {
		err  error
		want connectors.Class
	}{
		"another account's follower": {second(r.Send(t.Context(), elsewhere)), connectors.Rejected},
		"two parts":                  {second(r.Send(t.Context(), two)), connectors.Rejected},
		"too long":                   {second(r.Send(t.Context(), r.outbound(say(strings.Repeat("长", 683))))), connectors.Rejected},
		"a location":                 {second(r.Send(t.Context(), r.outbound(normalize.Part{Kind: normalize.PartLocation}))), connectors.Unsupported},
		"a picture of another type":  {second(r.Send(t.Context(), r.outbound(file(normalize.PartImage, "a.tiff", "image/tiff", 10)))), connectors.Rejected},
		"a large recording":          {second(r.Send(t.Context(), r.outbound(file(normalize.PartAudio, "a.amr", "audio/amr", 2<<20+1)))), connectors.Rejected},
	} {
		if got := connectors.Classify(o.err).Class; o.err == nil || got != o.want {
			t.Errorf("%s: %v", name, o.err)
		}
	}
	if n := len(r.vendor.Record()); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}

func second[T any](_ T, err error) error { return err }
