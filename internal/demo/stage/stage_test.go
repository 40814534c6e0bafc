package stage_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/deskbridge/deskbridge/internal/demo/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a stage before a daemon that lets its one agent in.
type rig struct {
	*stage.Stage
	t     *testing.T
	book  *stage.Book
	wrote chan stage.Draft
	fails error // of the next one who writes
	next  string
}

var own = stage.Place{Kind: "whatsapp", Value: "+12025550142"}

func newRig(t *testing.T) *rig {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /inbox/login", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("email") != "robin@example.test" || r.FormValue("password") != "secret" {
			http.Error(w, "wrong", http.StatusUnauthorized)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "robin", Path: "/", HttpOnly: true})
		http.Redirect(w, r, "/inbox/", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /inbox/{$}", func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("session")
		if err != nil {
			http.Redirect(w, r, "/inbox/login", http.StatusSeeOther)
			return
		}
		w.Header().Set("X-Frame-Options", "DENY")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		_, _ = io.WriteString(w, "the inbox of "+c.Value+" at "+r.Host)
	})
	daemon := httptest.NewServer(mux)
	t.Cleanup(daemon.Close)
	at, err := url.Parse(daemon.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, book: stage.NewBook(), wrote: make(chan stage.Draft, 10)}
	r.book.Add("you", "Alex", own)
	r.book.Add("you", "Alex", stage.Place{Kind: "phone", Value: "+12025550142"})
	r.book.Add("anna", "Anna", stage.Place{Kind: "email", Value: "anna@example.test"})
	r.Stage, err = stage.Start(listen(t, "127.0.0.1:0"), stage.Options{
		Daemon: at, Email: "robin@example.test", Password: "secret", Book: r.book, Opened: func(next string) { r.next = next },
		Log: slog.New(slog.DiscardHandler),
		Write: func(_ context.Context, d stage.Draft) error {
			r.wrote <- d
			r.book.Write(d.At, stage.Entry{Text: d.Text})(r.fails)
			return r.fails
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// browser is one that keeps cookies.
func (r *rig) browser() *http.Client {
	r.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: 10 * time.Second, Transport: &http.Transport{}}
	r.t.Cleanup(c.CloseIdleConnections)
	return c
}

// inside is a browser that has followed the link.
func (r *rig) inside() *http.Client {
	r.t.Helper()
	c := r.browser()
	if status, body, _ := r.get(c, r.Link(), nil); status != http.StatusOK || !strings.Contains(body, `src="/phone/"`) {
		r.t.Fatalf("the link leads to %d %s", status, body)
	}
	return c
}

func (r *rig) get(c *http.Client, address string, header map[string]string) (int, string, http.Header) {
	r.t.Helper()
	return r.do(c, http.MethodGet, address, "", nil, header)
}

func (r *rig) do(c *http.Client, method, address, contentType string, body io.Reader, header map[string]string) (int, string, http.Header) {
	r.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = r.URL() + address
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, address, body)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	if host := header["Host"]; host != "" {
		req.Host = host
	}
	resp, err := c.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func TestALinkLetsOneBrowserIn(t *testing.T) {
	r := newRig(t)
	link := r.Link()
	stranger := r.browser()
	for _, path := range []string{"/", "/phone/", "/phone/you/whatsapp", "/phone/live", "/inbox/", "/inbox/login", "/open/guessed"} {
		if status, _, _ := r.get(stranger, path, nil); status != http.StatusForbidden {
			t.Errorf("a stranger gets %d at %s", status, path)
		}
	}
	if status, _, _ := r.do(stranger, http.MethodHead, link, "", nil, nil); status == http.StatusOK || r.next != "" {
		t.Errorf("looking whether the link is there used it up: %d", status)
	}
	visitor := r.inside()
	if status, body, h := r.get(visitor, "/inbox/", nil); status != http.StatusOK || !strings.Contains(body, "the inbox of robin at 127.0.0.1") ||
		h.Get("X-Frame-Options") != "SAMEORIGIN" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'self'") {
		t.Errorf("the inbox: %d %s %v", status, body, h)
	}
	if status, _, _ := r.get(stranger, link, nil); status != http.StatusForbidden {
		t.Errorf("the link lets a second browser in: %d", status)
	}
	if r.next == link || r.next != r.Link() {
		t.Errorf("the next link is %s after %s", r.next, link)
	}
	if status, _, _ := r.get(visitor, link, nil); status != http.StatusOK {
		t.Errorf("the browser that is inside comes back by its link: %d", status)
	}
}

func TestOnlyThisMachineIsServed(t *testing.T) {
	if _, err := stage.Start(listen(t, "0.0.0.0:0"), stage.Options{}); err == nil {
		t.Error("it listens to the network")
	}
	r := newRig(t)
	c := r.inside()
	if status, _, _ := r.get(c, "/", map[string]string{"Host": "attacker.example"}); status != http.StatusMisdirectedRequest {
		t.Errorf("another name for this machine: %d", status)
	}
	if status, _, _ := r.do(c, http.MethodPost, "/phone/you/whatsapp", "application/x-www-form-urlencoded", strings.NewReader("text=x"),
		map[string]string{"Origin": "https://attacker.example", "Sec-Fetch-Site": "cross-site"}); status != http.StatusForbidden {
		t.Errorf("a form of another page: %d", status)
	}
	_, _, h := r.get(c, "/phone/", nil)
	if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Errorf("Content-Security-Policy: %s", csp)
	}
}

