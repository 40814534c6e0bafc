package demo

import (
	"bytes"
	"encoding/json"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/demo/stage"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

// guestBrowser is a visitor's browser without scripts.
type guestBrowser struct {
	t    *testing.T
	home string // with a slash at its end
	http.Client
}

func newGuestBrowser(t *testing.T, link string) *guestBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &guestBrowser{t: t, Client: http.Client{Jar: jar, Transport: &http.Transport{}, Timeout: testenv.Patience}}
	t.Cleanup(b.CloseIdleConnections)
	b.home, _, _ = strings.Cut(link, "open/")
	b.get(strings.TrimPrefix(link, b.home))
	b.get("inbox/") // which logs in
	return b
}

func (b *guestBrowser) get(path string) string {
	b.t.Helper()
	resp, err := b.Get(b.home + path)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.read(resp)
}

func (b *guestBrowser) read(resp *http.Response) string {
	b.t.Helper()
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %s, %v", resp.Request.URL, resp.Status, err)
	}
	return string(page)
}

// shows reports whether a page has words.
func (b *guestBrowser) shows(path, words string) bool {
	b.t.Helper()
	return strings.Contains(html.UnescapeString(b.get(path)), words)
}

// writes sends the form of a chat.
func (b *guestBrowser) writes(path, text string) {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("text", text); err != nil {
		b.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		b.t.Fatal(err)
	}
	resp, err := b.Post(b.home+path, form.FormDataContentType(), &body)
	if err != nil {
		b.t.Fatal(err)
	}
	if page := b.read(resp); !strings.Contains(page, "✓") {
		b.t.Errorf("by %s it was not taken: %s", path, page)
	}
}

func TestAVisitorWritesByEveryApp(t *testing.T) {
	link, out := play(t, Options{Speed: 2})
	b := newGuestBrowser(t, link)
	desk := newClient(out.await(t, `(http://127\.0\.0\.1:[0-9]+)/v1/openapi\.json`)[1], out.await(t, `Bearer (dbt_[A-Z0-9]+)`)[1])
	t.Cleanup(desk.close)
	for _, line := range []struct{ app, answers, channel string }{
		{"mail", "mail", "support"},
		{"whatsapp", "whatsapp", "whatsapp"},
		{"wechat", "wechat", "wechat"},
		{"wecom", "wecom", "wecom"},
		{"slack", "slack", "slack"},
		{"telegram", "telegram", "telegram"},
		{"call", "sms", "phone"}, // whoever has called is answered by SMS
		{"sms", "sms", "phone"},
	} {
		b.writes("phone/you/"+line.app, "A question by "+line.app)
		var found normalize.ID
		testenv.WaitFor(t, testenv.Patience, "the conversation by "+line.app, func() bool {
			found = desk.conversation(t, line.channel)
			return found != 0 && b.shows("inbox/c/"+found.String(), "A question by "+line.app)
		})
		if _, err := desk.answer(t.Context(), found, "Robin", "An answer to "+line.app, line.app); err != nil {
			t.Fatal(err)
		}
		testenv.WaitFor(t, testenv.Patience, "the answer by "+line.app, func() bool { return b.shows("phone/you/"+line.answers, "An answer to "+line.app) })
	}
}

// conversation returns the visitor's conversation in a channel; zero for none.
func (c *client) conversation(t *testing.T, channel string) normalize.ID {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+"/v1/conversations?limit=50", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	body, err := download(&c.http, req)
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Items []normalize.Conversation }
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	own := map[stage.Place]bool{{Kind: byMail, Value: visitorMail}: true}
	_, lines := newVisitor()
	for _, g := range lines {
		own[g.at] = true
	}
	for _, one := range list.Items {
		if one.Channel.Name == channel && own[placeOf(one.Address)] {
			return one.ID
		}
	}
	return 0
}
