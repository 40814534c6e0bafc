package inbox_test

import (
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestPicturesForTheReadme walks through the inbox of a shop; `make pictures`
// keeps what it looks like in docs/pictures.
func TestPicturesForTheReadme(t *testing.T) {
	b, s := testenv.StartBrowser(t), openShop(t)
	b.Ahead(s.at.ahead)
	b.Prefer("light", "en")
	enter(b, s.rig)
	c := s.url + "c/" + s.leak.ConversationID.String()
	ready := func(page string) {
		t.Helper()
		b.Open(page)
		b.Wait("the page", `document.readyState === "complete" && [...document.images].every((i) => i.complete) && [...document.querySelectorAll("time")].every((e) => e.title)`)
		var wide bool
		b.Eval(`document.documentElement.scrollWidth > innerWidth`, &wide)
		if wide {
			t.Errorf("%s is wider than the screen", page)
		}
	}
	b.Resize(1280, 960)
	for _, scheme := range []string{"light", "dark"} {
		b.Prefer(scheme, "en")
		ready(c)
		b.Wait("what was said by WhatsApp on the same timeline", `document.querySelectorAll(".message.other").length === 3 && document.querySelector(".part img")?.complete`)
		b.Eval(`document.querySelector(".part img").closest("li").scrollIntoView()`, nil)
		b.Press("r")
		b.Type("Dear Maria,\n\nyes, in moss green, and from next week in red. Shall I send you a green one instead?")
		b.Wait("the preview", `document.getElementById("preview").textContent.includes("characters")`)
		picture(b, "conversation-"+scheme)
	}
	b.Prefer("light", "en")
	b.Resize(1000, 760)
	ready(s.url + "charts")
	picture(b, "figures")

	b.Resize(390, 780)
	ready(s.url)
	picture(b, "phone-list")
	ready(s.url + "c/" + s.failed.ConversationID.String())
	b.Wait("why it failed", `document.querySelector(".state.failed")`)
	picture(b, "phone-failed")
	b.Prefer("dark", "zh-CN")
	ready(c)
	picture(b, "phone-chinese")
	if failed := b.Failures(); len(failed) > 0 {
		t.Errorf("scripts failed: %v", failed)
	}
}
