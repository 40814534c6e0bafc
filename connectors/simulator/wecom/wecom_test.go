package wecom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// app is somebody who uses the API.
type app struct {
	*Server
	t     *testing.T
	now   atomic.Int64
	token string
}

func newApp(t *testing.T, o Options) *app {
	t.Helper()
	a := &app{t: t}
	a.now.Store(time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC).UnixNano())
	o.Now = func() time.Time { return time.Unix(0, a.now.Load()) }
	var err error
	if a.Server, err = Start(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(); http.DefaultClient.CloseIdleConnections() })
	a.login()
	return a
}

func (a *app) step(d time.Duration) { a.now.Add(int64(d)) }

func (a *app) login() {
	a.token, _ = a.ask("GET", "/cgi-bin/gettoken?corpid="+DefaultCorpID+"&corpsecret="+DefaultSecret, nil)["access_token"].(string)
}

// ask makes a request and returns the answer.
func (a *app) ask(method, path string, body io.Reader) map[string]any {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.URL()+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		a.t.Fatalf("%s: %v", path, err)
	}
	return out
}

// post calls an interface, and returns the errcode with the answer.
func (a *app) post(path, body string) (code int, out map[string]any) {
	a.t.Helper()
	out = a.ask("POST", "/cgi-bin/"+path+"?access_token="+a.token, strings.NewReader(body))
	return int(out["errcode"].(float64)), out
}

func (a *app) wants(code int, path, body string) {
	a.t.Helper()
	if got, out := a.post(path, body); got != code {
		a.t.Errorf("%s %s: %v, want errcode %d", path, body, out, code)
	}
}

const sending = `{"touser":"wmAnna","open_kfid":"` + DefaultKfID + `","msgtype":"text","text":{"content":"hi"}}`

func TestTokensOfTheAPIRunOut(t *testing.T) {
	a := newApp(t, Options{})
	for body, code := range map[string]int{"corpid=ww1&corpsecret=" + DefaultSecret: 40013, "corpid=" + DefaultCorpID + "&corpsecret=x": 40001} {
		if out := a.ask("GET", "/cgi-bin/gettoken?"+body, nil); int(out["errcode"].(float64)) != code {
			t.Errorf("%s: %v, want %d", body, out, code)
		}
	}
	old := a.token
	if a.login(); a.token != old {
		t.Error("another token while the first is good")
	}
	a.wants(0, "kf/account/list", `{"offset":0,"limit":10}`)
	a.step(2 * time.Hour)
	a.wants(42001, "kf/account/list", `{"offset":0,"limit":10}`)
	a.login()
	a.wants(0, "kf/account/list", `{"offset":0,"limit":10}`)
	a.RevokeAccess()
	a.wants(40014, "kf/account/list", `{"offset":0,"limit":10}`)
}

func TestAnswersHaveABudgetAndAState(t *testing.T) {
	a := newApp(t, Options{})
	a.wants(40096, "kf/send_msg", sending)
	a.Enter(DefaultKfID, "wmAnna") // coming in allows nothing
	a.wants(95002, "kf/send_msg", sending)
	a.Write(DefaultKfID, "wmAnna", Text("hello"))
	for range 5 {
		a.wants(0, "kf/send_msg", sending)
	}
	a.wants(95001, "kf/send_msg", sending)
	a.Write(DefaultKfID, "wmAnna", Text("more"))
	who := `{"open_kfid":"` + DefaultKfID + `","external_userid":"wmAnna","service_state":%d,"servicer_userid":"zhangsan"}`
	for _, change := range []struct{ to, code int }{{1, 0}, {0, 95016}, {2, 0}, {1, 95016}, {3, 0}, {2, 95016}, {4, 0}, {1, 95016}} {
		a.wants(change.code, "kf/service_state/trans", fmt.Sprintf(who, change.to))
		want := 0
		if a.State(DefaultKfID, "wmAnna") > StateAssistant {
			want = 95018
		}
		a.wants(want, "kf/send_msg", sending)
	}
	a.Write(DefaultKfID, "wmAnna", Text("again"))
	if a.State(DefaultKfID, "wmAnna") != StateNew {
		t.Error("a message does not begin a new conversation")
	}
	a.step(48 * time.Hour)
	a.login()
	a.wants(95002, "kf/send_msg", sending)
}

func TestWhatIsSentIsCheckedAndNotListed(t *testing.T) {
	a := newApp(t, Options{Answers: 100})
	a.Write(DefaultKfID, "wmAnna", Text("hello"))
	head := `{"touser":"wmAnna","open_kfid":"` + DefaultKfID + `",`
	for body, code := range map[string]int{
		`"msgid":"` + strings.Repeat("x", 33) + `","msgtype":"text","text":{"content":"a"}}`:      40058,
		`"msgtype":"text","text":{"content":"` + strings.Repeat("x", 2049) + `"}}`:                45002,
		`"msgtype":"text","text":{"content":""}}`:                                                 44004,
		`"msgtype":"image","image":{"media_id":"nowhere"}}`:                                       40007,
		`"msgtype":"link","link":{"title":"a","url":"https://a.example"}}`:                        40007,
		`"msgtype":"hologram","hologram":{}}`:                                                     40008,
		`"msgtype":"location","location":{"name":"here"}}`:                                        40058,
		`"msgtype":"msgmenu","msgmenu":{"list":[` + strings.Repeat(`{},`, 10) + `{}]}}`:           95008,
		`"msgtype":"miniprogram","miniprogram":{"appid":"wx1","title":"a","thumb_media_id":"x"}}`: 40058,
	} {
		a.wants(code, "kf/send_msg", head+body)
	}
	a.wants(0, "kf/send_msg", head+`"msgid":"mine-1","msgtype":"text","text":{"content":"hi"}}`)
	if sent := a.Record(); len(sent) != 1 || sent[0].MsgID != "mine-1" || sent[0].Text != "hi" || sent[0].User != "wmAnna" {
		t.Errorf("the record is %+v", sent)
	}
	if _, out := a.post("kf/sync_msg", `{"open_kfid":"`+DefaultKfID+`"}`); len(out["msg_list"].([]any)) != 1 {
		t.Errorf("listed: %v", out)
	}
	a.wants(0, "kf/recall_msg", `{"open_kfid":"`+DefaultKfID+`","msgid":"mine-1"}`)
	a.step(2 * time.Minute)
	a.wants(40058, "kf/recall_msg", `{"open_kfid":"`+DefaultKfID+`","msgid":"mine-1"}`)
}

