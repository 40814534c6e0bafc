package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// picture keeps what the page shows where somebody asked for it by
// DESKBRIDGE_PICTURES, a folder.
func picture(b *testenv.Browser, name string) {
	if dir := os.Getenv("DESKBRIDGE_PICTURES"); dir != "" {
		b.Picture(filepath.Join(dir, name+".png"))
	}
}

// framed is an expression for the document of the inbox or the phone.
func framed(which string) string {
	return `document.querySelector("` + map[string]string{"inbox": ".inbox", "phone": ".device"}[which] + ` iframe").contentDocument`
}

// on waits until something is true of the document d of a frame.
func on(b *testenv.Browser, which, what, expression string) {
	b.Wait(what, `((d) => d && (`+expression+`))(`+framed(which)+`)`)
}

// goes leads a frame to another page of its own.
func goes(b *testenv.Browser, which, path string) {
	b.Eval(framed(which)+`.defaultView.location.assign("`+path+`")`, nil)
	on(b, which, path, `d.location.pathname === "`+path+`" && d.readyState === "complete"`)
}

// fills writes into the field of a form and sends it.
func fills(b *testenv.Browser, which, form, text string) {
	b.Eval(fmt.Sprintf(`{ const f = %s.querySelector(%q); f.elements.text.value = %q; f.requestSubmit(); }`, framed(which), form, text), nil)
}

func TestAVisitorPlaysBothSides(t *testing.T) {
	b := testenv.StartBrowser(t)
	b.Resize(1440, 900)
	link, out := play(t, Options{Speed: 10})
	b.Open(link)
	on(b, "inbox", "the inbox, without a password", `d.querySelector(".me")?.textContent === "Robin Reed"`)
	on(b, "phone", "the phone", `d.querySelectorAll(".apps a").length === 8`)
	out.await(t, `Another one opens it by http://127\.0\.0\.1:[0-9]+/open/`)
	on(b, "phone", "other customers who write", `d.querySelectorAll(".others a").length >= 4`)
	picture(b, "demo-home")

	for app, words := range map[string]string{"whatsapp": "Do you repair zips?", "mail": "Where is my invoice?"} {
		b.Eval(framed("inbox")+`.defaultView.untouched = true`, nil)
		goes(b, "phone", "/phone/you/"+app)
		fills(b, "phone", "form.compose", words)
		on(b, "phone", "word that it was taken", `d.querySelector(".log li:last-child .meta")?.textContent.includes("✓")`)
		on(b, "inbox", "it in the list, without a reload", `d.defaultView.untouched && [...d.querySelectorAll(".rows .words")].some((e) => e.textContent.includes("`+words+`"))`)
		b.Eval(`[...`+framed("inbox")+`.querySelectorAll(".rows a")].find((a) => a.textContent.includes("`+words+`")).click()`, nil)
		on(b, "inbox", "the conversation", `d.querySelector(".message.in")?.textContent.includes("`+words+`")`)
		fills(b, "inbox", "#box", "Yes: "+words)
		on(b, "phone", "the answer on the phone", `d.querySelector(".log .theirs")?.textContent.includes("Yes: `+words+`")`)
		picture(b, "demo-"+app)
	}
	on(b, "inbox", "word that it was delivered", `[...d.querySelectorAll(".message.out .state")].length > 0`)

	if failed := b.Failures(); len(failed) > 0 {
		t.Errorf("scripts failed: %v", failed)
	}
	for _, u := range b.Requests() {
		if !strings.HasPrefix(u, strings.SplitAfter(link, "/open")[0][:len("http://127.0.0.1:")]) && u != "about:blank" {
			t.Errorf("the browser asked for %s", u)
		}
	}
}
