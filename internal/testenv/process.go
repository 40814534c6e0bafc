package testenv

import (
	"bytes"
	"errors"
	"fmt"
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

// taken holds what keeps the ports of this process from all others that ask
// freePorts: UDP's port of the same number, which no server of ours uses.
var taken struct {
	sync.Mutex
	held []net.PacketConn
}

// freePorts picks loopback ports that nobody listens on, nor will another test
// before this process ends. They lie below the range from which the kernel takes
// ports for outgoing connections, so that a server that is stopped for a while
// finds its port free again.
func freePorts(n int) ([]int, error) {
	taken.Lock()
	defer taken.Unlock()
	var ports []int
	for range 1000 {
		port := 15000 + rand.IntN(17000)
		hold, err := net.ListenPacket("udp", addr(port))
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", addr(port))
		if err != nil {
			_ = hold.Close()
			continue
		}
		_ = l.Close()
		taken.held = append(taken.held, hold)
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

// process is a server's main process, which leads a process group.
type process struct {
	cmd *exec.Cmd
	box *sandbox
}

// start runs a server as a user, with its output appended to logFile. death is
// the signal that ends its group should the test process die.
func (b *sandbox) start(logFile string, as *owner, death syscall.Signal, env []string, name string, args ...string) (*process, error) {
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if as != nil && os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid)}
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, box: b}
	if err := b.guard(cmd.Process.Pid, death); err != nil {
		return nil, errors.Join(err, p.stop(syscall.SIGKILL))
	}
	return p, nil
}

// ended reports whether the process is over, without a goroutine that would
// wait for it: tests that look for leaked goroutines must not find ours.
func (p *process) ended() bool {
	state, _ := processState(strconv.Itoa(p.cmd.Process.Pid))
	return state == "" || state == "Z"
}

// groupLives reports whether a process of a group still runs. One that is dead
// but not yet collected by init has closed its files and ports.
func groupLives(id int) bool {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		state, group := processState(filepath.Base(dir))
		if group == id && state != "Z" {
			return true
		}
	}
	return false
}

// processState reads the one-letter state and the process group of a process
// (proc_pid_stat(5)); both are empty when there is none.
func processState(pid string) (state string, group int) {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return "", 0
	}
	// The second field is the name, in brackets, and may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 3 {
		return "", 0
	}
	group, _ = strconv.Atoi(fields[2])
	return fields[0], group
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
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	poll(deadline, func() bool { return !groupLives(p.cmd.Process.Pid) })
	if err := p.box.guard(0, 0); err != nil {
		return err
	}
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
	all = all[max(0, len(all)-lines):]
	for i, l := range all {
		all[i] = l[:min(len(l), 1000)]
	}
	return strings.Join(all, "\n")
}

// showLogOnFailure prints the end of the server's log when the test failed.
func showLogOnFailure(t testing.TB, server, file string) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the %s log:\n%s", server, tail(file, 40))
		}
	})
}
