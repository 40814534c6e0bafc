package wecomkf

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
	"github.com/deskbridge/deskbridge/normalize"
)

const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"

func medium(kind normalize.PartKind, name, contentType, data string) normalize.Part {
	return normalize.Part{Kind: kind, Media: &normalize.Media{Name: name, ContentType: contentType, Size: int64(len(data)), Data: []byte(data)}}
}

func TestEachKindIsSentAsItsType(t *testing.T) {
	shop := filepath.Join(t.TempDir(), "shop.png")
	if err := os.WriteFile(shop, []byte(png), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, wecom.Options{Answers: 100}, func(c *Config) {
		c.Cards = []Card{
			{Prefix: "https://mini.example.com/", Thumbnail: shop, AppID: "wx0123456789abcdef", PagePath: "pages/order"},
			{Prefix: "https://gone.example.com/", Thumbnail: shop + ".gone"},
			{Prefix: "https://shop.example.com/", Thumbnail: shop},
		}
	})
	r.vendor.Write(kf1, someone, wecom.Text("hello"))
	rich := func(plain, html string) normalize.Part {
		return normalize.Part{Kind: normalize.PartText, Text: plain, HTML: html}
	}
	for name, c := range map[string]struct {
		part normalize.Part
		want string // type, and what is told of its content
	}{
		"text":                       {saying("你好"), `text {"content":"你好"}`},
		"markup":                     {saying("a <b> & c"), `text {"content":"a <b> & c"}`},
		"rich text":                  {rich("Look here", `<p><b>Look</b> <a href="https://a.example/">here</a></p>`), `text {"content":"Look here (https://a.example/)"}`},
		"image":                      {medium(normalize.PartImage, "a.png", "image/png", png), "image"},
		"large gif":                  {medium(normalize.PartImage, "a.gif", "image/gif", "GIF89a......"), "file"},
		"voice":                      {medium(normalize.PartAudio, "a.amr", "audio/amr", "#!AMR\nxxxx"), "voice"},
		"music":                      {medium(normalize.PartAudio, "a.mp3", "audio/mpeg", "ID3xxxxxxx"), "file"},
		"video":                      {medium(normalize.PartVideo, "a.mp4", "video/mp4", "ftypmp42xx"), "video"},
		"large voice":                {medium(normalize.PartAudio, "a.amr", "audio/amr", strings.Repeat("x", maxVoice+1)), "file"},
		"large image":                {medium(normalize.PartImage, "a.png", "image/png", png+strings.Repeat("x", maxImage)), "file"},
		"file":                       {medium(normalize.PartFile, "a.pdf", "application/pdf", "%PDF-1.4 x"), "file"},
		"nameless":                   {medium(normalize.PartFile, "", "application/pdf", "%PDF-1.4 y"), "file"},
		"location":                   {normalize.Part{Kind: normalize.PartLocation, Location: &normalize.Location{Latitude: 31.230416, Longitude: 121.473701, Name: "Office"}}, `location {"latitude":31.230416,"longitude":121.473701,"name":"Office","address":""}`},
		"other link":                 {rich("Docs", `<p><a href="https://docs.example.com/">Docs</a></p>`), `text {"content":"Docs (https://docs.example.com/)"}`},
		"card":                       {rich("Your order", `<p><a href="https://shop.example.com/order?id=1">Your order</a></p>`), `link {"title":"Your order","desc":"","url":"https://shop.example.com/order?id=1","thumb_media_id":"THUMB"}`},
		"card whose picture is gone": {rich("X", `<a href="https://gone.example.com/1">X</a>`), `text {"content":"X (https://gone.example.com/1)"}`},
		"mini program":               {rich("Your order", `<a href="https://mini.example.com/o?id=1">Your order</a>`), `miniprogram {"appid":"wx0123456789abcdef","title":"Your order","thumb_media_id":"THUMB","pagepath":"pages/order?id=1"}`},
		"menu": {
			rich("Choose", `<div><p>Choose:</p><ul><li><a href="https://a.example/1">One</a></li><li><p><a href="https://a.example/2">Two</a></p></li></ul><p>Bye</p></div>`),
			`msgmenu {"head_content":"Choose:","list":[{"type":"view","view":{"url":"https://a.example/1","content":"One"}},{"type":"view","view":{"url":"https://a.example/2","content":"Two"}}],"tail_content":"Bye"}`,
		},
		"choices": {
			rich("Were you satisfied?\n- Yes\n- No", `<p>Were you satisfied?</p><ul><li><a href="menu:101">Yes</a></li><li><a href="menu:102">No</a></li></ul><p>Thank you</p>`),
			`msgmenu {"head_content":"Were you satisfied?","list":[{"type":"click","click":{"id":"101","content":"Yes"}},{"type":"click","click":{"id":"102","content":"No"}}],"tail_content":"Thank you"}`,
		},
		"choices in a line": {
			rich("Satisfied? Yes No", `<p>Satisfied? <a href="menu:101">Yes</a> <a href="menu:102">No</a></p>`),
			`msgmenu {"head_content":"Satisfied?","list":[{"type":"click","click":{"id":"101","content":"Yes"}},{"type":"click","click":{"id":"102","content":"No"}}],"tail_content":""}`,
		},
		"eleven to choose from": {
			rich("Choose", "<ul>"+strings.Repeat(`<li><a href="https://a.example/1">One</a></li>`, 11)+"</ul>"),
			`text {"content":"` + strings.TrimSuffix(strings.Repeat(`- One (https://a.example/1)\n`, 11), `\n`) + `"}`,
		},
		"words that fit without their links": {
			rich(strings.Repeat("x", 2040)+" here", "<p>"+strings.Repeat("x", 2040)+` <a href="https://a.example/">here</a></p>`),
			`text {"content":"` + strings.Repeat("x", 2040) + ` here"}`,
		},
		"a choice within words": {rich("Say Yes or No", `<p>Say <a href="menu:1">Yes</a> or <a href="menu:2">No</a></p>`), `text {"content":"Say Yes or No"}`},
		"list of words":         {rich("- One\n- Two", `<ul><li>One</li><li><a href="https://a.example/2">Two</a></li></ul>`), `text {"content":"- One\n- Two (https://a.example/2)"}`},
	} {
		t.Run(name, func(t *testing.T) {
			sent, err, begun := r.send(someone, c.part)
			if err != nil {
				t.Fatal(err)
			}
			record := r.vendor.Record()
			got := record[len(record)-1]
			if got.MsgID != sent.ExternalID || begun != 1 || got.User != someone || got.OpenKfID != kf1 {
				t.Errorf("WeCom has %+v, we %+v after %d begins", got, sent, begun)
			}
			wantType, wantContent, _ := strings.Cut(c.want, " ")
			if got.MsgType != wantType {
				t.Errorf("sent as %s, want %s", got.MsgType, wantType)
			}
			if c.part.Media != nil && string(got.File) != string(c.part.Media.Data) {
				t.Errorf("the file arrived as %q", got.File)
			}
			if wantContent != "" {
				if diff := cmp.Diff(fields(t, wantContent), fields(t, string(got.Content))); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	if n := r.vendor.Requests("/cgi-bin/media/upload"); n != 10 { // nine files, one thumbnail for both cards
		t.Errorf("%d uploads, want 10", n)
	}
}

// fields reads JSON, without the media id that differs each time.
func fields(t *testing.T, s string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		t.Fatalf("%v: %s", err, s)
	}
	if _, ok := m["thumb_media_id"]; ok {
		m["thumb_media_id"] = "THUMB"
	}
	return m
}

func TestWhoMayAnswerAConversation(t *testing.T) {
	for name, c := range map[string]struct {
		state    wecom.State
		servicer string
		class    connectors.Class
		says     string
		after    wecom.State
	}{
		"new":       {state: wecom.StateNew, after: wecom.StateAssistant},
		"assistant": {state: wecom.StateAssistant, after: wecom.StateAssistant},
		"waiting":   {wecom.StateWaiting, "", connectors.Rejected, "waits in WeCom", wecom.StateWaiting},
		"servicer":  {wecom.StateServicer, "zhangsan", connectors.Rejected, "zhangsan", wecom.StateServicer},
		"ended":     {wecom.StateEnded, "", connectors.Unreachable, "has to write again", wecom.StateEnded},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, wecom.Options{}, nil)
			r.vendor.Write(kf1, someone, wecom.Text("hello"))
			r.vendor.SetState(kf1, someone, c.state, c.servicer)
			_, err, begun := r.send(someone, saying("answer"))
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || err.Class != c.class || !contains(err.Detail, c.says)):
				t.Errorf("%v, want %s with %q", err, c.class, c.says)
			case c.says != "" && begun > 0:
				t.Error("begun, though it is known that WeCom refuses it")
			}
			if got := r.vendor.State(kf1, someone); got != c.after {
				t.Errorf("state %d, want %d", got, c.after)
			}
		})
	}
	t.Run("WeCom does not tell the state", func(t *testing.T) {
		r := newRig(t, wecom.Options{}, nil)
		r.vendor.Write(kf1, someone, wecom.Text("hello"))
		r.vendor.Faults.Add(fault.Fault{Path: "service_state", Kind: fault.Refuse, Status: 200, Body: `{"errcode":48002,"errmsg":"api forbidden"}`, Times: -1})
		if _, err, _ := r.send(someone, saying("answer")); err != nil {
			t.Error(err)
		}
	})
}

