package inbox_test

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// The links of a list lead to what they name: to the same list of others, on to
// older conversations, and from a conversation back to where it was opened.
func TestTheLinksOfAListKeepWhatItShows(t *testing.T) {
	r := newRig(t)
	const all = 101 // one more than a page of the ledger holds; one of the list holds 40
	for i := range all {
		r.write(fmt.Sprintf("Question %d", i), "text/plain", "Where is my parcel?")
	}
	r.received(all)
	ann := r.login()

	page := r.follow(ann, r.url+"?unread=1", `data-tab="nobody"`)
	if n := strings.Count(page, `<li><a href=`); n != 40 || !strings.Contains(page, `data-tab="nobody" aria-current="true"`) || !strings.Contains(page, `value="1" checked`) {
		t.Errorf("nobody's unread conversations: %d are shown", n)
	}
	if mine := r.follow(ann, r.url, `data-tab="me"`); strings.Contains(mine, `<li><a href=`) || !strings.Contains(mine, `data-tab="me" aria-current="true"`) {
		t.Error("Ann, who has none, is shown conversations of others")
	}
	older := r.follow(ann, r.url+"?who=nobody&unread=1", "Older conversations")
	if n := strings.Count(older, `<li><a href=`); n != 40 || strings.Contains(older, "Question 100") {
		t.Errorf("the second page shows %d conversations", n)
	}
	if newest := r.follow(ann, r.last, "Newest conversations"); !strings.Contains(newest, "Question 100") {
		t.Error("the way back from the second page")
	}
	r.follow(ann, r.url+"?who=nobody&state=any", "Question 100")
	if back := r.follow(ann, r.last, `class="back"`); !strings.Contains(back, `data-tab="nobody" aria-current="true"`) || !strings.Contains(back, `value="any" selected`) {
		t.Errorf("back from a conversation leads to %s", r.last)
	}
	if further := r.follow(ann, r.url+"ledger?account=support&outcome=accepted", "Look further back"); !strings.Contains(further, "<option selected>support") {
		t.Errorf("further back in the ledger leads to %s", r.last)
	}
}

var (
	link = regexp.MustCompile(`(?s)<a\b[^>]*>.*?</a>`)
	href = regexp.MustCompile(`href="([^"]*)"`)
)

// follow opens a page and then what its link with these words leads to, whose
// address is in r.last afterwards.
func (r *rig) follow(c *http.Client, address, words string) string {
	r.t.Helper()
	code, page, _ := get(r.t, c, address)
	if code != http.StatusOK {
		r.t.Fatalf("%s: %d", address, code)
	}
	for _, a := range link.FindAllString(page, -1) {
		if !strings.Contains(a, words) {
			continue
		}
		base, err := url.Parse(address)
		if err != nil {
			r.t.Fatal(err)
		}
		to, err := base.Parse(html.UnescapeString(href.FindStringSubmatch(a)[1]))
		if err != nil {
			r.t.Fatal(err)
		}
		r.last = to.String()
		code, next, _ := get(r.t, c, r.last)
		if code != http.StatusOK {
			r.t.Fatalf("%s leads to %s: %d", words, r.last, code)
		}
		return next
	}
	r.t.Fatalf("%s has no link %q", address, words)
	return ""
}

// Whoever types an address by hand gets to a page that helps them on.
func TestAddressesTypedByHand(t *testing.T) {
	r := newRig(t)
	if _, _, res := get(t, r.client(), strings.TrimSuffix(r.url, "inbox/")); res.Request.URL.Path != "/inbox/login" {
		t.Errorf("the bare address ends at %s", res.Request.URL)
	}
	for _, page := range []string{"nonsense", "c/", "c/nonsense", "customer/0000000000001"} {
		if code, body, _ := get(t, r.login(), r.url+page); code != http.StatusNotFound || !strings.Contains(body, "Back to the inbox") {
			t.Errorf("%s: %d %s", page, code, body)
		}
	}
}

// The page of a customer leads to the conversations of each address.
func TestFromACustomerToTheirConversations(t *testing.T) {
	r := newRig(t)
	r.write("Broken kettle", "text/plain", "It leaks.")
	m := r.received(1)
	if page := r.follow(r.login(), r.url+"customer/"+m.Customer.ID.String(), customer); !strings.Contains(page, "Broken kettle") {
		t.Errorf("%s lacks the conversation", r.last)
	}
}

// Words that are read from right to left begin at the right, in the list as
// well as in the message.
func TestEachLanguageRunsItsOwnWay(t *testing.T) {
	r, b := newRig(t), testenv.StartBrowser(t)
	r.write("=?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte("أين طلبي؟"))+"?=", "text/plain; charset=utf-8", "مرحبا، طلبت معطفا قبل أسبوع ولم يصل بعد. (4711)")
	m := r.received(1)
	enter(b, r)
	b.Open(r.url + "c/" + m.ConversationID.String())
	b.Wait("the message", `document.querySelector(".message.in")`)
	for _, words := range []string{".rows .subject", ".rows .words", ".message .subject", ".message .text"} {
		var direction string
		b.Eval(`getComputedStyle(document.querySelector("`+words+`")).direction`, &direction)
		if direction != "rtl" {
			t.Errorf("%s runs %s", words, direction)
		}
	}
	picture(b, "right-to-left")
}
