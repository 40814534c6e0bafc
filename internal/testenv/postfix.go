package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// MTA is a Postfix server in front of an IMAP server: its users submit with
// their IMAP passwords, and mail to them arrives in their mailboxes, also with
// a +suffix. It serves example.test and customers.test and sends nothing
// elsewhere: a recipient in another domain bounces.
type MTA struct {
	// Host is the name the certificate is made out to.
	Host string
	// Port is for submission with STARTTLS, TLSPort with implicit TLS; both
	// demand a login. MXPort takes mail for local users from anyone.
	Port, TLSPort, MXPort int
	// CAFile is the PEM file of the authority that signed the certificate.
	CAFile string

	t    testing.TB
	imap *IMAP
	box  *sandbox
	bin  map[string]string
	proc *process

	mu     sync.Mutex
	tables map[string]map[string]string
	saved  int // how often a table was written
}

// The lookup tables, each a file of its own.
const (
	mailboxTable = "mailboxes" // address to Maildir
	accessTable  = "access"    // recipient to a refusal at RCPT TO
	copyTable    = "copies"    // sender to the address of its Sent folder
	// transportTable leads from a recipient to the way of the mail: a failure
	// after acceptance, Dovecot's delivery agent or another server.
	transportTable = "transports"
)

// sentDomain stands for the users' Sent folders; nobody writes to it.
const sentDomain = "sent-copy.test"

// Postfix starts an SMTP server for the users of an IMAP server, also for those
// that are added later. It needs root: Postfix accepts nothing less.
func Postfix(t testing.TB, imap *IMAP) *MTA {
	t.Helper()
	m := &MTA{Host: "localhost", CAFile: imap.CAFile, t: t, imap: imap, bin: map[string]string{}, tables: map[string]map[string]string{}}
	for _, program := range []string{"postfix", "postmap", "postconf", "master"} {
		m.bin[program] = Need(t, program, "postfix")
	}
	if os.Getuid() != 0 {
		NotTested(t, "Postfix starts for root only")
	}
	var err error
	if m.box, err = newSandbox("mta"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = imap.setMTA(nil)
		m.Stop()
		m.box.remove()
	})
	showLogOnFailure(t, "Postfix", m.log())
	if err := m.setUp(); err != nil {
		t.Fatalf("start Postfix: %v\n%s", err, tail(m.log(), 40))
	}
	return m
}

// RefuseAtRCPT makes the server answer RCPT TO:<recipient> with reply, such as
// "450 4.2.1 mailbox busy" or "550 5.1.1 no such user"; "" lifts it.
func (m *MTA) RefuseAtRCPT(recipient, reply string) { m.set(accessTable, recipient, reply) }

// BounceAfterAccept makes the server take mail for the recipient and then send
// its sender a delivery status notification (RFC 3464) with reason, such as
// "5.1.1 mailbox is gone"; "" lifts it.
func (m *MTA) BounceAfterAccept(recipient, reason string) {
	if reason != "" {
		reason = "bouncer:" + reason
	}
	m.set(transportTable, recipient, reason)
}

// SaveSent makes the server put a copy of all that the user sends into the
// user's Sent mailbox by itself, as several providers do.
func (m *MTA) SaveSent(user string) {
	m.t.Helper()
	copyTo := strings.ReplaceAll(user, "@", "=") + "@" + sentDomain
	m.set(mailboxTable, copyTo, filepath.Join(user, "Maildir", ".Sent")+"/")
	m.set(copyTable, user, copyTo)
}

// Start starts a stopped server again on the same ports with the same queue.
func (m *MTA) Start() {
	m.t.Helper()
	if err := m.start(); err != nil {
		m.t.Fatal(err)
	}
}

// Stop ends the server and cuts every connection; what is queued stays queued.
func (m *MTA) Stop() {
	m.t.Helper()
	if err := m.proc.stop(syscall.SIGTERM); err != nil {
		m.t.Error(err)
	}
}

func (m *MTA) log() string  { return m.box.file("mail.log") }
func (m *MTA) conf() string { return m.box.file("conf") }

// addUsers makes addresses deliverable.
func (m *MTA) addUsers(users ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, user := range users {
		m.tables[mailboxTable][user] = filepath.Join(user, "Maildir") + "/"
	}
	return m.save(mailboxTable)
}

