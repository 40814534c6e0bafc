package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/internal/app"
)

// A secret of the configuration is found wherever a vendor quotes it.
func TestRedactor(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "deskbridge.yaml")
	config := strings.Replace(sampleConfig(dir), "hunter2-smtp", `qu\"ote`, 1)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := configs.Load(path, app.Types())
	if err != nil {
		t.Fatal(err)
	}
	redact := redactor(f)
	for _, quoted := range []string{"535 bad login hunter2-imap", `535 bad login qu"ote`, `{"err": "qu\"ote"}`, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		if got := redact(quoted); !strings.Contains(got, "<secret>") || strings.Contains(got, "hunter2") || strings.Contains(got, "ote") || strings.Contains(got, "MfKQ") {
			t.Errorf("%q became %q", quoted, got)
		}
	}
	if got := redact("550 no such user"); got != "550 no such user" {
		t.Errorf("changed what holds no secret: %q", got)
	}
}
