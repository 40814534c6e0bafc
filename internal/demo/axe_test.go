package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestPagesOfTheDemoCanBeUsedByEverybody has axe-core look at the stage and at
// the phone (https://github.com/dequelabs/axe-core/blob/develop/doc/API.md).
func TestPagesOfTheDemoCanBeUsedByEverybody(t *testing.T) {
	folder := testenv.NPM(t, filepath.Join("..", "tools", "axe"), "axe-core", "no page of the demo was looked at for accessibility")
	axe, err := os.ReadFile(filepath.Join(folder, "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	b := testenv.StartBrowser(t)
	link, out := play(t, Options{Speed: 30})
	visitor := newGuestBrowser(t, link)
	b.Open(visitor.home)
	b.Wait("the closed door", `document.querySelector(".closed")`)
	run := string(axe) + `; axe.run(document, { iframes: false, resultTypes: ["violations"] }).then((r) => r.violations)`
	look := func(how string) {
		t.Helper()
		var found []struct {
			ID, Impact, Help string
			Nodes            []struct{ HTML, FailureSummary string }
		}
		b.Eval(run, &found)
		for _, f := range found {
			for _, n := range f.Nodes {
				t.Errorf("%s: %s (%s, %s)\n%s\n%s", how, f.Help, f.ID, f.Impact, n.HTML, n.FailureSummary)
			}
		}
	}
	look("the closed door")
	visitor.writes("phone/you/call", "Please call me back.")
	b.Open(out.await(t, `Another one opens it by (http\S+)`)[1])
	for _, c := range []struct {
		language, scheme string
		width            int
	}{{"en", "light", 1280}, {"zh-CN", "dark", 390}, {"en", "dark", 1280}} {
		b.Prefer(c.scheme, c.language)
		b.Resize(c.width, 800)
		for page, wait := range map[string]string{
			"": `document.querySelector(".bezel")`, "phone/": `document.querySelectorAll(".others a").length > 8`, "phone/you/mail": `document.querySelector(".none")`,
			"phone/you/call": `document.querySelector(".rang")`, "phone/lin/wechat": `document.querySelector(".mine img")`, "phone/nora/slack": `document.querySelector(".mine")`,
			"phone/jonas/telegram": `document.querySelector(".theirs")`, "phone/lin/sms": `document.querySelector(".theirs")`, "phone/amara/whatsapp": `document.querySelector(".mine img")`,
			"phone/wang/wecom": `document.querySelector(".mine")`, "phone/anna/mail": `document.querySelector(".mine")`,
		} {
			b.Open(visitor.home + page)
			b.Wait(page, wait)
			if page == "" {
				b.Eval(`document.querySelector("details").open = true`, nil)
			}
			look(fmt.Sprintf("/%s, %s, %s, %d wide", page, c.language, c.scheme, c.width))
		}
	}
}