func (m *MTA) set(table, key, value string) {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if value == "" {
		delete(m.tables[table], key)
	} else {
		m.tables[table][key] = value
	}
	if err := m.save(table); err != nil {
		m.t.Fatal(err)
	}
}

// save writes a table; Postfix notices by itself before the next connection. It
// goes by the time of the file in whole seconds, so each one written is given
// another second than the one before.
func (m *MTA) save(table string) error {
	var b bytes.Buffer
	for key, value := range m.tables[table] {
		fmt.Fprintf(&b, "%s %s\n", key, value)
	}
	file := filepath.Join(m.conf(), table)
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		return err
	}
	if err := m.run("postmap", "-c", m.conf(), "hash:"+file); err != nil {
		return err
	}
	m.saved++
	at := time.Now().Add(time.Duration(m.saved) * time.Second)
	return os.Chtimes(file+".db", at, at)
}

func (m *MTA) run(program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	out, err := exec.CommandContext(ctx, m.bin[program], args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	return nil
}

func (m *MTA) setUp() error {
	for _, sub := range []string{"conf", "queue", "data"} {
		if err := os.Mkdir(m.box.file(sub), 0o755); err != nil {
			return err
		}
	}
	postfix, err := lookupOwner("postfix")
	if err != nil {
		return err
	}
	if err := postfix.own(m.box.file("data")); err != nil {
		return err
	}
	for range 3 { // another process may take a port before we do
		var ports []int
		if ports, err = freePorts(3); err != nil {
			return err
		}
		m.Port, m.TLSPort, m.MXPort = ports[0], ports[1], ports[2]
		if err = m.configure(); err != nil {
			return err
		}
		if err = m.start(); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	return m.imap.setMTA(m)
}

func (m *MTA) configure() error {
	values := map[string]any{
		"Dir": m.box.dir, "Conf": m.conf(), "Log": m.log(), "Port": m.Port, "TLSPort": m.TLSPort, "MXPort": m.MXPort,
		"Cert": m.imap.certs.cert, "Key": m.imap.certs.key, "Auth": m.imap.authSocket,
		"Homes": m.imap.box.file("home"), "UID": m.imap.mail.uid, "GID": m.imap.mail.gid, "SentDomain": sentDomain,
	}
	for name, text := range map[string]*template.Template{"main.cf": postfixMain, "master.cf": postfixMaster} {
		var b bytes.Buffer
		if err := text.Execute(&b, values); err != nil {
			return err
		}
		file := filepath.Join(m.conf(), name)
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			return err
		}
		// Postfix waits for two seconds where its configuration looks as if it
		// were still being written.
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(file, old, old); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(m.conf(), "bounce.sh"), []byte(bounceScript), 0o644); err != nil {
		return err
	}
	for _, table := range []string{mailboxTable, accessTable, transportTable, copyTable} {
		m.tables[table] = map[string]string{}
		if err := m.save(table); err != nil {
			return err
		}
	}
	// It makes the folders of the queue, and complains of a bad configuration.
	return m.run("postfix", "-c", m.conf(), "check")
}

func (m *MTA) start() error {
	p, err := m.box.start(m.box.file("master.out"), nil, syscall.SIGTERM,
		[]string{"MAIL_CONFIG=" + m.conf()}, m.bin["master"], "-c", m.conf())
	if err != nil {
		return err
	}
	m.proc = p
	if err := p.await(func() bool { return listening(m.Port) && listening(m.TLSPort) && listening(m.MXPort) }); err != nil {
		return errors.Join(fmt.Errorf("Postfix on ports %d, %d and %d: %w\n%s", m.Port, m.TLSPort, m.MXPort, err, tail(m.log(), 20)), p.stop(syscall.SIGKILL))
	}
	return nil
}

// Queued returns the ids of the mails that the server holds in its queues.
func (m *MTA) Queued() []string {
	m.t.Helper()
	var ids []string
	for _, queue := range []string{"incoming", "active", "deferred", "hold"} {
		err := filepath.WalkDir(filepath.Join(m.box.file("queue"), queue), func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && queueID.MatchString(d.Name()) {
				ids = append(ids, d.Name())
			}
			return nil // what left the queue meanwhile is not in it
		})
		if err != nil {
			m.t.Fatal(err)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

var queueID = regexp.MustCompile(`^[0-9A-Za-z]{6,}$`)
