package inbox_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// What one agent assigns and tags, another sees without a reload; what they
// have read is their own.
func TestAgentsShareTheWork(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) { shareTheWork(t, newRigWith(t, s)) })
	}
}

// stores are both of them.
func stores(t *testing.T) map[string]setup {
	return map[string]setup{"sqlite": {}, "postgres": {store: testenv.Postgres(t)}}
}

func shareTheWork(t *testing.T, r *rig) {
	b := testenv.StartBrowser(t)
	r.write("Broken kettle", "text/plain", "It leaks.")
	m := r.received(1)
	enter(b, r)
	b.Wait("the unread conversation", `document.querySelector(".rows a.unread .dot") && document.title.startsWith("(1) ")`)
	b.Wait("its count for each filter", `[...document.querySelectorAll(".tabs a")].map((a) => a.querySelector(".count")?.textContent || "0").join() === "1,0,1"`)
	b.Wait("the script", `document.querySelector("time").title`)
	b.Press("j", "Enter")
	b.Wait("the conversation, which is read now", `document.querySelector(".message.in") && !document.querySelector(".rows a.unread") && !document.title.startsWith("(") && document.querySelector("time").title`)
	b.Eval(`window.sameDocument = true`, nil)

	// Bo works without a script, on another machine.
	bo := r.loginAs("bo@example.test")
	if _, page, _ := get(t, bo, r.url); !strings.Contains(page, `class="unread waiting"`) || !strings.Contains(page, "<title>(1) Inbox") {
		t.Error("what Ann has read is read for Bo")
	}
	c := r.url + "c/" + m.ConversationID.String()
	send := func(what string, form url.Values, want int) string {
		t.Helper()
		code, body, _ := post(t, bo, c+"/"+what, map[string]string{"X-Inbox": "1"}, form)
		if code != want {
			t.Fatalf("%s %v: %d %s", what, form, code, body)
		}
		return body
	}
	send("assignee", url.Values{"to": {"BO@example.test"}}, http.StatusNoContent)
	send("tags", url.Values{"add": {"VIP"}}, http.StatusNoContent)
	b.Wait("whose it is", `window.sameDocument && document.querySelector("#labels select").value === "bo@example.test" && document.querySelector(".rows .tag.who")?.textContent === "Bo"`)
	b.Wait("its tag", `document.querySelector("#labels .chips")?.textContent.includes("vip") && document.querySelector(".rows .tag.label")?.textContent === "vip"`)
	send("assignee", url.Values{"to": {"stranger@example.test"}}, http.StatusUnprocessableEntity)
	if body := send("tags", url.Values{"add": {strings.Repeat("x", 41)}}, http.StatusUnprocessableEntity); !strings.Contains(body, "40 characters") {
		t.Errorf("a long tag: %s", body)
	}

	b.Press("a")
	b.Wait("that Ann took it", `window.sameDocument && document.querySelector("#labels select").value === "ann@example.test" && document.querySelector(".rows .tag.who")?.textContent === "Ann" && !document.getElementById("mine")`)
	b.Eval(`document.querySelector("#labels [name=add]").focus()`, nil)
	b.Type("Late payer")
	b.Press("Enter")
	b.Wait("the tag", `document.querySelectorAll("#labels .chips li").length === 2 && document.activeElement.name === "add" && document.activeElement.value === ""`)
	picture(b, "labels")
	b.Eval(`document.querySelector("#labels .chips button[value=vip]").click()`, nil)
	b.Wait("one tag less", `document.querySelectorAll("#labels .chips li").length === 1`)
	b.Eval(`{ const s = document.querySelector("#labels select"); s.value = ""; s.dispatchEvent(new Event("change", { bubbles: true })); }`, nil)
	b.Wait("that it is nobody's", `!document.querySelector(".rows .tag.who") && document.getElementById("mine")`)
	send("assignee", url.Values{"to": {"bo@example.test"}}, http.StatusNoContent)
	b.Wait("that it is Bo's", `document.querySelector(".rows .tag.who")?.textContent === "Bo"`)

	for _, c := range []struct{ to, button string }{{"closed", "open Reopen"}, {"open", "closed Close"}} {
		send("state", url.Values{"to": {c.to}}, http.StatusNoContent)
		b.Wait("that it is "+c.to, `window.sameDocument && (() => { const s = document.querySelector("#state button"); return s.value + " " + s.textContent === "`+c.button+`"; })()`)
	}

	b.Eval(`document.activeElement.blur()`, nil)
	b.Press("u")
	const left = `!document.getElementById("box") && document.querySelector(".rows a.unread") && document.title.startsWith("(1) ")`
	b.Wait("the list with it unread", left)
	b.Open(c)
	b.Wait("the conversation once more", `document.querySelector("time").title && !document.querySelector(".rows a.unread")`)
	// What a colleague does in this moment draws the labels anew.
	b.Eval(`{ const l = document.getElementById("labels"); document.getElementById("unread").click(); l.innerHTML = l.innerHTML; }`, nil)
	b.Wait("the list with it unread again", left)
	testenv.WaitFor(t, testenv.Patience, "the index of words", func() bool {
		_, list, _ := get(t, bo, r.url+"list?state=any&q=kettle")
		return strings.Contains(list, "It leaks.")
	})
	for query, want := range map[string]bool{"?who=me": false, "?who=nobody": false, "?who=bo@example.test": true, "?tag=late+payer": true, "?tag=vip": false, "?unread=1": true, "?state=any&q=kettle": true, "?state=closed": false} {
		b.Open(r.url + query)
		b.Wait("the list "+query, `document.readyState === "complete" && document.querySelector(".rows")`)
		var found bool
		b.Eval(`!!document.querySelector(".rows a")`, &found)
		if found != want {
			t.Errorf("%s: found is %t", query, found)
		}
	}
	if failed := b.Failures(); len(failed) > 0 {
		t.Errorf("scripts failed: %v", failed)
	}
}
