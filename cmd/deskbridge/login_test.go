package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
)

// TestLogin gives the daemon access to a mailbox by a code, with real servers
// behind it: the consent is stored, used by what runs later, and told of.
func TestLogin(t *testing.T) {
	s, err := mail.Start(mail.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.AddUser(mail.User{Address: "support@example.test", Password: "unused", Token: "access-1"})
	var polls atomic.Int32
	authority := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var fields map[string]any
		switch {
		case r.URL.Path == "/device":
			fields = map[string]any{"device_code": "hush-device", "user_code": "WDJB-MJHT", "verification_uri": "https://login.test/\x1b[31m", "expires_in": 60, "interval": 0.1}
		case polls.Add(1) == 1:
			w.WriteHeader(http.StatusBadRequest)
			fields = map[string]any{"error": "authorization_pending"}
		default:
			fields = map[string]any{"access_token": "access-1", "refresh_token": "hush-refresh", "expires_in": 3600}
		}
		_ = json.NewEncoder(w).Encode(fields)
	}))
	t.Cleanup(authority.Close)

	file := mailboxConfig(t, s, fmt.Sprintf("oauth2: {client_id: app, token_url: %s/token, device_authorization_url: %s/device}", authority.URL, authority.URL))
	deskbridge := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if code := run(t.Context(), append(args, "-c", file), strings.NewReader(""), &out, &out); code != want {
			t.Fatalf("%v gives %d\n%s", args, code, out.String())
		}
		if strings.Contains(out.String(), "hush") || strings.Contains(out.String(), "access-1") || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%v tells a secret, or lets a server draw:\n%s", args, out.String())
		}
		return out.String()
	}
	if out := deskbridge(exitFailed, "doctor"); !strings.Contains(out, "deskbridge login support") {
		t.Errorf("before the login doctor does not say how:\n%s", out)
	}
	if out := deskbridge(exitDone, "login", "support"); !strings.Contains(out, "WDJB-MJHT") || !strings.Contains(out, "https://login.test/") || !strings.Contains(out, "took the credentials") {
		t.Errorf("login says:\n%s", out)
	}
	if n := polls.Load(); n != 2 {
		t.Errorf("%d polls: one consent does for both servers", n)
	}
	if out := deskbridge(exitDone, "doctor"); !strings.Contains(out, "is good for 5") || !strings.Contains(out, "renewed") {
		t.Errorf("doctor does not tell of the token:\n%s", out)
	}
	deskbridge(exitUsage, "login", "nobody")
}

// mailboxConfig writes a configuration with one account on a mail system.
func mailboxConfig(t *testing.T, s *mail.Server, oauth string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "deskbridge.yaml")
	host := func(addr string) string {
		h, p, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		return "host: " + h + ", port: " + p + ", tls: none"
	}
	config := fmt.Sprintf(`store: {url: "sqlite:%s/d.db"}
media: {dir: %s/media}
channels:
  - {name: support, type: email, address: support@example.test, imap: {%s, %s}, smtp: {%s, %s}}
`, dir, dir, host(s.IMAPAddr()), oauth, host(s.SMTPAddr()), oauth)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestLoginWithABrowserElsewhere: the person copies the address that the
// browser ends at into the command, after a wrong one.
func TestLoginWithABrowserElsewhere(t *testing.T) {
	s, err := mail.Start(mail.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.AddUser(mail.User{Address: "support@example.test", Password: "unused", Token: "access-1"})
	authority := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); r.URL.Path == "/auth" {
			http.Redirect(w, r, q.Get("redirect_uri")+"?code=hush&state="+q.Get("state"), http.StatusFound)
			return
		}
		if r.PostFormValue("code") != "hush" || r.PostFormValue("code_verifier") == "" {
			t.Errorf("redeemed with %v", r.PostForm)
		}
		_, _ = io.WriteString(w, `{"access_token":"access-1","refresh_token":"hush-refresh","expires_in":3600}`)
	}))
	t.Cleanup(authority.Close)
	file := mailboxConfig(t, s, fmt.Sprintf("oauth2: {client_id: app, token_url: %s/token, authorization_url: %s/auth}", authority.URL, authority.URL))

	in, paste := io.Pipe()
	shown, out := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(t.Context(), []string{"login", "support", "-c", file}, in, out, out)
		_ = out.Close()
	}()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var said strings.Builder
	for lines := bufio.NewScanner(shown); lines.Scan(); {
		line := lines.Text()
		said.WriteString(line + "\n")
		if address := strings.TrimSpace(line); strings.HasPrefix(address, authority.URL) {
			res, err := browser.Get(address)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			go func() { _, _ = io.WriteString(paste, "http://127.0.0.1/\n\n"+res.Header.Get("Location")+"\n") }()
		}
	}
	if got := <-code; got != exitDone {
		t.Errorf("exit %d", got)
	}
	for _, want := range []string{"ssh -L ", "paste it here", "not the address that the browser ended at", "The consent is stored", "took the credentials"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is missing in\n%s", want, said.String())
		}
	}
	if strings.Contains(said.String(), "hush") {
		t.Errorf("it tells a secret:\n%s", said.String())
	}
}
