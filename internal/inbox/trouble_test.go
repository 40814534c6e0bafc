package inbox_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

func TestAFailedAnswerIsTriedAgain(t *testing.T) {
	r, b := newRig(t), testenv.StartBrowser(t)
	r.write("Broken kettle", "text/plain", "It leaks.")
	m := r.received(1)
	r.mail.Break(mail.Fault{Kind: mail.RefuseRecipient, To: customer, Code: 550, Text: "not today"})
	enter(b, r)
	b.Open(r.url + "c/" + m.ConversationID.String())
	b.Wait("the script", `document.querySelector("time").title`)
	b.Wait("the customer's words in the list", `document.querySelector(".rows .words:not(.ours)")`)
	b.Press("r")
	b.Type("We send another one.")
	b.Press("Ctrl+Enter")
	b.Wait("why it failed", `document.querySelector(".message.out .state.failed")?.textContent.includes("not today")`)
	b.Wait("our words in the list, told from the customer's", `document.querySelector(".rows .words.ours")`)
	b.Wait("the mark in the list", `document.querySelector(".rows .tag.bad")`)
	picture(b, "failed")
	b.Open(r.url + "work")
	b.Wait("the job among what needs a look", `document.querySelector(".things")?.textContent.includes("not today")`)
	picture(b, "work")
	r.mail.Heal()
	b.Open(r.url + "c/" + m.ConversationID.String())
	b.Eval(`document.querySelector(".retry button").click()`, nil)
	testenv.WaitFor(t, testenv.Patience, "the answer at the customer", func() bool { return len(r.mail.Inbox(customer)) == 1 })
	b.Wait("word that it was sent", `document.querySelector(".message.out .state")?.textContent === "Sent" && !document.querySelector(".retry")`)
	b.Open(r.url + "accounts")
	b.Wait("the accounts", `document.querySelector("tbody")?.textContent.includes("support")`)
	picture(b, "accounts")
}

