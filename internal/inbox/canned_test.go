package inbox_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

func TestCannedAnswers(t *testing.T) {
	r, b := newRig(t), testenv.StartBrowser(t)
	r.write("Broken kettle", "text/plain", "It leaks.")
	m := r.received(1)
	admin, agent := r.login(), r.loginAs("bo@example.test")
	for _, c := range []struct {
		by         *http.Client
		name, text string
		want       int
	}{
		{admin, "/Thanks", "Dear {customer},\r\nthank you. {agent}", http.StatusNoContent},
		{admin, "问候", "{客户}，您好！{客服}", http.StatusNoContent},
		{agent, "mine", "no", http.StatusForbidden},
		{admin, "two words", "no", http.StatusUnprocessableEntity},
		{admin, "", "no", http.StatusUnprocessableEntity},
		{admin, "empty", " ", http.StatusUnprocessableEntity},
		{admin, "long", strings.Repeat("x", 4001), http.StatusUnprocessableEntity},
	} {
		code, body, _ := post(t, c.by, r.url+"canned", map[string]string{"X-Inbox": "1"}, url.Values{"name": {c.name}, "text": {c.text}})
		if code != c.want {
			t.Errorf("%s: %d %s", c.name, code, body)
		}
	}
	if _, body, _ := get(t, agent, r.url+"c/"+m.ConversationID.String()+"/canned"); !strings.Contains(body, "Li Na，您好！Bo") {
		t.Errorf("for Bo: %s", body)
	}
	enter(b, r)
	b.Open(r.url + "c/" + m.ConversationID.String())
	b.Wait("the script", `document.querySelector("time").title`)
	b.Press("r")
	b.Type("Hello! /th")
	b.Wait("what can be inserted", `!document.getElementById("canned").hidden && document.querySelector("#canned [aria-selected=true]")?.textContent.startsWith("/thanks")`)
	picture(b, "canned")
	b.Press("Enter")
	b.Wait("the answer with the names", `document.querySelector("#box textarea").value === "Hello! Dear Li Na,\nthank you. Ann" && document.getElementById("canned").hidden`)
	b.Eval(`{ const t = document.querySelector("#box textarea"); t.value = ""; document.getElementById("canned-open").click(); }`, nil)
	b.Wait("the menu", `document.querySelectorAll("#canned li").length === 2`)
	b.Press("ArrowDown", "Tab")
	b.Wait("the other one", `document.querySelector("#box textarea").value === "Li Na，您好！Ann"`)
	b.Type(" a/b")
	b.Wait("no menu within a word", `document.getElementById("canned").hidden`)
	b.Open(r.url + "canned")
	b.Wait("the page", `document.querySelectorAll(".canned").length === 2`)
	picture(b, "canned-page")
	b.Eval(`document.querySelector("form[action$='/drop'] button").click()`, nil)
	b.Wait("one less", `document.readyState === "complete" && document.querySelectorAll(".canned").length === 1`)
	if failed := b.Failures(); len(failed) > 0 {
		t.Errorf("scripts failed: %v", failed)
	}
}
