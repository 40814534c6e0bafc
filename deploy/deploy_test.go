// Package deploy checks the files that installations are made from.
package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

const unit = "deskbridge.service"

func TestSystemdAcceptsTheUnit(t *testing.T) {
	analyze := testenv.Need(t, "systemd-analyze", "systemd")
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	// The program is not installed here; any other stands in for it.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), unit)
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/deskbridge", self)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", "--recursive-errors=no", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestExposureIsAsWrittenDown compares the unit's exposure with the number in
// README.md. Another version of systemd may count differently, so there the
// level need only be "OK", below 2.0 of 10.
func TestExposureIsAsWrittenDown(t *testing.T) {
	analyze := testenv.Need(t, "systemd-analyze", "systemd")
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	written := regexp.MustCompile(`\*\*([\d.]+)\*\* of 10 \(systemd (\d+)\)`).FindSubmatch(page)
	if written == nil {
		t.Fatal("README.md does not say the exposure")
	}
	version, err := exec.CommandContext(t.Context(), analyze, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--no-pager", unit).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze security: %v\n%s", err, out)
	}
	found := regexp.MustCompile(`Overall exposure level for ` + unit + `: ([\d.]+) (\w+)`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("systemd-analyze security says no level:\n%s", out)
	}
	score, level := string(found[1]), string(found[2])
	if strings.HasPrefix(string(version), "systemd "+string(written[2])+" ") {
		if score != string(written[1]) {
			t.Errorf("exposure %s, README.md says %s", score, written[1])
		}
	} else if level != "OK" {
		t.Errorf("exposure %s %s, want OK", score, level)
	}
}
