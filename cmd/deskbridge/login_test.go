package main

import (
	"bytes"
	"encoding/json"
	"fmt"
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

	dir := t.TempDir()
	file := filepath.Join(dir, "deskbridge.yaml")
	host := func(addr string) string {
		h, p, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		return "host: " + h + ", port: " + p + ", tls: none"
	}
	oauth := fmt.Sprintf("oauth2: {client_id: app, token_url: %s/token, device_authorization_url: %s/device}", authority.URL, authority.URL)
	config := fmt.Sprintf(`store: {url: "sqlite:%s/d.db"}
media: {dir: %s/media}
channels:
  - {name: support, type: email, address: support@example.test, imap: {%s, %s}, smtp: {%s, %s}}
`, dir, dir, host(s.IMAPAddr()), oauth, host(s.SMTPAddr()), oauth)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
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
