// Package testenv starts private instances of real servers for the tests:
// PostgreSQL, Dovecot, Postfix, Request Tracker and Redmine, and Chromium. Each runs from a temporary folder on
// loopback ports of its own, needs no service manager, and is gone when the
// test ends; a server whose test process is killed dies with it, and its
// folder is removed.
//
// A test whose server is not installed is skipped with words that say what was
// not tested. With DESKBRIDGE_TEST_REQUIRE=1, as `make test` sets it, it fails
// instead, so that a missing server never hides a hole.
//
// Every method that takes no testing.TB reports failures on the one its server
// was started with; call it from the test's own goroutine.
package testenv

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// RequireEnv names the environment variable that makes a missing server a
// failure, SkippedEnv the one with the file that lists what was not tested.
const (
	RequireEnv = "DESKBRIDGE_TEST_REQUIRE"
	SkippedEnv = "DESKBRIDGE_TEST_SKIPPED"
)

// Patience is the limit of what a test waits for in no time of its own, so that
// it only ends one that hangs. It is far above all that a busy machine needs,
// the pauses of a daemon after an outage included.
const Patience = 5 * time.Minute

// deadline bounds the start and the stop of every server. It is far above the
// second or two they take, since the machine may be busy.
const deadline = 3 * time.Minute

// NotTested skips the test, saying why, for a reason that cannot be mended by
// installing something. The words also go to the file of SkippedEnv, since go
// test hides those of a package that passes.
func NotTested(t testing.TB, why string) {
	t.Helper()
	if name := os.Getenv(SkippedEnv); name != "" {
		if err := appendLine(name, t.Name()+": "+why); err != nil {
			t.Fatal(err)
		}
	}
	t.Skipf("NOT TESTED: %s: %s", t.Name(), why)
}

func appendLine(name, line string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// Main runs the tests of a package and stops the servers they shared. Use it
// as the whole body of TestMain. Without it they stop all the same, a moment
// after the process ends.
func Main(m *testing.M) {
	m.Run()
	stopShared()
}

// WaitFor polls cond until it holds, and fails the test when it does not
// within the limit, which is Patience where the time says nothing about what is
// tested. what completes the sentence "waited for ...".
func WaitFor(t testing.TB, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	if !poll(limit, cond) {
		t.Fatalf("waited %v for %s", limit, what)
	}
}

func poll(limit time.Duration, cond func() bool) bool {
	end := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		if cond() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		time.Sleep(pause)
	}
}

// Need returns the path of a program, and ends the test where it is missing: as
// a failure with RequireEnv, else as not tested. debian names its package.
// Servers' programs are also found in folders that are on few people's PATH.
func Need(t testing.TB, program, debian string) string {
	t.Helper()
	if p := find(program); p != "" {
		return p
	}
	why := program + " is not installed (on Debian: apt-get install " + debian + ")"
	if os.Getenv(RequireEnv) == "1" {
		t.Fatal(why)
	}
	NotTested(t, why)
	return ""
}

func find(program string) string {
	places := []string{"/usr/sbin", "/usr/share/request-tracker5/libexec", "/usr/share/redmine/bin", "/usr/lib/dovecot", "/usr/libexec/dovecot", "/usr/local/sbin", "/usr/lib/postfix/sbin", "/usr/libexec/postfix"}
	// The newest PostgreSQL stands last in the sorted list.
	versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Reverse(versions)
	for _, dir := range slices.Concat(versions, places) {
		p := filepath.Join(dir, program)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p
		}
	}
	p, err := exec.LookPath(program)
	if err != nil {
		return ""
	}
	return p
}
