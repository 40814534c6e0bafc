package testenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// IMAP is a Dovecot server over Maildir. Each user has INBOX, Sent, Drafts,
// Trash and Junk.
type IMAP struct {
	// Host is the name the certificate is made out to.
	Host string
	// Port speaks plain IMAP and STARTTLS, TLSPort implicit TLS.
	Port, TLSPort int
	// CAFile is the PEM file of the authority that signed the certificate.
	CAFile string

	t          testing.TB
	box        *sandbox
	bin        string
	mail       owner // of the Maildirs
	authSocket string
	certs      certificates
	proc       *process

	mu    sync.Mutex
	users map[string]string // name to line of the password file
	saved time.Time         // of the password file
	last  time.Time         // of the last delivery
	mta   *MTA              // in front of it, if any
}

// Dovecot starts an IMAP server for the test.
func Dovecot(t testing.TB) *IMAP {
	t.Helper()
	Need(t, "imap-login", "dovecot-imapd")
	s := &IMAP{Host: "localhost", t: t, bin: Need(t, "dovecot", "dovecot-imapd"), users: map[string]string{}}
	var err error
	if s.box, err = newSandbox("imap"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.proc.stop(syscall.SIGKILL) // a clean end takes Dovecot a second
		s.box.remove()
	})
	showLogOnFailure(t, "Dovecot", s.log())
	if err := s.setUp(); err != nil {
		t.Fatalf("start Dovecot: %v\n%s", err, tail(s.log(), 40))
	}
	return s
}

// AddUser adds a user, named by the whole address, or changes the password of
// an existing one. The user can log in once it returns.
func (s *IMAP) AddUser(user, password string) {
	s.t.Helper()
	s.AddUsers(password, user)
}

// AddUsers adds many users with one password, in the time of one.
func (s *IMAP) AddUsers(password string, users ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	unread := len(s.users) == 0
	// Hashed, since a plain password must not contain a colon.
	hash := sha256.Sum256([]byte(password))
	for _, user := range users {
		home := s.home(user)
		if err := s.mkdir(home); err != nil {
			s.t.Fatal(err)
		}
		s.users[user] = fmt.Sprintf("%s:{SHA256.HEX}%x:%d:%d::%s::\n", user, hash, s.mail.uid, s.mail.gid, home)
	}
	if err := s.saveUsers(); err != nil {
		s.t.Fatal(err)
	}
	if s.mta != nil {
		if err := s.mta.addUsers(users...); err != nil {
			s.t.Fatal(err)
		}
	}
	if !unread {
		// Dovecot looks for a new password file once in each second of the
		// clock, and may have done so in this one.
		now := time.Now()
		time.Sleep(now.Truncate(time.Second).Add(time.Second + 10*time.Millisecond).Sub(now))
	}
}

// setMTA makes every user, known and to come, deliverable through m.
func (s *IMAP) setMTA(m *MTA) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mta = m; m == nil {
		return nil
	}
	return m.addUsers(slices.Collect(maps.Keys(s.users))...)
}

// Start starts a stopped server again on the same ports with the same mail.
func (s *IMAP) Start() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}

// Stop ends the server and cuts every connection.
func (s *IMAP) Stop() {
	s.t.Helper()
	if err := s.proc.stop(syscall.SIGTERM); err != nil {
		s.t.Error(err)
	}
}

func (s *IMAP) log() string       { return s.box.file("dovecot.log") }
func (s *IMAP) passwords() string { return s.box.file("users") }

func (s *IMAP) home(user string) string { return filepath.Join(s.box.file("home"), user) }

// mkdir makes a folder that belongs to the mail user.
func (s *IMAP) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		if errors.Is(err, os.ErrExist) {
			return nil
		}
		return err
	}
	return s.mail.own(dir)
}

// saveUsers replaces the password file. Dovecot reads it again when its time
// in seconds or its size has changed, so the time moves on by a second each.
func (s *IMAP) saveUsers() error {
	var b bytes.Buffer
	for _, line := range s.users {
		b.WriteString(line)
	}
	temp := s.passwords() + ".new"
	if err := os.WriteFile(temp, b.Bytes(), 0o644); err != nil {
		return err
	}
	s.saved = s.saved.Add(time.Second)
	return errors.Join(os.Chtimes(temp, s.saved, s.saved), os.Rename(temp, s.passwords()))
}

func (s *IMAP) setUp() error {
	var err error
	if s.mail, err = lookupOwner("nobody"); err != nil {
		return err
	}
	home := s.box.file("home")
	if err := errors.Join(os.Mkdir(home, 0o700), s.mail.own(home)); err != nil {
		return err
	}
	if s.certs, err = makeCertificates(s.box.dir); err != nil {
		return err
	}
	s.CAFile = s.certs.ca
	s.authSocket = s.box.file("auth")
	s.saved = time.Now().Add(-time.Hour)
	if err := s.saveUsers(); err != nil {
		return err
	}
	for range 3 { // another process may take a port before we do
		var ports []int
		if ports, err = freePorts(2); err != nil {
			return err
		}
		s.Port, s.TLSPort = ports[0], ports[1]
		if err = s.configure(); err != nil {
			return err
		}
		if err = s.start(); err == nil {
			return nil
		}
	}
	return err
}

func (s *IMAP) start() error {
	p, err := s.box.start(s.log(), nil, syscall.SIGTERM, nil, s.bin, "-F", "-c", s.box.file("dovecot.conf"))
	if err != nil {
		return err
	}
	s.proc = p
	if err := p.await(func() bool { return listening(s.Port) && listening(s.TLSPort) }); err != nil {
		return errors.Join(fmt.Errorf("Dovecot on ports %d and %d: %w\n%s", s.Port, s.TLSPort, err, tail(s.log(), 20)), p.stop(syscall.SIGKILL))
	}
	return nil
}

// since24 reports whether the configuration is that of Dovecot 2.4, which
// gave many settings other names.
func (s *IMAP) since24() bool {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	out, _ := exec.CommandContext(ctx, s.bin, "--version").Output()
	var major, minor int
	_, err := fmt.Sscanf(string(out), "%d.%d", &major, &minor)
	return err == nil && (major > 2 || minor >= 4)
}

func (s *IMAP) configure() error {
	internal, err := lookupOwner("dovecot")
	if err != nil {
		return err
	}
	login, err := lookupOwner("dovenull")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := dovecotConf.Execute(&b, map[string]any{
		"Since24": s.since24(),
		"Dir":     s.box.dir, "Log": s.log(), "Users": s.passwords(), "Auth": s.authSocket,
		"Port": s.Port, "TLSPort": s.TLSPort, "Cert": s.certs.cert, "Key": s.certs.key,
		"Internal": internal.name, "InternalGroup": internal.group, "Login": login.name,
	}); err != nil {
		return err
	}
	return os.WriteFile(s.box.file("dovecot.conf"), b.Bytes(), 0o600)
}
