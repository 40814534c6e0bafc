package demo

import (
	"encoding/base64"
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

// pictures is an expression for a list of files of a frame: one picture.
func pictures(which string) string {
	return `((w) => {
		const t = new w.DataTransfer(), bytes = Uint8Array.from(atob("` + base64.StdEncoding.EncodeToString(umbrella().Content) + `"), (c) => c.charCodeAt(0));
		t.items.add(new w.File([bytes], "umbrella.png", { type: "image/png" }));
		return t.files;
	})(` + framed(which) + `.defaultView)`
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
		if app == "whatsapp" {
			b.Eval(framed("phone")+`.querySelector("[name=picture]").files = `+pictures("phone"), nil)
		}
		fills(b, "phone", "form.compose", words)
		on(b, "phone", "word that it was taken", `d.querySelector(".log li:last-child .meta")?.textContent.includes("✓")`)
		on(b, "inbox", "it in the list, without a reload", `d.defaultView.untouched && [...d.querySelectorAll(".rows .words")].some((e) => e.textContent.includes("`+words+`"))`)
		b.Eval(`[...`+framed("inbox")+`.querySelectorAll(".rows a")].find((a) => a.textContent.includes("`+words+`")).click()`, nil)
		on(b, "inbox", "the conversation", `d.readyState === "complete" && d.querySelector(".message.in")?.textContent.includes("`+words+`")`)
		if app == "whatsapp" {
			on(b, "inbox", "the picture", `d.querySelector(".message.in img")?.naturalWidth === 480`)
			b.Eval(`{ const w = `+framed("inbox")+`.defaultView, t = new w.DataTransfer();
				for (const f of `+pictures("inbox")+`) t.items.add(f);
				w.document.getElementById("box").dispatchEvent(new w.DragEvent("drop", { dataTransfer: t, bubbles: true, cancelable: true })); }`, nil)
			on(b, "inbox", "the attachment", `d.querySelector("#files button")`)
		}
		fills(b, "inbox", "#box", "Yes: "+words)
		on(b, "phone", "the answer on the phone", `d.querySelector(".log .theirs")?.textContent.includes("Yes: `+words+`")`)
		if app == "whatsapp" {
			on(b, "phone", "the picture that we sent", `d.querySelector(".theirs img")?.naturalWidth === 480`)
			on(b, "inbox", "word that it was read", `d.querySelector(".message.out .state.read")`)
		}
		picture(b, "demo-"+app)
	}
	goes(b, "phone", "/phone/")
	b.Wait("how much waits on the phone", `document.getElementById("badge").hidden`)
	b.Resize(390, 800)
	b.Eval(`document.querySelector("nav [data-show=phone]").click()`, nil)
	b.Wait("the phone alone", `document.querySelector(".inbox").offsetWidth === 0 && document.querySelector(".device").offsetWidth === 390 && document.documentElement.scrollWidth <= 390`)
	picture(b, "demo-narrow-phone")
	b.Prefer("dark", "zh-CN,zh;q=0.9")
	b.Eval(`location.reload()`, nil)
	on(b, "phone", "Chinese on the phone", `d.querySelector(".apps").textContent.includes("微信")`)
	on(b, "inbox", "Chinese in the inbox", `d.querySelector(".filter button")?.textContent === "显示"`)
	b.Wait("Chinese around them", `document.querySelector("nav").textContent.includes("收件箱")`)
	picture(b, "demo-narrow-chinese")
	unhurt(t, b, link)
}

func TestAFailedAnswerArrivesAtTheNextTry(t *testing.T) {
	b := testenv.StartBrowser(t)
	b.Resize(1440, 900)
	link, _ := play(t, Options{Speed: 30})
	b.Open(link)
	const words = "RW-4720"
	row := `[...d.querySelectorAll(".rows a")].find((a) => a.textContent.includes("` + words + `") || a.querySelector(".tag.bad")?.textContent && a.textContent.includes("phone"))`
	on(b, "inbox", "the answer that failed, in the list", row+`?.querySelector(".tag.bad")`)
	b.Eval(`((d) => `+row+`.click())(`+framed("inbox")+`)`, nil)
	on(b, "inbox", "why it failed", `[...d.querySelectorAll(".message.out .state.failed")].some((e) => e.textContent.includes("switched off"))`)
	on(b, "inbox", "what the same customer wrote elsewhere", `["wechat", "support"].every((c) => [...d.querySelectorAll(".message.in .tag")].some((e) => e.textContent === c))`)
	picture(b, "demo-failed")
	goes(b, "phone", "/phone/lin/sms")
	b.Eval(framed("inbox")+`.querySelector(".retry button").click()`, nil)
	on(b, "phone", "the answer", `[...d.querySelectorAll(".theirs")].some((e) => e.textContent.includes("`+words+`"))`)
	on(b, "inbox", "word of it", `!d.querySelector(".message.out .state.failed")`)

	// The same customer by another channel.
	goes(b, "phone", "/phone/lin/wechat")
	b.Eval(framed("inbox")+`.getElementById("box").elements.channel.value = "wechat"`, nil)
	fills(b, "inbox", "#box", "您的大衣已经寄出。")
	on(b, "phone", "it by WeChat", `[...d.querySelectorAll(".theirs")].some((e) => e.textContent.includes("您的大衣已经寄出。"))`)

	// The first letter of the story: its author writes back.
	b.Eval(`[...`+framed("inbox")+`.querySelectorAll(".rows a")].find((a) => a.textContent.includes("Anna Weber")).click()`, nil)
	on(b, "inbox", "her conversation", `d.querySelector("#box") && d.querySelector(".message.in")?.textContent.includes("Regenjacke")`)
	fills(b, "inbox", "#box", "Wir tauschen sie um.")
	on(b, "phone", "a notice of what arrives elsewhere", `!d.getElementById("notice").hidden && d.querySelector("#notice a").textContent.includes("Wir tauschen sie um.")`)
	on(b, "inbox", "what she asks then", `[...d.querySelectorAll(".message.in")].some((e) => e.textContent.includes("frankieren"))`)
	unhurt(t, b, link)
}

// unhurt checks that no script failed, and nothing was loaded from elsewhere.
func unhurt(t *testing.T, b *testenv.Browser, link string) {
	t.Helper()
	if failed := b.Failures(); len(failed) > 0 {
		t.Errorf("scripts failed: %v", failed)
	}
	home, _, _ := strings.Cut(link, "open/")
	for _, u := range b.Requests() {
		if !strings.HasPrefix(u, home) && u != "about:blank" {
			t.Errorf("the browser asked for %s", u)
		}
	}
}