func TestACursorLeadsThroughThreeDays(t *testing.T) {
	a := newApp(t, Options{PageCap: 2, Untokened: time.Minute})
	for i := range 5 {
		a.Write(DefaultKfID, "wmAnna", Text(fmt.Sprint(i)))
	}
	pull := `{"open_kfid":"` + DefaultKfID + `","cursor":%q,"token":%q}`
	code, out := a.post("kf/sync_msg", fmt.Sprintf(pull, "", ""))
	if code != 0 || len(out["msg_list"].([]any)) != 2 || out["has_more"] != 1.0 {
		t.Fatalf("the first page is %v", out)
	}
	a.wants(45009, "kf/sync_msg", fmt.Sprintf(pull, out["next_cursor"], ""))
	a.wants(95007, "kf/sync_msg", fmt.Sprintf(pull, out["next_cursor"], "nobody's"))
	a.wants(95004, "kf/sync_msg", `{"open_kfid":"wkOther"}`)
	a.step(time.Minute)
	a.wants(40058, "kf/sync_msg", fmt.Sprintf(pull, "nowhere", ""))
	a.step(time.Minute)
	a.EmptyPages(1)
	_, out = a.post("kf/sync_msg", fmt.Sprintf(pull, out["next_cursor"], ""))
	if len(out["msg_list"].([]any)) != 0 || out["has_more"] != 1.0 {
		t.Errorf("the empty page is %v", out)
	}
	a.step(72 * time.Hour)
	a.login()
	if _, out = a.post("kf/sync_msg", fmt.Sprintf(pull, out["next_cursor"], "")); len(out["msg_list"].([]any)) != 0 || out["has_more"] != 0.0 {
		t.Errorf("after three days there is still %v", out)
	}
}

func TestACodeIsGoodOnceAndForTwentySeconds(t *testing.T) {
	a := newApp(t, Options{})
	greet := `{"code":%q,"msgtype":"text","text":{"content":"Hello!"}}`
	code := a.Enter(DefaultKfID, "wmAnna")
	a.wants(0, "kf/send_msg_on_event", fmt.Sprintf(greet, code))
	a.wants(40058, "kf/send_msg_on_event", fmt.Sprintf(greet, code))
	if a.Enter(DefaultKfID, "wmAnna") != "" {
		t.Error("a second greeting within 48 hours is allowed")
	}
	code = a.Enter(DefaultKfID, "wmBert")
	a.step(20 * time.Second)
	a.wants(40058, "kf/send_msg_on_event", fmt.Sprintf(greet, code))
}

func TestFilesUpAndDown(t *testing.T) {
	a := newApp(t, Options{})
	upload := func(msgType string, data []byte) map[string]any {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		part, err := w.CreateFormFile("media", "a.png")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(data)
		_ = w.Close()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+"/cgi-bin/media/upload?type="+msgType+"&access_token="+a.token, &b)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", w.FormDataContentType())
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var out map[string]any
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := upload("image", []byte("tiny")); out["errcode"] != 40006.0 {
		t.Errorf("four bytes: %v", out)
	}
	if out := upload("sound", []byte("something")); out["errcode"] != 40005.0 {
		t.Errorf("a type that there is not: %v", out)
	}
	out := upload("image", []byte("something"))
	if a.Write(DefaultKfID, "wmAnna", Text("hello")); out["errcode"] != 0.0 {
		t.Fatal(out)
	}
	send := `{"touser":"wmAnna","open_kfid":"` + DefaultKfID + `","msgtype":%q,%q:{"media_id":%q}}`
	a.wants(40007, "kf/send_msg", fmt.Sprintf(send, "video", "video", out["media_id"])) // it is an image
	a.wants(0, "kf/send_msg", fmt.Sprintf(send, "image", "image", out["media_id"]))
	a.step(72 * time.Hour)
	a.login()
	if got := a.ask("GET", fmt.Sprintf("/cgi-bin/media/get?access_token=%s&media_id=%s", a.token, out["media_id"]), nil); got["errcode"] != 40007.0 {
		t.Errorf("after three days: %v", got)
	}
}

func TestACallIsRepeatedUntilItIsTaken(t *testing.T) {
	a := newApp(t, Options{Retries: []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}})
	var calls atomic.Int32
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("msg_signature") == "" {
			t.Error("a call without a signature")
		}
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer desk.Close()
	a.Connect(desk.URL)
	a.Write(DefaultKfID, "wmAnna", Text("hello"))
	for end := time.Now().Add(time.Minute); calls.Load() < 3 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	_ = a.Close() // waits for calls that are under way
	if n := calls.Load(); n != 3 {
		t.Errorf("%d calls, want 3: two were refused", n)
	}
}
