package inbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// finding is what axe-core complains of (https://github.com/dequelabs/axe-core/blob/develop/doc/API.md#results-object).
type finding struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		FailureSummary string
	}
}

// TestPagesCanBeUsedByEverybody has axe-core look at every page, in the light
// and in the dark, on a desk and on a phone, in English and in Chinese.
func TestPagesCanBeUsedByEverybody(t *testing.T) {
	folder := testenv.NPM(t, filepath.Join("..", "tools", "axe"), "axe-core", "no page was looked at for accessibility")
	axe, err := os.ReadFile(filepath.Join(folder, "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	b, s := testenv.StartBrowser(t), openShop(t)
	s.everyKind()
	c := s.url + "c/" + s.leak.ConversationID.String()
	// Frames hold mails, which are others' pages.
	run := string(axe) + `; axe.run(document, { iframes: false, resultTypes: ["violations"] }).then((r) => r.violations)`
	look := func(how, page, wait, do string) {
		t.Helper()
		b.Open(page)
		b.Wait(wait, "document.readyState === 'complete' && ("+wait+")")
		if do != "" {
			b.Eval(do, nil)
		}
		var found []finding
		b.Eval(run, &found)
		for _, f := range found {
			for _, n := range f.Nodes {
				t.Errorf("%s, %s: %s (%s, %s)\n%s\n%s", page, how, f.Help, f.ID, f.Impact, n.HTML, n.FailureSummary)
			}
		}
		var wide bool
		b.Eval(`document.documentElement.scrollWidth > innerWidth`, &wide)
		if wide {
			t.Errorf("%s, %s: wider than the screen", page, how)
		}
	}
	// Every two of language, scheme and size meet once.
	each := func(f func(how string)) {
		for _, c := range []struct {
			language, scheme string
			width            int
		}{{"en", "light", 1280}, {"en", "dark", 390}, {"zh-CN", "light", 390}, {"zh-CN", "dark", 1280}} {
			b.Prefer(c.scheme, c.language)
			b.Resize(c.width, 800)
			f(fmt.Sprintf("%s, %s, %d wide", c.language, c.scheme, c.width))
		}
	}
	each(func(how string) { look(how, s.url+"login", `document.querySelector("form.stack")`, "") })
	enter(b, s.rig)
	pages := []struct{ page, wait, do string }{
		{s.url, `document.querySelector(".rows a")`, ""},
		{s.url + "?q=nobody-is-called-so", `document.querySelector(".rows .none")`, ""},
		{c, `document.querySelector(".message.note") && document.querySelector("time").title`, `for (const d of document.querySelectorAll("details")) d.open = true`},
		{s.url + "c/" + s.failed.ConversationID.String(), `document.querySelector(".state.failed") && document.querySelector("time").title`, `document.getElementById("box").elements.note.click()`},
		{s.url + "m/" + s.leak.ID.String(), `document.querySelector("body")`, ""},
		{s.url + "customer/" + s.leak.Customer.ID.String() + "?q=jonas&with=" + s.failed.Customer.ID.String(), `document.querySelector(".merge")`, ""},
		{s.url + "charts", `document.querySelector("svg.columns")`, `for (const d of document.querySelectorAll("details")) d.open = true`},
		{s.url + "accounts", `document.querySelector("tbody tr")`, ""},
		{s.url + "work", `document.querySelector(".things form")`, ""},
		{s.url + "canned", `document.querySelector("section.canned")`, ""},
		{s.url + "ledger", `document.querySelector("main")`, ""},
		{s.url + "ledger?q=kettle", `document.querySelector("main")`, ""},
		{s.url + "c/0000000000001", `document.querySelector(".card")`, ""},
	}
	each(func(how string) {
		for _, p := range pages {
			look(how, p.page, p.wait, p.do)
		}
	})
	if failed := b.Failures(); len(failed) > 0 {
		t.Errorf("scripts failed: %v", failed)
	}
	var found []finding
	b.Eval(`document.body.innerHTML = "<main><img src=x><p id=faint>Words</p></main>"; document.getElementById("faint").style.color = getComputedStyle(document.body).backgroundColor`, nil)
	b.Eval(run, &found)
	if len(found) < 2 {
		t.Errorf("on a page with a picture without words and with text that nobody can read, it found %v", found)
	}
}

// everyKind adds what else a page may show.
func (s *shop) everyKind() {
	s.t.Helper()
	now := s.at.Now()
	said := func(id string, part normalize.Part) *normalize.Message {
		return &normalize.Message{
			Direction: normalize.Inbound, Address: normalize.Email(maria, "Maria Rossi"), ExternalID: id, Text: part.Text, FullText: part.Text,
			SentAt: now, ReceivedAt: now, Parts: []normalize.Part{part}, Thread: normalize.Thread{Key: "kinds"},
		}
	}
	s.take(
		said("k1", normalize.Part{Kind: normalize.PartLocation, Location: &normalize.Location{Latitude: 45.46, Longitude: 9.19, Name: "Piazza del Duomo"}}),
		said("k2", normalize.Part{Kind: normalize.PartCall, Call: &normalize.Call{State: normalize.CallMissed}}),
		said("k3", normalize.Part{Kind: normalize.PartContact, Contact: &normalize.Contact{Name: "Luca Rossi", Addresses: []normalize.Address{normalize.Email("luca@mail.test", "")}}}),
		said("k4", normalize.Part{Kind: normalize.PartText, Text: "Or in red?"}), said("k5", normalize.Part{Kind: normalize.PartText, Text: "Never mind"}),
	)
	s.take(
		&normalize.Edit{Target: "k4", Text: "Or in grey?", At: now}, &normalize.Delete{Target: "k5", At: now},
		&normalize.Reaction{Target: "k4", From: normalize.Email(maria, "Maria Rossi"), Emoji: "\U0001F44D", At: now},
	)
	if err := s.mail.Deliver(support, []byte("\xff\xfe no mail at all")); err != nil {
		s.t.Fatal(err)
	}
	testenv.WaitFor(s.t, testenv.Patience, "the input that is no mail", func() bool {
		list, err := s.app.Store().Ledger(s.t.Context(), timeline.LedgerFilter{Outcome: normalize.Quarantined, Limit: 1})
		return err == nil && len(list) == 1
	})
	in := s.login()
	if code, body, _ := post(s.t, in, s.url+"canned", nil, url.Values{"name": {"sorry"}, "text": {"Dear {customer}, I am sorry."}}); code != http.StatusOK {
		s.t.Fatalf("%d %s", code, body)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"file?name=greeting.mp3", strings.NewReader("ID3\x04\x00\x00\x00\x00\x00\x00"))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "audio/mpeg")
	code, body, _ := do(s.t, in, req)
	var file struct{ ID string }
	if err := json.Unmarshal([]byte(body), &file); err != nil || code != http.StatusOK {
		s.t.Fatalf("%d %s", code, body)
	}
	form := url.Values{"text": {"Listen to this."}, "file": {file.ID}, "key": {"listen"}}
	if code, body, _ := post(s.t, in, s.url+"c/"+s.leak.ConversationID.String()+"/answer", map[string]string{"X-Inbox": "1"}, form); code != http.StatusNoContent {
		s.t.Fatalf("%d %s", code, body)
	}
}
