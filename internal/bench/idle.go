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

// idleDaemon runs the real binary with mail accounts that get no mail.
func (l *lab) idleDaemon(ctx context.Context) (r Result, err error) {
	server, err := mail.Start(mail.Options{})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	admin, err := freeAddr(ctx)
	if err != nil {
		return r, err
	}
	conf, err := l.daemonConfig(server, admin)
	if err != nil {
		return r, err
	}
	d, err := l.startDaemon(ctx, conf)
	if err != nil {
		return r, err
	}
	used, err := l.idleMemory(ctx, d.cmd.Process.Pid, server, admin, d.done)
	if err := errors.Join(err, d.stop()); err != nil {
		return r, err
	}
	return Result{
		Goal: 10, What: fmt.Sprintf("sqlite: idle daemon with %d e-mail accounts", l.mailAccounts), Measured: mega(used), Ratio: used / 60e6,
		Want: "<= 60 MB", Met: used <= 60e6, Scaled: l.mailAccountsScaled,
		Note: fmt.Sprintf("VmRSS, the binary's own pages included, %d s after all had logged in", l.idle),
	}, nil
}

// daemon is the real binary, running.
type daemon struct {
	cmd  *exec.Cmd
	done chan error // how it ended
}

// startDaemon builds the binary and runs it.
func (l *lab) startDaemon(ctx context.Context, conf string) (*daemon, error) {
	bin := filepath.Join(l.dir, "deskbridge")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "github.com/deskbridge/deskbridge/cmd/deskbridge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the daemon: %w\n%s", err, out)
	}
	d := &daemon{cmd: exec.CommandContext(ctx, bin, "serve", "-c", conf), done: make(chan error, 1)}
	d.cmd.Stderr = os.Stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(syscall.SIGTERM) }
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.done <- d.cmd.Wait() }()
	return d, nil
}

// stop ends it as an administrator would.
func (d *daemon) stop() error {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-d.done; err != nil {
		return fmt.Errorf("the daemon did not stop cleanly: %w", err)
	}
	return nil
}

// idleMemory waits until the daemon has settled down and returns what it takes.
func (l *lab) idleMemory(ctx context.Context, pid int, server *mail.Server, admin string, done chan error) (float64, error) {
	for end := time.Now().Add(time.Minute); ; {
		if server.Counts().Logins >= l.mailAccounts && ready(ctx, admin) {
			break
		}
		select {
		case err := <-done:
			done <- err // for whoever stops it
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
