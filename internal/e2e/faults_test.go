package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// write asks for a message to a customer and returns the HTTP status.
func (r *rig) write(to, text string) int {
	status, _ := r.call("POST", "/v1/messages", map[string]any{"channel": "support", "to": to, "subject": "Hello", "text": text}, nil)
	return status
}

func (r *rig) recovers(customer, mark string) {
	r.t.Helper()
	testenv.WaitFor(r.t, testenv.Patience, "the daemon to recover without a restart", func() bool {
		return r.ready() == http.StatusOK && r.write(customer, mark) < 300
	})
}

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		testenv.NotTested(t, "a full disk: a file system of its own cannot be mounted here: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	r := newMailRig(t, func(*testing.T, string) string { return "sqlite://" + filepath.Join(dir, "deskbridge.db") })
	r.imap.AddUser("li@customers.test", password)
	r.start()
	if status := r.write("li@customers.test", "before"); status >= 300 {
		t.Fatalf("status %d before the disk is full", status)
	}

	fill, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = fill.Write(block)
	}
	_ = fill.Close()
	r.imap.Deliver(support, "INBOX", letter("li@customers.test", "full@customers.test", "While the disk was full", "x"))
	testenv.WaitFor(t, testenv.Patience, "503", func() bool {
		return r.write("li@customers.test", "while full") == http.StatusServiceUnavailable && r.ready() == http.StatusServiceUnavailable
	})
	if err := os.Remove(fill.Name()); err != nil {
		t.Fatal(err)
	}
	r.recovers("li@customers.test", "after")
	if got := r.await("message.received", 1); got[0].Data.Subject != "While the disk was full" {
		t.Errorf("got %+v", got)
	}
	r.stop()
}

func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	pg := testenv.PostgresServer(t)
	r := newMailRig(t, func(*testing.T, string) string { return pg.URL })
	r.imap.AddUser("li@customers.test", password)
	r.start()
	for name, gone := range map[string]func(){"stopped": pg.Stop, "killed": pg.Kill} {
		gone()
		r.imap.Deliver(support, "INBOX", letter("li@customers.test", name+"@customers.test", name, "x"))
		testenv.WaitFor(t, testenv.Patience, "503", func() bool {
			return r.write("li@customers.test", "while gone") == http.StatusServiceUnavailable && r.ready() == http.StatusServiceUnavailable
		})
		pg.Start()
		r.recovers("li@customers.test", "after "+name)
	}
	subjects := map[string]bool{}
	for _, e := range r.await("message.received", 2) {
		subjects[e.Data.Subject] = true
	}
	if !subjects["stopped"] || !subjects["killed"] {
		t.Errorf("mails that came while the database was gone: %v", subjects)
	}
	r.stop()
}

func TestMailServerGoneAndNumberedAnew(t *testing.T) {
	t.Parallel()
	r := newMailRig(t, func(_ *testing.T, dir string) string { return "sqlite://" + filepath.Join(dir, "deskbridge.db") })
	r.start()
	for i := range 20 {
		r.imap.Deliver(support, "INBOX", letter("li@customers.test", fmt.Sprintf("old-%d@customers.test", i), fmt.Sprintf("old %d", i), "x"))
	}
	r.await("message.received", 20)

	r.imap.Stop()
	r.imap.BumpUIDValidity(support, "INBOX")
	r.imap.Deliver(support, "INBOX", letter("li@customers.test", "new@customers.test", "new", "x"))
	r.imap.Start()
	r.await("message.received", 21)
	testenv.WaitFor(t, testenv.Patience, "20 duplicates in the ledger", func() bool {
		var list struct{ Items []any }
		r.json(&list, "ledger", "list", "--outcome", "duplicate", "--limit", "100", "--json")
		return len(list.Items) == 20
	})
	if n := len(r.eventsOf("message.received")); n != 21 {
		t.Errorf("%d messages, want 21", n)
	}
	r.stop()
}

// Events wait for a helpdesk that is down, each conversation's in order, and
// none is lost.
func TestHelpdeskDown(t *testing.T) {
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newMailRig(t, storeURL)
		r.start()
		r.desk.answer(http.StatusBadGateway)
		thread := ""
		for i := range 12 {
			id := fmt.Sprintf("m%d@customers.test", i)
			r.imap.Deliver(support, "INBOX", letter("li@customers.test", id, fmt.Sprintf("step %d", i), "x", thread))
			thread = "In-Reply-To: <" + id + ">\r\n"
			want := i + 1
			testenv.WaitFor(t, testenv.Patience, "the mail on the timeline", func() bool { return len(r.eventsOf("message.received")) == want })
		}
		r.desk.answer(http.StatusOK)
		got := r.await("message.received", 12)
		for i, e := range got {
			if want := fmt.Sprintf("step %d", i); e.Data.Subject != want {
				t.Errorf("event %d is %q, want %q", i, e.Data.Subject, want)
			}
			if e.Data.ConversationID != got[0].Data.ConversationID {
				t.Errorf("event %d is in another conversation", i)
			}
		}
		r.stop()
	})
}
