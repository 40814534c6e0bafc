package inbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// What a customer said long ago is found by its words, and shown where it was
// said.
func TestTheSearchFindsWhatWasSaid(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) { findWhatWasSaid(t, newRigWith(t, s)) })
	}
}

func findWhatWasSaid(t *testing.T, r *rig) {
	b := testenv.StartBrowser(t)
	r.write("Hello", "text/plain; charset=utf-8", "My kettle leaks. 我要退款。")
	for i := range 55 { // more than a page
		r.write("Re: Hello", "text/plain\r\nIn-Reply-To: <m1@example.test>", fmt.Sprintf("And another thing, number %d.", i))
	}
	r.received(56)
	in := r.login()
	for _, query := range []string{"kettle", "退款"} {
		testenv.WaitFor(t, testenv.Patience, "the index with "+query, func() bool {
			_, list, _ := get(t, in, r.url+"list?q="+query)
			return strings.Contains(list, "kettle leaks")
		})
	}
	if code, list, _ := get(t, in, r.url+"list?q=kettle+nonsense"); code != http.StatusOK || !strings.Contains(list, "Nothing found.") {
		t.Errorf("words that nobody said: %d %s", code, list)
	}
	enter(b, r)
	b.Wait("the script", `document.querySelector("time").title`)
	b.Press("/")
	b.Type("退款")
	b.Press("Enter")
	b.Wait("what was found", `location.search.includes("q=") && document.querySelector(".rows .words")?.textContent.includes("我要退款") && document.querySelector("time").title`)
	picture(b, "search")
	b.Press("j", "Enter")
	b.Wait("the message on its timeline", `document.querySelector(".message:target")?.textContent.includes("kettle leaks") && document.querySelector(".rows a[aria-current]")`)
	b.Wait("that it is in sight", `(() => { const at = document.querySelector(".message:target").getBoundingClientRect(); return at.top >= 0 && at.bottom <= innerHeight; })()`)
	if failed := b.Failures(); len(failed) > 0 {
		t.Errorf("scripts failed: %v", failed)
	}
}
