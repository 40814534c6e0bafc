package inbox_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/configs"
	config "github.com/deskbridge/deskbridge/connectors/helpdesk/inbox"
	"github.com/deskbridge/deskbridge/connectors/kit/password"
)

func post(t testing.TB, c *http.Client, address string, header map[string]string, form url.Values) (int, string, *http.Response) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	return do(t, c, req)
}

func get(t testing.TB, c *http.Client, address string) (int, string, *http.Response) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, c, req)
}

func do(t testing.TB, c *http.Client, req *http.Request) (int, string, *http.Response) {
	t.Helper()
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b), res
}

func TestOnlyUsersGetIn(t *testing.T) {
	r := newRig(t)
	r.write("Broken kettle", "text/plain", "It leaks.")
	m := r.received(1)
	stranger := r.client()
	for _, page := range []string{"", "list", "c/" + m.ConversationID.String(), "m/" + m.ID.String() + "/html", "live", "customer/" + m.Customer.ID.String()} {
		_, body, res := get(t, stranger, r.url+page)
		if res.Request.URL.Path != "/inbox/login" || strings.Contains(body, "kettle") {
			t.Errorf("a stranger asking for %q ends at %s", page, res.Request.URL)
		}
	}
	for _, who := range []string{agent, "nobody@example.test"} {
		if code, body, _ := post(t, stranger, r.url+"login", nil, url.Values{"email": {who}, "password": {"wrong"}}); code != http.StatusUnauthorized || !strings.Contains(body, "Wrong e-mail address or password") {
			t.Errorf("a wrong login of %s: %d", who, code)
		}
	}
	in := r.login()
	_, body, res := get(t, in, r.url)
	if !strings.Contains(body, "Broken kettle") || !strings.Contains(body, "It leaks.") {
		t.Errorf("the list lacks the conversation:\n%s", body)
	}
	for name, want := range map[string]string{"Content-Security-Policy": "script-src 'self'", "X-Frame-Options": "DENY", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if have := res.Header.Get(name); !strings.Contains(have, want) {
			t.Errorf("%s is %q, without %q", name, have, want)
		}
	}
	cookie := in.Jar.Cookies(res.Request.URL)
	if len(cookie) != 1 {
		t.Fatalf("cookies: %v", cookie)
	}
	if code, _, _ := post(t, in, r.url+"logout", map[string]string{"Sec-Fetch-Site": "cross-site"}, nil); code != http.StatusForbidden {
		t.Errorf("another site's form was taken: %d", code)
	}
	if code, _, _ := post(t, in, r.url+"logout", map[string]string{"Origin": "https://evil.example"}, nil); code != http.StatusForbidden {
		t.Errorf("a form of another origin was taken: %d", code)
	}
	post(t, in, r.url+"logout", nil, nil)
	again := r.client()
	again.Jar.SetCookies(res.Request.URL, cookie)
	if _, _, res := get(t, again, r.url); res.Request.URL.Path != "/inbox/login" {
		t.Error("a session lives on after the logout")
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	r := newRig(t)
	c := r.client()
	for range 5 {
		if code, _, _ := post(t, c, r.url+"login", nil, url.Values{"email": {agent}, "password": {"guess"}}); code != http.StatusUnauthorized {
			t.Fatalf("a guess: %d", code)
		}
	}
	if code, _, _ := post(t, c, r.url+"login", nil, url.Values{"email": {agent}, "password": {secret}}); code != http.StatusTooManyRequests {
		t.Errorf("after five guesses: %d", code)
	}
}

func TestWithoutUsersThereIsNoInbox(t *testing.T) {
	r := newRig(t)
	f := *r.file
	f.Helpdesks = nil
	if err := r.app.Reload(t.Context(), &f); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := get(t, r.client(), r.url); code != http.StatusNotFound {
		t.Errorf("the inbox answers %d", code)
	}
}

func TestAgentsAreNoAdministrators(t *testing.T) {
	r := newRig(t)
	bo := r.loginAs("bo@example.test")
	for _, page := range []string{"accounts", "work"} {
		if code, body, _ := get(t, bo, r.url+page); code != http.StatusForbidden || !strings.Contains(body, "Only administrators") {
			t.Errorf("an agent at %s: %d", page, code)
		}
		if code, _, _ := get(t, r.login(), r.url+page); code != http.StatusOK {
			t.Errorf("an administrator at %s: %d", page, code)
		}
	}
	if code, _, _ := post(t, bo, r.url+"job/0000000000001/retry", nil, nil); code != http.StatusForbidden {
		t.Errorf("an agent retries a job: %d", code)
	}
}

func TestAChangedPasswordEndsSessions(t *testing.T) {
	r := newRig(t)
	in := r.login()
	hash, err := password.New("another one")
	if err != nil {
		t.Fatal(err)
	}
	f := *r.file
	f.Helpdesks = slices.Clone(f.Helpdesks)
	c, ok := f.Helpdesks[0].Settings.(*config.Config)
	if !ok {
		t.Fatalf("settings are %T", f.Helpdesks[0].Settings)
	}
	changed := *c
	changed.Users = slices.Clone(c.Users)
	changed.Users[0].PasswordHash = configs.Secret(hash)
	f.Helpdesks[0].Settings = &changed
	bo := r.loginAs("bo@example.test")
	if err := r.app.Reload(t.Context(), &f); err != nil {
		t.Fatal(err)
	}
	if _, _, res := get(t, in, r.url); res.Request.URL.Path != "/inbox/login" {
		t.Error("the session lives on")
	}
	if _, _, res := get(t, bo, r.url); res.Request.URL.Path != "/inbox/" {
		t.Error("another user's session has ended as well")
	}
}

// A link to a conversation, from a notification for one, leads there also when
// one has to log in first.
func TestTheLoginLeadsToThePageThatWasAskedFor(t *testing.T) {
	r := newRig(t)
	r.write("Broken kettle", "text/plain", "It leaks.")
	m := r.received(1)
	page := r.url + "c/" + m.ConversationID.String() + "?from=mail%2Flist"
	form := url.Values{"email": {agent}, "password": {secret}}
	for _, c := range []struct {
		name, asked, accept, dest string
		comes                     bool
	}{
		{"a page", page, "text/html,application/xhtml+xml", "document", true},
		{"a page, asked for by plain HTTP", page, "text/html", "", true},
		{"a picture in a page", page, "image/avif,*/*", "image", false},
		{"a frame in a page", page, "text/html", "iframe", false},
	} {
		browser := r.client()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.asked, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", c.accept)
		req.Header.Set("Sec-Fetch-Dest", c.dest)
		res, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		want := r.url
		if c.comes {
			want = page
		}
		if _, _, res = post(t, browser, r.url+"login", nil, form); res.Request.URL.String() != want {
			t.Errorf("%s: the login led to %s, want %s", c.name, res.Request.URL, want)
		}
		if _, _, res = post(t, browser, r.url+"login", nil, form); res.Request.URL.String() != r.url {
			t.Errorf("%s: the next login led to %s", c.name, res.Request.URL)
		}
	}
	for _, foreign := range []string{"https://evil.example/", "//evil.example/inbox/", "/inbox//evil.example", "/inbox/\\evil.example", "/admin", "/inbox/c\r\nSet-Cookie: x=y"} {
		browser := r.client()
		at, _ := url.Parse(r.url)
		browser.Jar.SetCookies(at, []*http.Cookie{{Name: "deskbridge-wanted", Value: url.QueryEscape(foreign), Path: "/inbox/"}})
		if _, _, res := post(t, browser, r.url+"login", nil, form); res.Request.URL.String() != r.url {
			t.Errorf("%q led to %s", foreign, res.Request.URL)
		}
	}
}
