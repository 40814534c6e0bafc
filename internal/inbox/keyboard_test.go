package inbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// tabTo moves the focus by Tab alone until it is on what a selector names, and
// looks whether one would see where it is.
func tabTo(t *testing.T, b *testenv.Browser, selector string) {
	t.Helper()
	const most = 80
	for range most {
		b.Press("Tab")
		var here bool
		b.Eval(fmt.Sprintf(`document.activeElement?.matches(%q) ?? false`, selector), &here)
		if !here {
			continue
		}
		var seen bool
		b.Eval(`(() => {
			const e = document.activeElement, frame = e.closest("label.pick") ?? e, at = frame.getBoundingClientRect(), look = getComputedStyle(frame);
			return look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2 && at.top >= 0 && at.bottom <= innerHeight && at.width > 4;
		})()`, &seen)
		if !seen {
			t.Errorf("the focus on %s cannot be seen", selector)
		}
		return
	}
	var where string
	b.Eval(`document.activeElement.outerHTML.slice(0, 200)`, &where)
	t.Fatalf("%d times Tab did not lead to %s, but to %s", most, selector, where)
}

// Nothing but keys are used here, in Chinese.
func TestAllOfAnAnswerByKeyboard(t *testing.T) {
	r, b := newRig(t), testenv.StartBrowser(t)
	file := filepath.Join(t.TempDir(), "收据.txt")
	if err := os.WriteFile(file, []byte("99 yuan"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.write("=?utf-8?B?5rC05aO25ryP5rC0?=", "text/plain; charset=utf-8", "上周买的水壶漏水。")
	r.received(1)
	b.Prefer("light", "zh-CN,zh;q=0.9")
	b.Open(r.url)
	b.Wait("the login", `document.activeElement.name === "email"`)
	b.Type(agent)
	b.Press("Tab")
	b.Type(secret)
	tabTo(t, b, "form.stack button")
	b.Press("Enter")
	b.Wait("the list", `document.querySelector(".rows .words")?.textContent.includes("漏水")`)
	b.Wait("how long the customer waits", `document.querySelector(".rows .tag.warn")?.textContent.includes("已等待")`)
	tabTo(t, b, ".rows a")
	b.Press("Enter")
	b.Wait("the conversation", `document.querySelector(".message.in")?.textContent.includes("上周") && document.querySelector("time").title`)

	tabTo(t, b, "#box textarea")
	b.Type("我们今天寄出新的。")
	b.Wait("the preview", `document.getElementById("preview").textContent.includes("9 个字符")`)
	tabTo(t, b, "#pick")
	b.Choose(file, " ")
	b.Wait("the attachment", `document.querySelector("#files button")?.textContent.includes("收据.txt")`)
	tabTo(t, b, "#box [name=note]")
	b.Press(" ")
	b.Wait("that it is a note", `document.getElementById("box").classList.contains("as-note")`)
	b.Press(" ")
	b.Wait("that it is none", `!document.getElementById("box").classList.contains("as-note")`)
	tabTo(t, b, "#box button.main")
	b.Press("Enter")
	testenv.WaitFor(t, testenv.Patience, "the answer at the customer", func() bool { return len(r.mail.Inbox(customer)) == 1 })
	b.Wait("word that it was sent", `[...document.querySelectorAll(".message.out .state")].some((e) => e.textContent === "已发送")`)
	picture(b, "keyboard-chinese")

	r.mail.Break(mail.Fault{Kind: mail.RefuseRecipient, To: customer, Code: 550, Text: "not today"})
	b.Press("r")
	b.Wait("the answer box", `document.activeElement.name === "text"`)
	b.Type("顺丰单号稍后发给您。")
	b.Press("Ctrl+Enter")
	b.Wait("why it failed", `document.querySelector(".message.out .state.failed")?.textContent.includes("未送达")`)
	r.mail.Heal()
	b.Press("Escape")
	tabTo(t, b, ".retry button")
	b.Press("Enter")
	testenv.WaitFor(t, testenv.Patience, "the second answer at the customer", func() bool { return len(r.mail.Inbox(customer)) == 2 })
	b.Wait("no retry any more", `document.querySelector(".message.out") && !document.querySelector(".retry")`)
	for _, m := range r.mail.Inbox(customer) {
		if strings.Contains(string(m.Raw), "99 yuan") || strings.Contains(string(m.Raw), "OTkgeXVhbg") {
			return
		}
	}
	t.Error("the file is in none of the mails")
}
