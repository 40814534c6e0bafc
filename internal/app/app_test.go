package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
	"github.com/deskbridge/deskbridge/internal/app"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	support = "support@example.test"
	secret  = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// clock is stepped by the test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// backend is a helpdesk that takes webhooks while it is up.
type backend struct {
	mu    sync.Mutex
	down  bool
	tries int
	got   []event
}

type event struct {
	ID   string
	Type string
	Data struct {
		Subject        string
		ConversationID string `json:"conversation_id"`
	}
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	if b.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	var e event
	if json.Unmarshal(body, &e) == nil {
		b.got = append(b.got, e)
	}
}

func (b *backend) set(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

// of returns the events of a type in the order of their arrival.
func (b *backend) of(typ string) (list []event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.got {
		if e.Type == typ {
			list = append(list, e)
		}
	}
	return list
}

type rig struct {
	t     *testing.T
	mail  *mail.Server
	desk  *backend
	clock *clock
	app   *app.App

	url   string
	dir   string
	desks string
}

func newRig(t *testing.T, storeURL func(dir string) string) *rig {
	t.Helper()
	sim, err := mail.Start(mail.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	sim.AddUser(mail.User{Address: support, Password: "pw"})
	sim.AddUser(mail.User{Address: "li@example.test", Password: "pw"})
	r := &rig{t: t, mail: sim, desk: &backend{}, clock: &clock{now: time.Now().UTC()}, dir: t.TempDir()}
	desk := httptest.NewServer(r.desk)
	t.Cleanup(desk.Close)
	r.desks = fmt.Sprintf("  - {name: desk, type: webhook, url: %q, secret: %s}\n", desk.URL, secret)
	r.url = storeURL(r.dir)
	f := r.load(r.desks)
	if r.app, err = app.New(t.Context(), f, app.Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Clock: r.clock, Poll: 20 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.app.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	<-r.app.Ready()
	return r
}

func (r *rig) load(desks string) *configs.File {
	r.t.Helper()
	path := filepath.Join(r.dir, "deskbridge.yaml")
	imapHost, imapPort, smtpHost, smtpPort := split(r.t, r.mail.IMAPAddr()), port(r.t, r.mail.IMAPAddr()), split(r.t, r.mail.SMTPAddr()), port(r.t, r.mail.SMTPAddr())
	text := fmt.Sprintf(`
server: {listen: "127.0.0.1:0", admin_listen: "127.0.0.1:0", public_url: "http://127.0.0.1:1"}
store: {url: %q}
media: {dir: %q}
channels:
  - name: support
    type: email
    address: %s
    imap: {host: %s, port: %s, tls: none, username: %s, password: pw, poll_interval: 1s}
    smtp: {host: %s, port: %s, tls: none, username: %s, password: pw, save_to: Sent}
helpdesks:
%s`, r.url, filepath.Join(r.dir, "media"), support, imapHost, imapPort, support, smtpHost, smtpPort, support, desks)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	f, err := configs.Load(path, app.Types())
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

func (r *rig) write(id, subject, replyTo string) {
	r.t.Helper()
	head := ""
	if replyTo != "" {
		head = "In-Reply-To: <" + replyTo + ">\r\n"
	}
	raw := fmt.Sprintf("From: li@example.test\r\nTo: %s\r\nMessage-ID: <%s>\r\nSubject: %s\r\nDate: %s\r\n%s\r\nhello\r\n",
		support, id, subject, r.clock.Now().Format(time.RFC1123Z), head)
	if err := r.mail.Deliver(support, []byte(raw)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) stored(n int) []*normalize.Event {
	r.t.Helper()
	var list []*normalize.Event
	testenv.WaitFor(r.t, testenv.Patience, fmt.Sprintf("%d messages on timelines", n), func() bool {
		all, err := r.app.Store().Events(r.t.Context(), 0, 1000)
		if err != nil {
			r.t.Fatal(err)
		}
		list = slices.DeleteFunc(all, func(e *normalize.Event) bool { return e.Type != normalize.MessageReceived })
		return len(list) >= n
	})
	return list
}

func engines(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, newRig(t, func(dir string) string { return "sqlite://" + filepath.Join(dir, "x.db") }))
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, newRig(t, func(string) string { return testenv.Postgres(t) }))
	})
}

// A helpdesk that is down for an hour costs few tries, gets everything in
// order afterwards, and a repeat is known by its id.
func TestHelpdeskDownForAnHour(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.desk.set(true)
		const threads, steps = 5, 4
		for step := range steps {
			for thread := range threads {
				before := ""
				if step > 0 {
					before = fmt.Sprintf("t%d-%d@example.test", thread, step-1)
				}
				r.write(fmt.Sprintf("t%d-%d@example.test", thread, step), fmt.Sprintf("thread %d step %d", thread, step), before)
			}
			r.stored((step + 1) * threads)
			r.clock.step(15 * time.Minute)
		}
		r.desk.mu.Lock()
		tries := r.desk.tries
		r.desk.mu.Unlock()
		if tries == 0 || tries > 200 {
			t.Errorf("%d tries in an hour of outage", tries)
		}
		r.desk.set(false)
		testenv.WaitFor(t, testenv.Patience, "all events at the helpdesk", func() bool {
			r.clock.step(5 * time.Second)
			return len(r.desk.of("message.received")) >= threads*steps
		})
		next := map[string]int{}
		ids := map[string]bool{}
		for _, e := range r.desk.of("message.received") {
			if ids[e.ID] {
				continue
			}
			ids[e.ID] = true
			var thread, step int
			if _, err := fmt.Sscanf(e.Data.Subject, "thread %d step %d", &thread, &step); err != nil {
				t.Fatal(err)
			}
			if step != next[e.Data.ConversationID] {
				t.Errorf("conversation %s: step %d came when %d was due", e.Data.ConversationID, step, next[e.Data.ConversationID])
			}
			next[e.Data.ConversationID] = step + 1
		}
		if len(next) != threads {
			t.Errorf("%d conversations, want %d", len(next), threads)
		}
	})
}

