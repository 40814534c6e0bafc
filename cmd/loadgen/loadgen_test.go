package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

func freePort(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(testenv.FreePort(t)))
}

// daemon builds deskbridge, makes a token, and starts it once the channels'
// file is there.
func daemon(t *testing.T, dir, listen, channels string) (token string, start func()) {
	t.Helper()
	bin := filepath.Join(dir, "deskbridge")
	if out, err := exec.Command("go", "build", "-o", bin, "../deskbridge").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	conf := filepath.Join(dir, "deskbridge.yaml")
	head := fmt.Sprintf("server: {listen: %q, public_url: %q, admin_listen: %q}\nstore: {url: %q}\nmedia: {dir: %q}\n",
		listen, "http://"+listen, freePort(t), "sqlite://"+filepath.Join(dir, "db"), filepath.Join(dir, "media"))
	write := func(text string) {
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	write(head)
	out, err := exec.Command(bin, "token", "create", "load", "-c", conf).CombinedOutput()
	if err != nil {
		t.Fatalf("token: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out)), func() {
		var b []byte
		for end := time.Now().Add(testenv.Patience); len(b) == 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			b, _ = os.ReadFile(channels)
		}
		write(head + string(b))
		log, err := os.Create(filepath.Join(dir, "log"))
		if err != nil {
			t.Error(err)
			return
		}
		cmd := exec.Command(bin, "serve", "-c", conf)
		cmd.Stdout, cmd.Stderr = log, log
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
			_ = log.Close()
			if t.Failed() {
				b, _ := os.ReadFile(log.Name())
				t.Logf("end of the daemon's log:\n%s", b[max(0, len(b)-4000):])
			}
		})
	}
}

func TestDrivesADaemonWithFaults(t *testing.T) {
	dir, listen := t.TempDir(), freePort(t)
	channels := filepath.Join(dir, "channels.yaml")
	token, start := daemon(t, dir, listen, channels)
	ctx, cancel := context.WithTimeout(t.Context(), 2*testenv.Patience)
	defer cancel()
	var out, errOut bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{
			"--daemon", listen, "--token", token, "--config", channels, "--customers", "5", "--rate", "10", "--duration", "3s",
			"--answers", "--faults", "--settle", "5m",
		}, &out, &errOut)
	}()
	start()
	if code := <-done; code != 0 {
		t.Fatalf("exit %d: %s\n%s", code, errOut.String(), out.String())
	}
	t.Log(out.String())
	for _, name := range []string{"email", "wechat", "wecom-kf", "twilio", "slack", "telegram"} {
		// Thirty written and arrived, none refused, lost or doubled; thirty
		// answers, some of them uncertain, and none lost or doubled.
		if !regexp.MustCompile(`(?m)^ *` + name + ` +30 +30 +0 +0 +0 +30 +[0-9]+ +[0-9]+ +0 +0 +0 +0$`).MatchString(out.String()) {
			t.Errorf("%s: the report says otherwise:\n%s", name, out.String())
		}
	}
	for _, name := range []string{"wechat", "wecom-kf", "twilio"} {
		if !regexp.MustCompile(`(?m)^ *` + name + `, until its call is acknowledged +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[1-9][0-9]*$`).MatchString(out.String()) {
			t.Errorf("%s: no time until a call is acknowledged:\n%s", name, out.String())
		}
	}
}

func TestRefusesWhatIsNoSmallLoadOfItsOwnMachine(t *testing.T) {
	for want, args := range map[string][]string{
		"loopback":     {"--daemon", "192.0.2.1:80"},
		"missing port": {"--daemon", "here"},
		"--rate":       {"--rate", "0"},
		"--customers":  {"--customers", "100000"},
		"at most 1h":   {"--duration", "2h"},
		"200000":       {"--rate", "1000", "--duration", "10m"},
		"unknown or":   {"--channels", "fax"},
		"stands there": {"--channels", "email,email"},
	} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), append(args, "--token", "x"), &out, &errOut); code != 2 || !strings.Contains(errOut.String(), want) {
			t.Errorf("%v: exit %d, %q, want 2 and %q", args, code, errOut.String(), want)
		}
	}
}