func TestWhatIsWrittenOnAPhone(t *testing.T) {
	r := newRig(t)
	c := r.inside()
	form := func(text, name, content string) (string, io.Reader) {
		var b strings.Builder
		w := multipart.NewWriter(&b)
		_ = w.WriteField("text", text)
		if name != "" {
			f, err := w.CreateFormFile("picture", name)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(f, content)
		}
		_ = w.Close()
		return w.FormDataContentType(), strings.NewReader(b.String())
	}
	for _, refused := range []struct{ text, name, content, why string }{
		{"  ", "", "", "Write something first."},
		{strings.Repeat("x", 4001), "", "", "That is too long."},
		{"look", "page.png", "<script>alert(1)</script>", "Only pictures"},
		{"look", "large.png", strings.Repeat("x", 5<<20+1), "larger than 5 MB"},
	} {
		kind, body := form(refused.text, refused.name, refused.content)
		if status, answer, _ := r.do(c, http.MethodPost, "/phone/you/whatsapp", kind, body, nil); status != http.StatusUnprocessableEntity || !strings.Contains(answer, refused.why) {
			t.Errorf("%.20q: %d %s, want %q", refused.text, status, answer, refused.why)
		}
	}
	const png = "\x89PNG\r\n\x1a\n the rest"
	kind, body := form(" <b>Hello</b>\r\nthere ", "zip.png", png)
	status, page, _ := r.do(c, http.MethodPost, "/phone/you/whatsapp", kind, body, nil)
	if d := <-r.wrote; d.At != own || d.Text != "<b>Hello</b>\nthere" || d.Picture == nil || string(d.Picture.Content) != png || d.Picture.ContentType != "image/png" || d.Call {
		t.Errorf("written: %+v", d)
	}
	if status != http.StatusOK || !strings.Contains(page, "&lt;b&gt;Hello&lt;/b&gt;") || !strings.Contains(page, "✓") {
		t.Errorf("the page after it: %d %s", status, page)
	}
	r.fails = errors.New("the line is dead")
	kind, body = form("Again", "", "")
	if _, page, _ = r.do(c, http.MethodPost, "/phone/you/whatsapp", kind, body, nil); !strings.Contains(page, "the line is dead") {
		t.Errorf("what was not taken does not show why: %s", page)
	}
	kind, body = form("Ring me", "", "")
	r.fails = nil
	<-r.wrote
	r.do(c, http.MethodPost, "/phone/you/call", kind, body, nil)
	if d := <-r.wrote; !d.Call || d.At.Kind != "phone" {
		t.Errorf("a call: %+v", d)
	}
	for _, path := range []string{"/phone/nobody/", "/phone/nobody/whatsapp", "/phone/anna/whatsapp", "/phone/you/fax", "/phone/file/1", "/phone/file/x"} {
		if status, _, _ := r.get(c, path, nil); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestWhatArrivesIsAnnounced(t *testing.T) {
	r := newRig(t)
	c := r.inside()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL()+"/phone/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	r.book.Arrive(own, stage.Entry{Text: "It is\non its way."})
	var seen strings.Builder
	for b := make([]byte, 1024); !strings.Contains(seen.String(), `"unread":1`); {
		n, err := resp.Body.Read(b)
		if err != nil {
			t.Fatalf("%v after %s", err, seen.String())
		}
		seen.Write(b[:n])
	}
	if !strings.Contains(seen.String(), `{"owner":"you","name":"Alex","app":"whatsapp","text":"It is on its way."}`) {
		t.Errorf("told: %s", seen.String())
	}
	if _, page, _ := r.get(c, "/phone/", nil); !strings.Contains(page, `<b class="badge">1</b>`) {
		t.Errorf("nothing is unread on %s", page)
	}
	if _, page, _ := r.get(c, "/phone/you/whatsapp", map[string]string{"Accept-Language": "zh-CN"}); !strings.Contains(page, "on its way.") || !strings.Contains(page, "输入消息") {
		t.Errorf("the chat: %s", page)
	}
	if _, page, _ := r.get(c, "/phone/", nil); strings.Contains(page, `class="badge"`) {
		t.Error("what was read is still unread")
	}
}