func TestWhatFailedIsSentByAnotherChannel(t *testing.T) {
	r, b := newRigWith(t, setup{sales: true}), testenv.StartBrowser(t)
	file := filepath.Join(t.TempDir(), "receipt.txt")
	if err := os.WriteFile(file, []byte("99 euros"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.write("Broken kettle", "text/plain", "It leaks.")
	m := r.received(1)
	r.mail.Break(mail.Fault{Kind: mail.RefuseRecipient, To: customer, Code: 550, Text: "not today"})
	enter(b, r)
	b.Open(r.url + "c/" + m.ConversationID.String())
	b.Wait("the script", `document.querySelector("time").title`)
	b.Press("r")
	b.Type("We send another one.")
	tabTo(t, b, "#pick")
	b.Choose(file, " ")
	b.Wait("the attachment", `document.querySelector("#files button")`)
	b.Eval(`document.getElementById("box").requestSubmit()`, nil)
	b.Wait("that all of it failed", `document.querySelectorAll(".message.out .state.failed").length === 2 && !document.querySelector("#files li")`)
	r.mail.Heal()
	b.Eval(`document.querySelectorAll(".elsewhere").forEach((e) => e.click())`, nil)
	b.Wait("it in the box", `document.activeElement.name === "channel" && document.querySelector("#files button").textContent.includes("receipt.txt") && document.getElementById("box").elements.text.value === "We send another one."`)
	picture(b, "elsewhere")
	b.Press("ArrowDown")
	tabTo(t, b, "#box button.main")
	b.Press("Enter")
	testenv.WaitFor(t, testenv.Patience, "the answer at the customer", func() bool { return len(r.mail.Inbox(customer)) == 1 })
	if raw := string(r.mail.Inbox(customer)[0].Raw); !strings.Contains(raw, sales) || !strings.Contains(raw, "We send another one.") || !strings.Contains(raw, "receipt.txt") {
		t.Errorf("the mail is\n%s", raw)
	}
}

func TestCustomersAreMergedAndUnmerged(t *testing.T) {
	r, b := newRig(t), testenv.StartBrowser(t)
	r.write("Broken kettle", "text/plain", "It leaks.")
	li := r.received(1)
	if err := r.mail.Deliver(support, []byte("Return-Path: <li@work.test>\r\nFrom: Li at work <li@work.test>\r\nTo: "+support+
		"\r\nMessage-ID: <w1@work.test>\r\nSubject: Invoice\r\nDate: "+time.Now().UTC().Format(time.RFC1123Z)+"\r\n\r\nPlease send it here.\r\n")); err != nil {
		t.Fatal(err)
	}
	work := r.received(2)
	enter(b, r)
	b.Open(r.url + "customer/" + li.Customer.ID.String() + "?q=work.test")
	b.Eval(`document.querySelector("a[href*='with=']").click()`, nil)
	b.Wait("the preview", `document.querySelector(".merge")?.textContent.includes("li@work.test")`)
	picture(b, "merge")
	b.Eval(`document.querySelector(".merge button").click()`, nil)
	b.Wait("the merge", `document.querySelector("form[action$='/undo']")`)
	b.Open(r.url + "c/" + li.ConversationID.String())
	b.Wait("one timeline", `document.querySelectorAll(".message").length === 2`)
	b.Open(r.url + "customer/" + li.Customer.ID.String())
	b.Eval(`document.querySelector("form[action$='/undo'] button").click()`, nil)
	b.Wait("the undone merge", `!document.querySelector("form[action$='/undo']") && document.body.textContent.includes("undone")`)
	c, err := r.app.Store().Conversation(t.Context(), work.ConversationID)
	if err != nil || c.Customer.ID != work.Customer.ID {
		t.Errorf("the other customer's conversation is %v's, %v", c, err)
	}
}

// A click that is repeated, or an answer whose first try broke off, is one
// message.
func TestAnAnswerIsSentOnce(t *testing.T) {
	r := newRig(t)
	r.write("Broken kettle", "text/plain", "It leaks.")
	m := r.received(1)
	in := r.login()
	to := r.url + "c/" + m.ConversationID.String() + "/answer"
	form := url.Values{"text": {"We send another one."}, "key": {"k1"}}
	for range 3 {
		if code, body, _ := post(t, in, to, map[string]string{"X-Inbox": "1"}, form); code != http.StatusNoContent {
			t.Fatalf("%d %s", code, body)
		}
	}
	form.Set("text", "Something else.")
	if code, _, _ := post(t, in, to, map[string]string{"X-Inbox": "1"}, form); code != http.StatusConflict {
		t.Errorf("another answer under the same key: %d", code)
	}
	form.Set("key", "k2")
	form.Set("text", "")
	if code, body, _ := post(t, in, to, map[string]string{"X-Inbox": "1"}, form); code != http.StatusUnprocessableEntity || !strings.Contains(body, "text or an attachment") {
		t.Errorf("an empty answer: %d %s", code, body)
	}
	list, err := r.app.Store().Timeline(t.Context(), m.Customer.ID, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for _, m := range list {
		if m.Direction == normalize.Outbound {
			sent++
			if m.Author == nil || m.Author.Name != "Ann" {
				t.Errorf("the author is %v", m.Author)
			}
		}
	}
	if sent != 1 {
		t.Errorf("%d answers", sent)
	}
}

// What a stranger calls a picture is not shown as a page.
func TestFilesRunNothing(t *testing.T) {
	r := newRig(t)
	in := r.login()
	for _, c := range []struct{ declared, body, kind, how string }{
		{"text/html", "<script>alert(1)</script>", "application/octet-stream", "attachment"},
		{"image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, "application/octet-stream", "attachment"},
		{"image/png", "\x89PNG\r\n\x1a\n0000", "image/png", "inline"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"file?name=x.png", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", c.declared)
		code, body, _ := do(t, in, req)
		_, id, _ := strings.Cut(body, `"id":"`)
		id, _, _ = strings.Cut(id, `"`)
		if code != http.StatusOK || id == "" {
			t.Fatalf("upload: %d %s", code, body)
		}
		_, _, res := get(t, in, r.url+"file/"+id)
		if h := res.Header; h.Get("Content-Type") != c.kind || !strings.HasPrefix(h.Get("Content-Disposition"), c.how) || !strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s is served as %s, %s, %s", c.declared, h.Get("Content-Type"), h.Get("Content-Disposition"), h.Get("Content-Security-Policy"))
		}
	}
}
