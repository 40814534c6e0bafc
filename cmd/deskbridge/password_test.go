package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/deskbridge/deskbridge/connectors/kit/password"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

func TestPasswordPrintsAHashAlone(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"password"}, strings.NewReader("correct horse\r\n"), &out, &errOut); code != exitDone {
		t.Fatalf("%d: %s", code, &errOut)
	}
	h, err := password.Parse(strings.TrimSuffix(out.String(), "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !h.Is("correct horse") || strings.Contains(out.String()+errOut.String(), "horse") {
		t.Errorf("printed %q and %q", &out, &errOut)
	}
	for _, short := range []string{"", "seven77", "密码密码密码"} {
		if code := run(t.Context(), []string{"password"}, strings.NewReader(short+"\n"), &out, &errOut); code != exitFailed {
			t.Errorf("the password %q: %d", short, code)
		}
	}
}

// A person types it unseen and twice. Whoever gives up gets a terminal back
// that shows again what is typed.
func TestPasswordAtATerminal(t *testing.T) {
	for name, c := range map[string]struct {
		typed string
		code  int
		says  string
	}{
		"twice":            {"correct horse\ncorrect horse\n", exitDone, "Once more: "},
		"mistyped":         {"correct horse\ncorrect hrose\n", exitFailed, "not the same"},
		"given up":         {"", exitFailed, "interrupted"},
		"given up halfway": {"correct horse\n", exitFailed, "interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, screen := terminal(t)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			var out, errOut bytes.Buffer
			ended := make(chan int)
			go func() { ended <- run(ctx, []string{"password"}, screen, &out, &errOut) }()
			testenv.WaitFor(t, testenv.Patience, "the prompt", func() bool { return !echoes(t, screen) })
			if _, err := keys.WriteString(c.typed); err != nil {
				t.Fatal(err)
			}
			if c.says == "interrupted" {
				interrupt()
			}
			if code := <-ended; code != c.code || !strings.Contains(errOut.String(), c.says) {
				t.Errorf("%d: %s", code, &errOut)
			}
			if !echoes(t, screen) {
				t.Error("the terminal does not show any more what is typed")
			}
		})
	}
}

// terminal returns both ends of a pseudo-terminal.
func terminal(t *testing.T) (keys, screen *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("not tested: a password that is typed at a terminal: %v", err)
	}
	fd := int(keys.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The far end first: it ends a read of the other.
	t.Cleanup(func() { _, _ = keys.Close(), screen.Close() })
	return keys, screen
}

func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}
