package e2e

import (
	"fmt"
	"io"
	"net/mail"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// redmineRig is a mail rig whose agents work in Redmine.
type redmineRig struct {
	*mailRig
	red *testenv.Redmine
}

func newRedmineRig(t *testing.T) *redmineRig {
	t.Helper()
	red := testenv.StartRedmine(t)
	return &redmineRig{red: red, mailRig: newMailRig(t, func(_ *testing.T, dir string) string { return "sqlite://" + filepath.Join(dir, "deskbridge.db") },
		fmt.Sprintf("{name: redmine, type: redmine, url: %q, api_key: %s, project: %s, poll_interval: 1s}", red.URL, red.APIKey, red.Project))}
}

// issues waits until the project has n issues and returns their numbers.
func (r *redmineRig) issues(n int) []int {
	r.t.Helper()
	testenv.WaitFor(r.t, testenv.Patience, fmt.Sprintf("%d issues", n), func() bool { return len(r.red.Anna.Issues()) >= n })
	list := r.red.Anna.Issues()
	if len(list) != n {
		r.t.Fatalf("%d issues, want %d", len(list), n)
	}
	return list
}

// noted waits until an issue has a note that holds words.
func (r *redmineRig) noted(issue int, words string) testenv.RedmineJournal {
	r.t.Helper()
	var found testenv.RedmineJournal
	testenv.WaitFor(r.t, testenv.Patience, fmt.Sprintf("%q on issue %d", words, issue), func() bool {
		for _, j := range r.red.Anna.Issue(issue).Journals {
			if strings.Contains(j.Notes, words) {
				found = j
				return true
			}
		}
		return false
	})
	return found
}

// holding returns which of the words stand in the notes of an issue, one for
// each note that holds one, in the order of the notes.
func (r *redmineRig) holding(issue int, words ...string) (list []string) {
	for _, j := range r.red.Anna.Issue(issue).Journals {
		for _, w := range words {
			if strings.Contains(j.Notes, w) {
				list = append(list, w)
			}
		}
	}
	return list
}

func (r *redmineRig) open(issue int, want bool) {
	r.t.Helper()
	testenv.WaitFor(r.t, testenv.Patience, fmt.Sprintf("issue %d open: %t", issue, want), func() bool { return r.red.Anna.Issue(issue).Status.Closed != want })
}

func body(t *testing.T, m *mail.Message) string {
	t.Helper()
	b, err := io.ReadAll(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestMailAndRedmine: customers write mail, agents answer in a real Redmine.
func TestMailAndRedmine(t *testing.T) {
	t.Parallel()
	r := newRedmineRig(t)
	const zhang, li, gone = "zhang@customers.test", "li@customers.test", "gone@customers.test"
	r.imap.AddUsers(password, zhang, li, gone)
	r.start()
	anna := r.red.Anna

	// A mail is an issue.
	r.imap.Deliver(support, "INBOX", letter("Zhang San <"+zhang+">", "z1@customers.test", "Where is my order?", "It has *not* come. See #1 and {{toc}}.\r\n你好"))
	first := r.issues(1)[0]
	issue := anna.Issue(first)
	if issue.Subject != "Where is my order?" || !strings.Contains(issue.Description, "你好") || !strings.Contains(issue.Description, zhang) {
		t.Fatalf("the issue: %+v", issue)
	}
	if page := anna.Page(first); strings.Contains(page, "<strong>not</strong>") || !strings.Contains(page, "Zhang San") {
		t.Errorf("the page of the issue takes the customer's words for markup, or does not name the customer")
	}

	// A private note stays, a public one goes out in the customer's thread.
	anna.PrivateNote(first, "She is a difficult customer.")
	r.red.Bert.Note(first, "It is *on its way*, as the map shows.", "map.txt")
	m := r.mailbox(zhang, 1)[0]
	if m.Header.Get("In-Reply-To") != "<z1@customers.test>" || m.Header.Get("Subject") != "Re: Where is my order?" {
		t.Errorf("the answer is not in the customer's thread: %v", m.Header)
	}
	if text := body(t, m); !strings.Contains(text, "on its way") || !strings.Contains(text, "trong>on its way</strong>") || !strings.Contains(text, "map.txt") || strings.Contains(text, "difficult") {
		t.Errorf("the answer:\n%s", text)
	}

	if out := r.run("timeline", zhang); !strings.Contains(out, "Bert Boss") || !strings.Contains(out, "difficult") {
		t.Errorf("the timeline does not say who answered, or lacks the note:\n%s", out)
	}

	// The customer goes on, in the same issue, and opens it again.
	anna.Close(first)
	r.await("conversation.closed", 1)
	r.imap.Deliver(support, "INBOX", letter(zhang, "z2@customers.test", "Re: Where is my order?", "Thank you, and one more thing.", "In-Reply-To: "+m.Header.Get("Message-ID")+"\r\n"))
	r.noted(first, "one more thing")
	r.open(first, true)

	// Redmine is down for a while; then everything is there once, in order.
	r.red.Stop()
	sequence := []string{"Line one", "Line two", "Line three", "Line four"}
	for i, words := range sequence {
		r.imap.Deliver(support, "INBOX", letter(zhang, fmt.Sprintf("z3%d@customers.test", i), "Re: Where is my order?", words, "In-Reply-To: <z2@customers.test>\r\n"))
		r.await("message.received", 3+i) // the other helpdesk is not held up
	}
	r.imap.Deliver(support, "INBOX", letter("Li <"+li+">", "l1@customers.test", "My bill", "It is wrong."))
	r.await("message.received", 7)
	r.red.Start()
	r.noted(first, "Line four")
	second := r.issues(2)[1]
	if got := r.holding(first, sequence...); !slices.Equal(got, sequence) {
		t.Errorf("on the issue stand %q", got)
	}
	anna.Note(second, "We look into it.")
	if text := body(t, r.mailbox(li, 1)[0]); !strings.Contains(text, "We look into it.") {
		t.Errorf("the answer to Li:\n%s", text)
	}

	// An answer that cannot be delivered comes back as a note for agents.
	r.imap.Deliver(support, "INBOX", letter(gone, "g1@customers.test", "Hello", "Anybody there?"))
	third := r.issues(3)[2]
	r.mta.RefuseAtRCPT(gone, "550 5.1.1 no such user")
	anna.Change(third, map[string]any{"notes": "Yes, we are.", "status_id": 5})
	if j := r.noted(third, "not delivered"); !j.Private || !strings.Contains(j.Notes, "5.1.1") || j.User.Name != "Desk Bridge" {
		t.Errorf("the failed delivery is told by %+v", j)
	}
	r.open(third, true)

	// A deleted issue: the customer gets a new one.
	r.red.Admin.Delete(first)
	r.imap.Deliver(support, "INBOX", letter(zhang, "z4@customers.test", "Re: Where is my order?", "Are you still there?", "In-Reply-To: <z2@customers.test>\r\n"))
	fourth := r.issues(3)[2]
	if d := anna.Issue(fourth).Description; !strings.Contains(d, "Are you still there?") {
		t.Errorf("the new issue says %q", d)
	}
	anna.Note(fourth, "Yes, here.")
	mails := r.mailbox(zhang, 2)
	if text := body(t, mails[1]); !strings.Contains(text, "Yes, here.") {
		t.Errorf("the last answer:\n%s", text)
	}

	// Nothing went out but what agents wrote for customers, and Redmine wrote to nobody else.
	if sent := len(r.eventsOf("message.sent")); sent != 5 { // with the private note
		t.Errorf("%d messages of ours, want four answers and a note", sent)
	}
	if n := len(mails); n != 2 {
		t.Errorf("Zhang got %d mails", n)
	}
	for _, to := range r.red.Mailed() {
		if strings.HasSuffix(to, "@customers.test") {
			t.Errorf("Redmine mailed %s", to)
		}
	}
	r.stop()
}
