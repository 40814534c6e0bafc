package inbox_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit/password"
	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
	"github.com/deskbridge/deskbridge/internal/app"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	support  = "support@example.test"
	sales    = "sales@example.test"
	customer = "li@example.test"
	agent    = "ann@example.test"
	secret   = "correct horse battery"
)

// rig is a daemon with a mailbox and the inbox.
type rig struct {
	t    testing.TB
	mail *mail.Server
	app  *app.App
	url  string // of the inbox, with a slash at its end
	file *configs.File
	sent int
	last string // address that a link led to
	at   clock
}

// setup is what some tests have otherwise.
type setup struct {
	store string // its URL
	inbox string // more settings of the inbox, as YAML
	sales bool   // there is another mailbox to write from
	// past fills the store before the daemon starts. Ids grow for the whole
	// process, so the past comes first: it begins at the machine's time or
	// later, and the daemon's clock is ahead, by days.
	past    func(db *store.DB, begin, now time.Time)
	guarded *http.Client // fetches what strangers name; nil for the real one
	days    int
	hour    time.Duration // of the day, where the daemon begins; zero for any
}

// clock is ahead of the machine's.
type clock struct{ ahead time.Duration }

func (c clock) Now() time.Time { return connectors.SystemClock{}.Now().Add(c.ahead) }

// fill has the past happen, and returns the clock of the daemon.
func (s setup) fill(t testing.TB, url string) clock {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	begin := normalize.NewID(time.Now()).Time()
	until := begin.AddDate(0, 0, s.days)
	if s.hour != 0 {
		for until = until.Truncate(24 * time.Hour).Add(24*time.Hour + s.hour); until.Weekday() != time.Wednesday; until = until.AddDate(0, 0, 1) {
		}
	}
	c := clock{time.Until(until)}
	s.past(db, begin, c.Now())
	return c
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return newRigWith(t, setup{})
}

func newRigWith(t testing.TB, s setup) *rig {
	t.Helper()
	dir := t.TempDir()
	url := cmp.Or(s.store, "sqlite://"+filepath.Join(dir, "x.db"))
	var at clock
	if s.past != nil {
		at = s.fill(t, url)
	}
	sim, err := mail.Start(mail.Options{Now: at.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	sim.AddUser(mail.User{Address: support, Password: "pw"})
	sim.AddUser(mail.User{Address: customer, Password: "pw"})
	hash, err := password.New(secret)
	if err != nil {
		t.Fatal(err)
	}
	imapHost, imapPort := hostPort(t, sim.IMAPAddr())
	smtpHost, smtpPort := hostPort(t, sim.SMTPAddr())
	file := filepath.Join(dir, "deskbridge.yaml")
	public := net.JoinHostPort("127.0.0.1", strconv.Itoa(testenv.FreePort(t)))
	more := ""
	if s.sales {
		sim.AddUser(mail.User{Address: sales, Password: "pw"})
		more = fmt.Sprintf("  - name: sales\n    type: email\n    address: %[1]s\n    imap: {host: %[2]s, port: %[3]s, tls: none, username: %[1]s, password: pw}\n"+
			"    smtp: {host: %[4]s, port: %[5]s, tls: none, username: %[1]s, password: pw, save_to: Sent}\n", sales, imapHost, imapPort, smtpHost, smtpPort)
	}
	text := fmt.Sprintf(`
server: {listen: %[1]q, admin_listen: "127.0.0.1:0", public_url: "http://%[1]s"}
store: {url: %q}
media: {dir: %q}
channels:
  - name: support
    type: email
    address: %s
    imap: {host: %s, port: %s, tls: none, username: %s, password: pw, poll_interval: 1s}
    smtp: {host: %s, port: %s, tls: none, username: %s, password: pw, save_to: Sent}
%[14]shelpdesks:
  - name: desk
    type: inbox
    users:
      - {name: Ann, email: %[11]s, password_hash: %[12]q, role: admin}
      - {name: Bo, email: bo@example.test, password_hash: %[12]q}
%[13]s`, public, url, filepath.Join(dir, "media"), support, imapHost, imapPort, support, smtpHost, smtpPort, support, agent, hash, s.inbox, more)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := configs.Load(file, app.Types())
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), f, app.Options{Clock: at, Guarded: s.guarded, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Poll: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	<-a.Ready()
	return &rig{t: t, mail: sim, app: a, file: f, at: at, url: "http://" + a.PublicAddr().String() + "/inbox/"}
}

func hostPort(t testing.TB, addr string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// write lets the customer send a mail; typ is its Content-Type.
func (r *rig) write(subject, typ, body string) {
	r.t.Helper()
	r.sent++
	raw := fmt.Sprintf("Return-Path: <%[1]s>\r\nFrom: Li Na <%[1]s>\r\nTo: %[2]s\r\nMessage-ID: <m%[3]d@example.test>\r\nSubject: %[4]s\r\nDate: %[5]s\r\nMIME-Version: 1.0\r\nContent-Type: %[6]s\r\n\r\n%[7]s\r\n",
		customer, support, r.sent, subject, time.Now().UTC().Format(time.RFC1123Z), typ, body)
	if err := r.mail.Deliver(support, []byte(raw)); err != nil {
		r.t.Fatal(err)
	}
}

// received waits for n messages and returns the last one.
func (r *rig) received(n int) *normalize.Message {
	r.t.Helper()
	var last *normalize.Message
	testenv.WaitFor(r.t, testenv.Patience, fmt.Sprintf("%d messages on timelines", n), func() bool {
		all, err := r.app.Store().Events(r.t.Context(), 0, 1000)
		if err != nil {
			r.t.Fatal(err)
		}
		found := 0
		for _, e := range all {
			if m, ok := e.Data.(*normalize.MessageEvent); ok && e.Type == normalize.MessageReceived {
				last = m.Message
				found++
			}
		}
		return found >= n
	})
	return last
}

// client is a browser without scripts.
func (r *rig) client() *http.Client {
	r.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: testenv.Patience}
}

// login returns the client of an administrator who is logged in.
func (r *rig) login() *http.Client { return r.loginAs(agent) }

func (r *rig) loginAs(email string) *http.Client {
	r.t.Helper()
	c := r.client()
	res, err := c.PostForm(r.url+"login", url.Values{"email": {email}, "password": {secret}})
	if err != nil {
		r.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Request.URL.Path != "/inbox/" {
		r.t.Fatalf("login ended at %s with %d", res.Request.URL, res.StatusCode)
	}
	return c
}