func TestFiveAnswersWithin48Hours(t *testing.T) {
	r := newRig(t, wecom.Options{}, nil)
	r.vendor.Write(kf1, someone, wecom.Text("hello"))
	for range 5 {
		if _, err, _ := r.send(someone, saying("answer")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err, _ := r.send(someone, saying("answer")); err == nil || err.Class != connectors.Unreachable || err.Code != "95001" {
		t.Errorf("the sixth answer: %v", err)
	}
	r.vendor.Write(kf1, someone, wecom.Text("more"))
	r.clock.step(48*time.Hour + time.Second)
	if _, err, _ := r.send(someone, saying("answer")); err == nil || err.Class != connectors.Unreachable {
		t.Errorf("an answer after 48 hours: %v", err)
	}
	o, begun := r.outbound(kf1, someone, saying("answer"))
	o.Message.ReplyWindow = &normalize.ReplyWindow{Until: r.clock.Now()}
	asked := r.vendor.Requests("/cgi-bin/kf/service_state/get")
	if _, err := r.Send(t.Context(), o); connectors.Classify(err).Class != connectors.Unreachable || begun.Load() > 0 || r.vendor.Requests("/cgi-bin/kf/service_state/get") != asked {
		t.Errorf("an answer whose window is known to be closed: %v, WeCom was asked", err)
	}
}

func TestAnAnswerThatWeComLostIsKnownByItsId(t *testing.T) {
	r := newRig(t, wecom.Options{}, nil)
	r.vendor.Write(kf1, someone, wecom.Text("hello"))
	r.vendor.Faults.Add(fault.Fault{Path: "kf/send_msg", Kind: fault.Lose})
	sent, err, _ := r.send(someone, saying("answer"))
	if err == nil || err.Class != connectors.Ambiguous {
		t.Fatalf("the vendor took it and did not answer: %v", err)
	}
	record := r.vendor.Record()
	if len(record) != 1 || record[0].MsgID != sent.ExternalID {
		t.Fatalf("WeCom has %+v, we know of %q", record, sent.ExternalID)
	}
	// Somebody has it tried again. WeCom takes an id once.
	o, _ := r.outbound(kf1, someone, saying("answer"))
	o.Key, o.Attempt = sent.ExternalID, 2
	if _, err := r.Send(t.Context(), o); connectors.Classify(err).Class != connectors.Ambiguous || !contains(err.Error(), "an earlier attempt has arrived") {
		t.Errorf("the same once more: %v", err)
	}
	o, _ = r.outbound(kf1, someone, medium(normalize.PartImage, "a.png", "image/png", "png"))
	o.Attempt = 2
	if _, err := r.Send(t.Context(), o); connectors.Classify(err).Class != connectors.Rejected {
		t.Errorf("a second attempt that is refused for a reason of its own: %v", err)
	}
	if n := len(r.vendor.Record()); n != 1 {
		t.Errorf("the customer has got %d messages", n)
	}
	r.stream()
	r.vendor.Fail(kf1, someone, record[0].MsgID, 10)
	r.eventually("the report came", func() bool { return r.taken() == 2 })
	r.mu.Lock()
	item, derr := r.Decode(r.inputs[1])
	r.mu.Unlock()
	receipts, _ := item.(normalize.Receipts)
	if derr != nil || len(receipts) != 1 || receipts[0].ExternalID != sent.ExternalID || receipts[0].Status != normalize.StatusFailed || !receipts[0].Unreachable {
		t.Errorf("%+v, %v", item, derr)
	}
}

func TestTheIdThatWeComGivesCounts(t *testing.T) {
	r := newRig(t, wecom.Options{}, nil)
	r.vendor.Write(kf1, someone, wecom.Text("hello"))
	r.vendor.Faults.Add(fault.Fault{Path: "kf/send_msg", Kind: fault.Refuse, Status: 200, Body: `{"errcode":0,"errmsg":"ok","msgid":"of-its-own"}`})
	if sent, err, _ := r.send(someone, saying("answer")); err != nil || sent.ExternalID != "of-its-own" {
		t.Errorf("sent as %q, %v: a failure that is reported by that id finds nothing", sent.ExternalID, err)
	}
}

func TestRecallFetchAndProfile(t *testing.T) {
	r := newRig(t, wecom.Options{}, nil)
	r.vendor.Write(kf1, someone, wecom.Text("hello"))
	o, _ := r.outbound(kf1, someone, saying("too early"))
	sent, err := r.Send(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Recall(t.Context(), o, sent.ExternalID); err != nil || !r.vendor.Record()[0].Recalled {
		t.Errorf("recall: %v", err)
	}
	r.clock.step(3 * time.Minute)
	if e := connectors.Classify(r.Recall(t.Context(), o, sent.ExternalID)); e.Class != connectors.Rejected || !contains(e.Detail, "two minutes") {
		t.Errorf("a recall after two minutes: %v", e)
	}

	id := r.vendor.PutMedia("file", "Rechnung März.pdf", "application/pdf", []byte("%PDF-1.4"))
	f, err := r.Fetch(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f.Body)
	if cerr := f.Body.Close(); err != nil || cerr != nil || string(data) != "%PDF-1.4" || f.Name != "Rechnung März.pdf" || f.ContentType != "application/pdf" || f.Size != 8 {
		t.Errorf("fetched %q as %+v, %v", data, f, err)
	}
	r.clock.step(73 * time.Hour)
	if _, err := r.Fetch(t.Context(), id); connectors.Classify(err).Class != connectors.Rejected {
		t.Errorf("a file that WeCom no longer keeps: %v", err)
	}

	r.vendor.SetUser(someone, wecom.User{Nickname: "小王", UnionID: "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"})
	p, err := r.Profile(t.Context(), r.customer(someone))
	if err != nil || p.Name != "小王" || len(p.Evidence) != 1 || !p.Evidence[0].Verified || p.Evidence[0].Address.Value != "o6_bmjrPTlm6_2sgVt7hMZOPfL2M" {
		t.Errorf("profile %+v, %v", p, err)
	}
	r.vendor.Faults.Add(fault.Fault{Path: "customer/batchget", Kind: fault.Refuse, Status: 200, Body: `{"errcode":48002,"errmsg":"api forbidden"}`})
	if _, err := r.Profile(t.Context(), r.customer(someone)); connectors.Classify(err).Class != connectors.Unsupported {
		t.Errorf("an app that may not see names: %v; it may still serve customers", err)
	}
	if _, err := r.Profile(t.Context(), normalize.Address{Kind: Kind, Value: "wwOther:x"}); err == nil {
		t.Error("a customer of another company has a profile")
	}
}

func TestProbeSaysWhatToMend(t *testing.T) {
	r := newRig(t, wecom.Options{}, nil)
	if us, err := r.Probe(t.Context()); err != nil || us.Value != corpID+":"+kf1 || us.Name != "Service 1" {
		t.Errorf("%+v, %v", us, err)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"account":   {func(c *Config) { c.OpenKfIDs = []string{kf1, "wkUnknown"} }, "wkUnknown"},
		"secret":    {func(c *Config) { c.Secret = "wrong" }, "secret"},
		"corp":      {func(c *Config) { c.CorpID = "wwOther" }, "40013"},
		"picture":   {func(c *Config) { c.Cards = []Card{{Prefix: "https://a.example/", Thumbnail: "/none.png"}} }, "/none.png"},
		"no server": {func(c *Config) { c.APIURL = "http://127.0.0.1:1" }, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newRig(t, wecom.Options{}, c.change).Probe(t.Context())
			if err == nil || !contains(err.Error(), c.says) {
				t.Errorf("%v, want it to name %q", err, c.says)
			}
		})
	}
	list := func(id string, n int, more string) fault.Fault {
		account := fmt.Sprintf(`{"open_kfid":%q,"name":"S"%s}`, id, more)
		return fault.Fault{
			Path: "account/list", Kind: fault.Refuse, Status: 200,
			Body: `{"errcode":0,"account_list":[` + strings.TrimSuffix(strings.Repeat(account+",", n), ",") + `]}`,
		}
	}
	r.vendor.Faults.Add(list(kf1, 1, `,"manage_privilege":false`))
	if _, err := r.Probe(t.Context()); connectors.Classify(err).Class != connectors.AccountDown || !contains(err.Error(), "may not manage") {
		t.Errorf("an account that the app may not manage: %v", err)
	}
	r.vendor.Faults.Add(list("wkOther", 100, ""), list(kf1, 1, ""))
	if _, err := r.Probe(t.Context()); err == nil || !contains(err.Error(), kf2) { // the first is on the second page
		t.Errorf("a company of many accounts: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Probe(ctx); err == nil {
		t.Error("probed with an ended context")
	}
}
