package inbox_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

func TestTheFiguresOfAShop(t *testing.T) {
	r := newRigWith(t, setup{days: shopDays, past: func(db *store.DB, begin, now time.Time) {
		tell(t, db, trade(begin, now))
		if _, err := db.CloseIdle(t.Context(), now.Add(-time.Hour), now, 1000); err != nil {
			t.Fatal(err)
		}
	}})
	r.write("Broken kettle", "text/plain", "It leaks.")
	in := r.login()
	testenv.WaitFor(t, testenv.Patience, "the mail among the figures", func() bool {
		l, err := r.app.Store().Backlog(t.Context())
		return err == nil && len(l) == 1
	})
	code, page, _ := get(t, in, r.url+"charts")
	if code != http.StatusOK {
		t.Fatalf("%d\n%s", code, page)
	}
	for what, want := range map[string]string{
		"who waits": "<b>1</b> waiting for an answer now", "how long": "the longest for under a minute", "a title": `<title id="volume-title">`,
		"words for those who do not see": "A column for each day", "a channel": `></span>whatsapp `, "a table": `<th scope="row">`, "the median": "half within",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing: %q", what, want)
		}
	}
	if n := len(regexp.MustCompile(`<th scope="row">\d+ [A-Z][a-z]+</th>`).FindAllString(page, -1)); n != shopDays {
		t.Errorf("%d days in the table", n)
	}
	if n := strings.Count(page, "<rect"); n < 5*shopDays/2 {
		t.Errorf("%d pieces in the drawings", n)
	}
	if _, page, _ = get(t, in, r.url+"charts?days=7"); !strings.Contains(page, `href="?days=7" aria-current="true"`) {
		t.Error("a week is not shown")
	}
	if _, page, _ = get(t, in, r.url+"charts?days=100000"); !strings.Contains(page, `href="?days=14" aria-current="true"`) {
		t.Error("any number of days is taken")
	}

	b := testenv.StartBrowser(t)
	b.Resize(1280, 1500)
	enter(b, r)
	b.Open(r.url + "charts")
	b.Wait("the columns", `document.querySelectorAll("svg.columns rect").length > 30`)
	picture(b, "charts")
	b.Prefer("dark", "zh-CN")
	b.Resize(390, 1500)
	b.Eval(`location.reload()`, nil)
	b.Wait("Chinese", `document.querySelector("h1")?.textContent === "统计"`)
	picture(b, "charts-phone")
	var width int
	b.Eval(`document.documentElement.scrollWidth`, &width)
	if width > 390 {
		t.Errorf("the page is %d wide on a phone", width)
	}
	picture(b, "charts-phone")
}

func TestTheFiguresOfAnEmptyInbox(t *testing.T) {
	r := newRig(t)
	code, page, _ := get(t, r.loginAs("bo@example.test"), r.url+"charts")
	for _, want := range []string{"<b>0</b> waiting for an answer now", "Nobody wrote in these days.", "Nobody waits.", "Nothing yet."} {
		if code != http.StatusOK || !strings.Contains(page, want) {
			t.Errorf("%d, without %q:\n%s", code, want, page)
		}
	}
}

func TestManyChannelsShareAColour(t *testing.T) {
	r := newRigWith(t, setup{days: 1, past: func(db *store.DB, begin, _ time.Time) {
		var lines []line
		for i, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			for n := range 20 - i {
				lines = append(lines, line{channel: "channel-" + name, who: normalize.Email(fmt.Sprintf("c%d@mail.test", n), ""), at: begin.Add(time.Minute), words: "Hello"})
			}
		}
		tell(t, db, lines)
	}})
	_, page, _ := get(t, r.login(), r.url+"charts?days=7")
	for want, times := range map[string]int{`<span class="swatch`: 6, "</span>channel-e ": 1, "</span>channel-f ": 0, "</span>… <span class=\"dim\">42</span>": 1, "<b>132</b> messages from customers": 1} {
		if n := strings.Count(page, want); n != times {
			t.Errorf("%q stands %d times, want %d", want, n, times)
		}
	}
}
