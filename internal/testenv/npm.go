package testenv

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// npmTimeout bounds the fetching of a package.
const npmTimeout = 2 * time.Minute

// NPM returns the folder of an npm package that the package.json and lock in
// dir name. It is installed there first where its version is not, without
// running scripts of the package. Where that cannot be done, the test is
// skipped: what the tests need of npm is no part of the product, and comes
// from the network.
func NPM(t testing.TB, dir, name, what string) string {
	t.Helper()
	// The tests of two packages may ask at once, and npm begins with an empty folder.
	lock, err := os.Open(filepath.Join(dir, "package.json"))
	if err == nil {
		defer func() { _ = lock.Close() }()
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(dir, "node_modules", name)
	var wanted struct{ DevDependencies map[string]string }
	readJSON(t, filepath.Join(dir, "package.json"), &wanted)
	if version(installed) == wanted.DevDependencies[name] {
		return installed
	}
	npm := find("npm")
	if npm == "" {
		NotTested(t, "npm is not installed, so "+what)
	}
	ctx, cancel := context.WithTimeout(t.Context(), npmTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Logf("npm ci: %v\n%s", err, said)
		NotTested(t, "npm could not install "+name+", so "+what)
	}
	if v := version(installed); v != wanted.DevDependencies[name] {
		t.Fatalf("npm installed %s %q, want %q: package.json and lock differ", name, v, wanted.DevDependencies[name])
	}
	return installed
}

// version of an installed package, "" for none.
func version(folder string) string {
	b, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if err != nil {
		return ""
	}
	var p struct{ Version string }
	if json.Unmarshal(b, &p) != nil {
		return ""
	}
	return p.Version
}

func readJSON(t testing.TB, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
