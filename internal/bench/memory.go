package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
)

const noBytes = -1

// memoryGoal measures goal 10: the memory of a process that takes in webhooks,
// what it grows by with the work that waits, and what an idle daemon takes.
func (l *lab) memoryGoal(ctx context.Context, engine string) ([]Result, error) {
	busy, err := l.busy(ctx, engine)
	if err != nil {
		return nil, err
	}
	idle, err := l.idleDaemon(ctx)
	if err != nil {
		return nil, err
	}
	return append(busy, idle), nil
}

// busy has a process take messages in by HTTP, first until its caches are
// full, and then as many more as shall be pending.
func (l *lab) busy(ctx context.Context, engine string) (_ []Result, err error) {
	url, path, err := l.url(engine)
	if err != nil {
		return nil, err
	}
	p, err := startChild(ctx, "serve", url)
	if err != nil {
		return nil, err
	}
	defer p.kill()
	addr, err := p.line()
	if err != nil {
		return nil, err
	}
	t := newTraffic(6, l.warm+l.more, messageSize)
	rest := func(n int) (float64, error) {
		for n > 0 {
			size := min(n, 10_000)
			n -= size
			if _, err := callAt(ctx, addr, 64, t.requests(size)); err != nil {
				return noBytes, err
			}
		}
		if err := p.settle(); err != nil {
			return noBytes, err
		}
		return status(p.cmd.Process.Pid, "VmRSS")
	}
	warm, err := rest(l.warm)
	if err != nil {
		return nil, err
	}
	after, err := rest(l.more)
	if err != nil {
		return nil, err
	}
	peak, err := status(p.cmd.Process.Pid, "VmHWM")
	if err != nil {
		return nil, err
	}
	if err := p.stop(); err != nil {
		return nil, err
	}
	if err := verify(ctx, url, l.warm+l.more, true); err != nil {
		return nil, err
	}
	each := max(0, after-warm) / float64(l.more)
	return []Result{
		{Goal: 10, What: engine + ": peak memory while taking in, 64 MiB page cache", Measured: mega(peak), Ratio: peak / 200e6,
			Want: "<= 200 MB", Met: peak <= 200e6, Note: "VmHWM of a process with the store and the public handler, 64 connections"},
		{Goal: 10, What: engine + ": memory per pending message", Measured: fmt.Sprintf("%.0f B", each), Ratio: each / 150,
			Want: "<= 150 B", Met: each <= 150, Scaled: l.memoryScaled,
			Note: fmt.Sprintf("growth of the resident memory from %s, with full caches after %d messages, to %s", mega(warm), l.warm, mega(after))},
	}, (&bench{path: path}).remove()
}

// status returns a number of bytes of proc_pid_status(5).
func status(pid int, field string) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return noBytes, err
	}
	for line := range strings.Lines(string(b)) {
		var kb float64
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			if _, err := fmt.Sscanf(rest, "%f kB", &kb); err != nil {
				return noBytes, err
			}
			return kb * 1024, nil
		}
	}
	return noBytes, fmt.Errorf("the system does not tell %s", field)
}

// idleDaemon runs the real binary with mail accounts that get no mail.
func (l *lab) idleDaemon(ctx context.Context) (r Result, err error) {
	server, err := mail.Start(mail.Options{})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	bin := filepath.Join(l.dir, "deskbridge")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "github.com/deskbridge/deskbridge/cmd/deskbridge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return r, fmt.Errorf("build the daemon: %w\n%s", err, out)
	}
	admin, err := freeAddr(ctx)
	if err != nil {
		return r, err
	}
	conf, err := l.daemonConfig(server, admin)
	if err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, bin, "serve", "-c", conf)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		return r, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	used, err := l.idleMemory(ctx, cmd.Process.Pid, server, admin, done)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err != nil {
		return r, err
	}
	if err := <-done; err != nil {
		return r, fmt.Errorf("the daemon did not stop cleanly: %w", err)
	}
	return Result{Goal: 10, What: fmt.Sprintf("sqlite: idle daemon with %d e-mail accounts", l.mailAccounts), Measured: mega(used), Ratio: used / 60e6,
		Want: "<= 60 MB", Met: used <= 60e6, Scaled: l.mailAccountsScaled,
		Note: fmt.Sprintf("VmRSS, the binary's own pages included, %d s after all had logged in", l.idle)}, nil
}

// idleMemory waits until the daemon has settled down and returns what it takes.
func (l *lab) idleMemory(ctx context.Context, pid int, server *mail.Server, admin string, done <-chan error) (float64, error) {
	for end := time.Now().Add(time.Minute); ; {
		if server.Counts().Logins >= l.mailAccounts && ready(ctx, admin) {
			break
		}
		select {
		case err := <-done:
			return noBytes, fmt.Errorf("the daemon ended: %w", err)
		case <-ctx.Done():
			return noBytes, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			return noBytes, fmt.Errorf("only %d of %d accounts have logged in", server.Counts().Logins, l.mailAccounts)
		}
	}
	select {
	case <-ctx.Done():
		return noBytes, ctx.Err()
	case <-time.After(time.Duration(l.idle) * time.Second):
	}
	return status(pid, "VmRSS")
}

func ready(ctx context.Context, admin string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// daemonConfig writes the configuration of a daemon with mail accounts.
func (l *lab) daemonConfig(server *mail.Server, admin string) (path string, err error) {
	imapHost, imapPort, err := net.SplitHostPort(server.IMAPAddr())
	if err != nil {
		return "", err
	}
	smtpHost, smtpPort, err := net.SplitHostPort(server.SMTPAddr())
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "server: {listen: \"127.0.0.1:0\", admin_listen: %q, public_url: \"https://bench.example\"}\n", admin)
	fmt.Fprintf(&b, "store: {url: %q}\nmedia: {dir: %q}\nlog: {level: warn}\nchannels:\n",
		"sqlite://"+filepath.Join(l.dir, "idle.db"), filepath.Join(l.dir, "media"))
	for i := range l.mailAccounts {
		address := fmt.Sprintf("support%d@bench.example", i)
		server.AddUser(mail.User{Address: address, Password: secret})
		fmt.Fprintf(&b, `  - name: mail%d
    type: email
    address: %s
    imap: {host: %s, port: %s, tls: none, username: %s, password: %q}
    smtp: {host: %s, port: %s, tls: none, username: %s, password: %q}
`, i, address, imapHost, imapPort, address, secret, smtpHost, smtpPort, address, secret)
	}
	fmt.Fprintf(&b, "helpdesks:\n  - {name: desk, type: webhook, url: \"http://127.0.0.1:9/\", secret: %q}\n",
		"whsec_"+base64.StdEncoding.EncodeToString([]byte(secret+secret)))
	path = filepath.Join(l.dir, "deskbridge.yaml")
	return path, os.WriteFile(path, []byte(b.String()), 0o600)
}

func freeAddr(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