// A dead letter waits for a person, and is delivered when told to.
func TestDeadLettersAreReplayed(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.desk.set(true)
		r.write("dead@example.test", "dead letter", "")
		r.stored(1)
		store := r.app.Store()
		dead := func() []*outbox.Job {
			jobs, err := store.Jobs(t.Context(), outbox.Filter{Lane: outbox.Forward, State: outbox.Failed, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			return jobs
		}
		testenv.WaitFor(t, testenv.Patience, "the events to be given up after a week", func() bool {
			r.clock.step(6 * time.Hour)
			time.Sleep(50 * time.Millisecond)
			return len(dead()) >= 2
		})
		r.desk.set(false)
		testenv.WaitFor(t, testenv.Patience, "the dead letter at the helpdesk", func() bool {
			// Others may be given up while these are tried again.
			for _, j := range dead() {
				if err := store.Retry(t.Context(), j.ID, r.clock.Now().Add(time.Hour), r.clock.Now()); err != nil {
					t.Fatal(err)
				}
			}
			r.clock.step(time.Minute)
			return len(r.desk.of("message.received")) == 1
		})
	})
}

// A reload takes helpdesks up and away without disturbing the mailbox, and
// without losing what waits.
func TestReload(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		second := &backend{}
		srv := httptest.NewServer(second)
		defer srv.Close()
		r.write("one@example.test", "one", "")
		r.stored(1)
		logins := r.mail.Counts().Logins
		both := r.desks + fmt.Sprintf("  - {name: other, type: webhook, url: %q, secret: %s}\n", srv.URL, secret)
		if err := r.app.Reload(t.Context(), r.load(both)); err != nil {
			t.Fatal(err)
		}
		r.write("two@example.test", "two", "")
		testenv.WaitFor(t, testenv.Patience, "the second mail at both helpdesks", func() bool {
			return len(r.desk.of("message.received")) == 2 && len(second.of("message.received")) == 1
		})
		if now := r.mail.Counts().Logins; now != logins {
			t.Errorf("the mailbox was logged in to %d times more", now-logins)
		}
	})
}

// When the connection breaks after the final dot, nobody knows whether the
// mail was taken. It is not sent again, and found out by looking into Sent.
func TestUncertainAnswerIsResolvedAndNeverDoubled(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.mail.AddUser(mail.User{Address: support, Password: "pw", CopySent: true})
		r.write("q@example.test", "question", "")
		conversation := r.stored(1)[0].Conversation
		r.mail.Break(mail.Fault{Kind: mail.CutAfterDot, Times: 1})
		m, _, err := r.app.Reply(t.Context(), timeline.Answer{Conversation: conversation, Text: "once"})
		if err != nil {
			t.Fatal(err)
		}
		status := func() normalize.Status {
			now, err := r.app.Store().Message(t.Context(), m.ID)
			if err != nil {
				t.Fatal(err)
			}
			return now.Parts[0].Status
		}
		testenv.WaitFor(t, testenv.Patience, "status uncertain", func() bool { return status() == normalize.StatusUncertain })
		testenv.WaitFor(t, testenv.Patience, "the resolution", func() bool {
			r.clock.step(time.Minute)
			return status() == normalize.StatusAccepted
		})
		if n := len(r.mail.Inbox("li@example.test")); n != 1 {
			t.Errorf("the customer got %d mails", n)
		}
	})
}
