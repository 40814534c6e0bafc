package testenv

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// owner is the system user a server or its files belong to.
type owner struct {
	name, group string
	uid, gid    int
}

// lookupOwner returns the first of names that exists, or ourselves when we are
// not root and could not become anyone else.
func lookupOwner(names ...string) (owner, error) {
	if os.Getuid() != 0 {
		names = []string{strconv.Itoa(os.Getuid())}
	}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			if u, err = user.LookupId(name); err != nil {
				continue
			}
		}
		o := owner{name: u.Username, group: u.Gid}
		o.uid, _ = strconv.Atoi(u.Uid)
		o.gid, _ = strconv.Atoi(u.Gid)
		if g, err := user.LookupGroupId(u.Gid); err == nil {
			o.group = g.Name
		}
		return o, nil
	}
	return owner{}, fmt.Errorf("none of the users %v exists", names)
}

func (o owner) own(path string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return os.Chown(path, o.uid, o.gid)
}

// tempDir makes a folder that other users may enter, with a name short enough
// for Unix sockets below it (108 bytes). A small shell outlives the test
// process just long enough to remove it, also after SIGKILL or a panic.
func tempDir(kind string) (dir string, remove func(), err error) {
	root := os.TempDir()
	if len(root) > 40 || !enterable(root) {
		root = "/tmp"
	}
	if dir, err = os.MkdirTemp(root, "deskbridge-"+kind+"-"); err != nil {
		return "", nil, err
	}
	if err = os.Chmod(dir, 0o755); err != nil { //nolint:gosec // servers run as users of their own and must get in
		return "", nil, err
	}
	alive, janitor, err := startJanitor(dir)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, sync.OnceFunc(func() {
		_ = alive.Close()
		_ = janitor.Wait()
	}), nil
}

// startJanitor starts the shell that removes dir once the returned pipe closes,
// be it by us or by the end of the process. A dying server may still write, so
// it tries for a while.
func startJanitor(dir string) (*os.File, *exec.Cmd, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = r.Close() }()
	cmd := exec.Command("/bin/sh", "-c", //nolint:noctx // it must outlive every context
		`trap "" INT TERM HUP; cat >/dev/null; n=0
		while ! rm -rf "$0" 2>/dev/null && [ $n -lt 50 ]; do n=$((n+1)); sleep 0.1; done`, dir)
	cmd.Stdin = r
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	return w, cmd, nil
}

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

// freePorts picks loopback ports that nobody listens on. They lie below the
// range from which the kernel takes ports for outgoing connections, so that a
// server that is stopped for a while finds its port free again.
func freePorts(n int) ([]int, error) {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	var ports []int
	for range 1000 {
		port := 15000 + rand.IntN(17000) //nolint:gosec // no secret
		l, err := net.Listen("tcp", addr(port))
		if err != nil {
			continue
		}
		held = append(held, l)
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("no free port between 15000 and 32000 on 127.0.0.1")
}

func addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func listening(port int) bool {
	c, err := net.DialTimeout("tcp", addr(port), time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// process is a server's main process. It is started in the foreground with a
// parent-death signal, so it cannot outlive the test process.
type process struct {
	cmd *exec.Cmd
}

// startProcess runs a server with its output appended to logFile. death is the
// signal that ends it when the test process dies.
func startProcess(logFile string, as *owner, death syscall.Signal, env []string, name string, args ...string) (*process, error) {
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644) //nolint:gosec // for people to read
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(name, args...) //nolint:gosec,noctx // the server ends by its own signal, see stop
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: death}
	if as != nil && os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid)} //nolint:gosec // ids fit
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd}, nil
}

// ended reports whether the process is over, without a goroutine that would
// wait for it: tests that look for leaked goroutines must not find ours.
func (p *process) ended() bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "stat"))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	after := stat[bytes.LastIndexByte(stat, ')')+1:]
	return bytes.HasPrefix(bytes.TrimSpace(after), []byte("Z"))
}

// stop sends the signal and waits until the process and its children are gone;
// those that do not heed it are killed.
func (p *process) stop(sig syscall.Signal) error {
	if p == nil || p.cmd.ProcessState != nil {
		return nil
	}
	_ = p.cmd.Process.Signal(sig)
	late := time.AfterFunc(deadline, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait() // its exit status says nothing after a signal
	// Some servers' children end a moment after their parent.
	group := -p.cmd.Process.Pid
	poll(deadline, func() bool { return syscall.Kill(group, syscall.SIGKILL) != nil })
	if !late.Stop() {
		return fmt.Errorf("%s did not stop within %v of %v and was killed", filepath.Base(p.cmd.Path), deadline, sig)
	}
	return nil
}

// await waits until the server is ready and fails when it ends before.
func (p *process) await(ready func() bool) error {
	var ended bool
	if !poll(deadline, func() bool {
		if ended = p.ended(); ended {
			return true
		}
		return ready()
	}) {
		return fmt.Errorf("not ready after %v", deadline)
	}
	if ended {
		return errors.New("ended while starting")
	}
	return nil
}

// tail returns the last lines of a log for a person to read.
func tail(file string, lines int) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// showLogOnFailure prints the end of the server's log when the test failed.
func showLogOnFailure(t testing.TB, server, file string) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the %s log:\n%s", server, tail(file, 40))
		}
	})
}
