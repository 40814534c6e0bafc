package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// RTQueue is the queue of a Request Tracker started by StartRT. RTUser is the
// user that Deskbridge acts as there, RTModest another one who lacks the right
// AdminUsers, and RTPassword the password of everybody.
const (
	RTQueue    = "Support"
	RTUser     = "deskbridge"
	RTModest   = "modest"
	RTPassword = "correct horse"
)

// RT is a Request Tracker 5 on SQLite with three workers. Its people are "ann"
// and "bob", agents with mail addresses, and "root"; everybody may write to it by
// mail. Ann watches the queue, so
// that RT mails her; every mail that RT sends is kept for Mails and goes nowhere.
type RT struct {
	// URL is the server's, without a slash at its end.
	URL string
	// Token is an auth token of RTUser, who has the rights that docs/rt.md
	// names and no others.
	Token string

	t     testing.TB
	box   *sandbox
	owner owner
	port  int
	proc  *process
}

// rtTemplate is the database that every server of the test process starts with.
var rtTemplate = sync.OnceValues(newRTTemplate)

type rtData struct {
	database []byte
	token    string
}

// StartRT starts a Request Tracker for the test.
func StartRT(t testing.TB) *RT {
	t.Helper()
	Need(t, "rt-setup-database-5", "request-tracker5 rt5-db-sqlite")
	Need(t, "rt-server", "rt5-standalone")
	Need(t, "starman", "starman")
	data, err := rtTemplate()
	if err != nil {
		t.Fatal(err)
	}
	r := &RT{Token: data.token, t: t}
	if r.box, r.owner, err = newRTBox(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.proc.stop(syscall.SIGKILL)
		r.box.remove()
	})
	showLogOnFailure(t, "Request Tracker", r.log())
	if err := r.setUp(data.database); err != nil {
		t.Fatalf("start Request Tracker: %v\n%s", err, tail(r.log(), 40))
	}
	return r
}

// Start starts a stopped server again on the same port with the same tickets.
func (r *RT) Start() {
	r.t.Helper()
	if err := r.start(); err != nil {
		r.t.Fatal(err)
	}
}

// Stop ends the server and cuts every connection.
func (r *RT) Stop() {
	r.t.Helper()
	if err := r.proc.stop(syscall.SIGTERM); err != nil {
		r.t.Error(err)
	}
}

// Insert adds what an administrator would set up, such as scrips, in RT's own
// form (initialdata). A running server notices.
func (r *RT) Insert(initialdata string) {
	r.t.Helper()
	name := r.box.file("more")
	err := os.WriteFile(name, []byte(initialdata), 0o644)
	if err == nil {
		err = setupRT(r.box, r.owner, "--action", "insert", "--skip-create", "--datafile", name)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// Recipients returns the addresses that RT has mailed to so far, once for each
// mail.
func (r *RT) Recipients() []string {
	r.t.Helper()
	var all []string
	for _, raw := range r.Mails() {
		m, err := netmail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			r.t.Fatalf("RT sent a mail that cannot be read: %v\n%s", err, raw)
		}
		for _, field := range []string{"To", "Cc", "Bcc"} {
			list, err := m.Header.AddressList(field)
			if err != nil && !errors.Is(err, netmail.ErrHeaderNotPresent) {
				continue // a name of a group without members
			}
			for _, a := range list {
				all = append(all, a.Address)
			}
		}
	}
	return all
}

// Mails returns the mails that RT has sent so far, oldest first.
func (r *RT) Mails() []string {
	r.t.Helper()
	files, err := filepath.Glob(r.box.file("mail/*.eml"))
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Sort(files)
	var all []string
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

func (r *RT) log() string { return r.box.file("rt.log") }

func (r *RT) setUp(database []byte) error {
	file := r.box.file("rt.db")
	if err := errors.Join(os.WriteFile(file, database, 0o600), r.owner.own(file)); err != nil {
		return err
	}
	var err error
	for range 3 { // another process may take the port before we do
		var ports []int
		if ports, err = freePorts(1); err != nil {
			return err
		}
		r.port = ports[0]
		r.URL = "http://" + addr(r.port)
		if err = writeRTConfig(r.box, r.port); err != nil {
			return err
		}
		if err = r.start(); err == nil {
			return nil
		}
	}
	return err
}

func (r *RT) start() error {
	p, err := r.box.start(r.log(), &r.owner, syscall.SIGKILL, rtEnv(r.box), find("rt-server"),
		"--server", "Starman", "--host", "127.0.0.1", "--port", strconv.Itoa(r.port), "--workers", "3", "--env", "deployment")
	if err != nil {
		return err
	}
	r.proc = p
	if err := p.await(r.answers); err != nil {
		return errors.Join(fmt.Errorf("Request Tracker on port %d: %w\n%s", r.port, err, tail(r.log(), 20)), p.stop(syscall.SIGKILL))
	}
	return nil
}

// answers reports whether the server does its work for the user of the token.
func (r *RT) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+"/REST/2.0/rt", nil)
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "token "+r.Token)
	req.Close = true // tests look for goroutines left behind
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// newRTBox makes the folder of a server, with all but its configuration and
// its database.
func newRTBox() (*sandbox, owner, error) {
	as, err := lookupOwner("www-data", "nobody")
	if err != nil {
		return nil, as, err
	}
	box, err := newSandbox("rt")
	if err != nil {
		return nil, as, err
	}
	err = as.own(box.dir)
	for _, sub := range []string{"mason", "session", "mail", "conf.d"} {
		err = errors.Join(err, os.Mkdir(box.file(sub), 0o700), as.own(box.file(sub)))
	}
	// One file for each mail; its name is the time in nanoseconds.
	keep := fmt.Sprintf("#!/bin/sh\nname=%s/$(date +%%s%%N)-$$\ncat > \"$name\" && mv \"$name\" \"$name.eml\"\n", box.file("mail"))
	err = errors.Join(err, os.WriteFile(box.file("sendmail"), []byte(keep), 0o755))
	if err != nil {
		box.remove()
		return nil, as, err
	}
	return box, as, nil
}

func newRTTemplate() (_ rtData, err error) {
	box, as, err := newRTBox()
	if err != nil {
		return rtData{}, err
	}
	defer box.remove()
	seed := strings.NewReplacer("TOKEN_FILE", box.file("token"), "PASSWORD", RTPassword, "QUEUE", RTQueue, "USER", RTUser, "MODEST", RTModest).Replace(rtSeed)
	if err := errors.Join(
		writeRTConfig(box, 80),
		os.WriteFile(box.file("password"), []byte(RTPassword+"\n"), 0o644),
		os.WriteFile(box.file("seed"), []byte(seed), 0o644)); err != nil {
		return rtData{}, err
	}
	for _, args := range [][]string{
		{"--action", "init", "--skip-create", "--root-password-file", box.file("password")},
		{"--action", "insert", "--skip-create", "--datafile", box.file("seed")},
	} {
		if err := setupRT(box, as, args...); err != nil {
			return rtData{}, err
		}
	}
	token, err := os.ReadFile(box.file("token"))
	if err != nil {
		return rtData{}, fmt.Errorf("set up Request Tracker: %w", err)
	}
	database, err := os.ReadFile(box.file("rt.db"))
	return rtData{database: database, token: string(token)}, err
}

// setupRT runs rt-setup-database(8).
func setupRT(box *sandbox, as owner, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, find("rt-setup-database-5"), args...)
	cmd.Dir, cmd.Env = "/", append(os.Environ(), rtEnv(box)...)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid)}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("set up the database of Request Tracker: %w\n%s", err, out)
	}
	return nil
}
