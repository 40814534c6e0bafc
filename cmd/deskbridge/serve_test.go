package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// daemon is the program itself, running in a process of its own.
type daemon struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  chan string
	path string // of its configuration
}

const asDaemon = "DESKBRIDGE_TEST_DAEMON"

func startDaemon(t *testing.T, config func(string) string) *daemon {
	t.Helper()
	dir := t.TempDir()
	d := &daemon{t: t, log: make(chan string, 1000), path: filepath.Join(dir, "deskbridge.yaml")}
	d.configure(config(sampleConfig(dir)))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 3*testenv.Patience)
	d.cmd = exec.CommandContext(ctx, self, "serve", "-c", d.path)
	d.cmd.Env = append(os.Environ(), asDaemon+"=1")
	out, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = d.cmd.Wait() // waited for already where all went well
	})
	go func() {
		defer close(d.log)
		for s := bufio.NewScanner(out); s.Scan(); {
			d.log <- s.Text()
		}
	}()
	return d
}

func (d *daemon) configure(text string) {
	d.t.Helper()
	if err := os.WriteFile(d.path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *daemon) signal(s syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

// await reads the log up to a line that holds part.
func (d *daemon) await(part string) {
	d.t.Helper()
	var seen []string
	limit := time.After(testenv.Patience)
	for {
		select {
		case line, ok := <-d.log:
			if !ok {
				d.t.Fatalf("the daemon ended before it logged %q:\n%s", part, strings.Join(seen, "\n"))
			}
			if strings.Contains(line, part) {
				return
			}
			seen = append(seen, line)
		case <-limit:
			d.t.Fatalf("no %q in the log:\n%s", part, strings.Join(seen, "\n"))
		}
	}
}

// command runs another command beside the daemon.
func (d *daemon) command(args ...string) string {
	d.t.Helper()
	var out, errOut bytes.Buffer
	if code := run(d.t.Context(), append(args, "-c", d.path), strings.NewReader(""), &out, &errOut); code != exitDone {
		d.t.Fatalf("%v: exit code %d: %s", args, code, errOut.String())
	}
	return out.String()
}

func plainLog(config string) string { return config + "log: {format: text}\n" }

func TestServe(t *testing.T) {
	d := startDaemon(t, plainLog)
	d.await("msg=serving")

	// The other commands work on its store while it runs.
	if got := d.command("customers", "list"); !strings.Contains(got, "no customers") {
		t.Errorf("customers list: %q", got)
	}
	message := d.command("send", "--channel", "support", "--to", "bob@example.org", "hello")
	if !strings.Contains(message, "queued") {
		t.Errorf("send: %q", message)
	}

	testenv.WaitFor(t, testenv.Patience, "the doctor to see who reads the mailbox", func() bool {
		return strings.Contains(d.command("doctor", "--offline"), "account/support")
	})

	// A bad configuration changes nothing, a good one is taken up.
	good, err := os.ReadFile(d.path)
	if err != nil {
		t.Fatal(err)
	}
	d.configure("nonsense: true\n")
	d.signal(syscall.SIGHUP)
	d.await("not taken up")
	d.configure(strings.Replace(string(good), "log: {format: text}", "log: {format: text, level: debug}", 1))
	d.signal(syscall.SIGHUP)
	d.await("configuration reloaded")

	d.signal(syscall.SIGTERM)
	d.await("msg=stopped")
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// An address that is taken is a failure that names the setting.
func TestServeNeedsItsAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "deskbridge.yaml")
	config := strings.Replace(sampleConfig(dir), `listen: "127.0.0.1:0"`, `listen: "`+taken.Addr().String()+`"`, 1)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var errOut bytes.Buffer
	if code := run(t.Context(), []string{"serve", "-c", path}, strings.NewReader(""), io.Discard, &errOut); code != exitFailed {
		t.Errorf("exit code %d: %s", code, errOut.String())
	}
	if !strings.Contains(errOut.String(), "server.listen: ") {
		t.Errorf("the error does not name the setting: %s", errOut.String())
	}
}
