package testenv

import (
	"bufio"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestNothingOutlivesAKilledTest runs this test binary once more, lets it start
// every server, and kills it.
func TestNothingOutlivesAKilledTest(t *testing.T) {
	if os.Getenv("TESTENV_VICTIM") != "" {
		pg, imap := PostgresServer(t), Dovecot(t)
		dirs := []string{pg.box.dir, imap.box.dir}
		if os.Getuid() == 0 {
			dirs = append(dirs, Postfix(t, imap).box.dir)
		}
		_, _ = os.Stdout.WriteString("\nstarted " + strings.Join(dirs, " ") + "\n")
		select {}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "TESTENV_VICTIM=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for lines := bufio.NewScanner(out); dirs == nil && lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "started "); ok {
			dirs = strings.Fields(rest)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it says that the process was killed
	if len(dirs) < 2 {
		Need(t, "dovecot", "dovecot-imapd")
		Need(t, "postgres", "postgresql")
		t.Fatal("the servers did not start")
	}
	for _, dir := range dirs {
		WaitFor(t, Patience, "the end of the server in "+dir, func() bool {
			_, err := os.Stat(dir)
			return errors.Is(err, fs.ErrNotExist) && !mentioned(t, dir)
		})
	}
}

// TestAPortIsGivenOutOnce: between the choice of a port and the start of its
// server, and while that is stopped, no other test may take it.
func TestAPortIsGivenOutOnce(t *testing.T) {
	port := FreePort(t)
	if hold, err := net.ListenPacket("udp", addr(port)); err == nil {
		_ = hold.Close()
		t.Errorf("another process may be given port %d, too", port)
	}
	l, err := net.Listen("tcp", addr(port))
	if err != nil {
		t.Fatalf("its server cannot have it: %v", err)
	}
	_ = l.Close()
}

// mentioned reports whether the command line of a running process names dir.
func mentioned(t *testing.T, dir string) bool {
	t.Helper()
	all, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		args, _ := os.ReadFile("/proc/" + p.Name() + "/cmdline")
		if strings.Contains(string(args), dir) {
			return true
		}
	}
	return false
}
