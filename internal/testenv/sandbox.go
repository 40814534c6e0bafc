package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// sandbox is the folder of one server, with a guard that outlives the test
// process: a small shell that kills the server and removes the folder when the
// process is gone, be it by SIGKILL, a panic or the timeout of go test. (A
// parent-death signal would not do: the kernel drops it when a server changes
// its user, as Postfix does.)
type sandbox struct {
	dir    string
	remove func()
	pipe   *os.File
}

// guardScript reads a line "signal pid" for each start and stop of the server,
// and acts on the last one when the pipe closes. A dying server may still
// write, so it tries to remove the folder for a while.
const guardScript = `trap "" INT TERM HUP
while read -r signal pid; do s=$signal p=$pid; done
[ "${p:-0}" -gt 1 ] && kill -s "$s" -- -"$p"
n=0
while ! rm -rf "$0" && [ $n -lt 50 ]; do n=$((n+1)); sleep 0.1; done`

// newSandbox makes a folder that other users may enter, with a name short
// enough for Unix sockets below it (108 bytes).
func newSandbox(kind string) (*sandbox, error) {
	root := os.TempDir()
	if len(root) > 40 || !enterable(root) {
		root = "/tmp"
	}
	dir, err := os.MkdirTemp(root, "deskbridge-"+kind+"-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	guard := exec.Command("/bin/sh", "-c", guardScript, dir)
	guard.Stdin = r
	guard.Dir = "/"
	guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := guard.Start(); err != nil {
		return nil, errors.Join(err, w.Close(), os.RemoveAll(dir))
	}
	return &sandbox{dir: dir, pipe: w, remove: sync.OnceFunc(func() {
		_ = w.Close()
		_ = guard.Wait()
	})}, nil
}

// guard tells what to kill if the test process dies; 0 means nothing.
func (b *sandbox) guard(pid int, with syscall.Signal) error {
	_, err := fmt.Fprintf(b.pipe, "%d %d\n", with, pid)
	return err
}

func (b *sandbox) file(name string) string { return filepath.Join(b.dir, name) }

// enterable reports whether every user may go into dir.
func enterable(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		st, err := os.Stat(dir)
		if err != nil || st.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}
