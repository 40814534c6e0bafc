package inbox_test

import (
	"os"
	"path/filepath"
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

// enter logs in with the keyboard alone.
func enter(b *testenv.Browser, r *rig) {
	b.Open(r.url)
	b.Wait("the login", `document.activeElement.name === "email"`)
	b.Type(agent)
	b.Press("Tab")
	b.Type(secret)
	b.Press("Enter")
	b.Wait("the list", `document.getElementById("rows")`)
}

func TestAnAgentAnswersWithTheKeyboard(t *testing.T) {
	r, b := newRig(t), testenv.StartBrowser(t)
	b.Open(r.url)
	picture(b, "login")
	enter(b, r)
	b.Eval(`window.sameDocument = true`, nil)
	r.write("Broken kettle", "text/plain; charset=utf-8", "The kettle that I bought last week leaks.")
	b.Wait("the conversation in the list", `window.sameDocument && document.querySelector(".rows .words")?.textContent.includes("leaks")`)
	b.Wait("how long the customer waits", `document.querySelector(".rows .tag.warn")?.textContent.includes("waiting")`)
	b.Press("j")
	picture(b, "list")
	b.Press("Enter")
	b.Wait("the conversation", `document.querySelector(".message.in")?.textContent.includes("last week")`)
	b.Eval(`window.sameDocument = true`, nil)
	r.write("Re: Broken kettle", "text/plain; charset=utf-8\r\nIn-Reply-To: <m1@example.test>", "One more thing: it is blue.")
	b.Wait("the next message", `window.sameDocument && document.querySelectorAll(".message.in").length === 2`)

	b.Press("r")
	b.Wait("the answer box", `document.activeElement.name === "text"`)
	b.Type("We send you another one.")
	b.Wait("the preview", `document.getElementById("preview").textContent.includes("24 characters")`)
	b.Eval(`{
		const t = new DataTransfer();
		t.items.add(new File(["receipt"], "receipt.txt", { type: "text/plain" }));
		document.getElementById("box").dispatchEvent(new DragEvent("drop", { dataTransfer: t, bubbles: true, cancelable: true }));
	}`, nil)
	b.Wait("the attachment", `document.querySelector("#files button")?.textContent.includes("receipt.txt")`)
	picture(b, "answer")
	b.Press("Ctrl+Enter")
	b.Wait("the answer on the timeline", `window.sameDocument && document.querySelector(".message.out")?.textContent.includes("another one")`)
	testenv.WaitFor(t, testenv.Patience, "the answer at the customer", func() bool { return len(r.mail.Inbox(customer)) == 1 })
	b.Wait("word that it was sent", `[...document.querySelectorAll(".message.out .state")].some((e) => e.textContent === "Sent")`)
	b.Wait("an empty box", `document.getElementById("box").elements.text.value === "" && !document.querySelector("#files li")`)
	b.Wait("the answer in the list", `document.querySelector(".rows .words").textContent.includes("another one")`)
	picture(b, "answered")

	b.Eval(`document.getElementById("box").elements.note.click()`, nil)
	b.Eval(`document.getElementById("box").elements.text.focus()`, nil)
	b.Type("They are a good customer.")
	b.Press("Ctrl+Enter")
	b.Wait("the note", `document.querySelector(".message.note")?.textContent.includes("good customer")`)
	b.Press("Escape", "c")
	b.Wait("the closed conversation", `document.querySelector("#state button").value === "open"`)
	if n := len(r.mail.Inbox(customer)); n != 1 {
		t.Errorf("%d mails reached the customer", n)
	}
	b.Prefer("dark", "zh-CN,zh;q=0.9")
	b.Eval(`location.reload()`, nil)
	b.Wait("Chinese", `document.readyState === "complete" && document.querySelector("#box .main")?.textContent === "发送"`)
	picture(b, "dark-chinese")
	b.Resize(390, 800)
	b.Wait("the phone's layout", `getComputedStyle(document.querySelector(".side")).display === "none" && document.documentElement.scrollWidth <= 390`)
	picture(b, "phone")
	b.Open(r.url)
	picture(b, "phone-list")
	b.Prefer("light", "en")
	b.Open(r.url + "?state=closed")
	b.Wait("the phone's list in English", `document.documentElement.scrollWidth <= 390 && document.querySelector(".rows").textContent.includes("Li Na")`)
	picture(b, "phone-list-english")
	if failed := b.Failures(); len(failed) > 0 {
		t.Errorf("scripts failed: %v", failed)
	}
}
