package e2e

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// rtRig is a mail rig whose agents work in Request Tracker.
type rtRig struct {
	*mailRig
	rt  *testenv.RT
	ann *testenv.RTPerson
}

func newRTRig(t *testing.T) *rtRig {
	t.Helper()
	s := testenv.StartRT(t)
	return &rtRig{rt: s, ann: s.As("ann"), mailRig: newMailRig(t, func(_ *testing.T, dir string) string { return "sqlite://" + filepath.Join(dir, "deskbridge.db") },
		fmt.Sprintf("{name: rt, type: rt, url: %q, token: %s, queue: %s, poll_interval: 1s}", s.URL, s.Token, testenv.RTQueue))}
}

// tickets waits until the queue shows n tickets and returns their numbers.
func (r *rtRig) tickets(n int) []string {
	r.t.Helper()
	testenv.WaitFor(r.t, testenv.Patience, fmt.Sprintf("%d tickets", n), func() bool { return len(r.ann.Tickets("id > 0")) >= n })
	list := r.ann.Tickets("id > 0")
	if len(list) != n {
		r.t.Fatalf("%d tickets, want %d", len(list), n)
	}
	return list
}

// entry waits until a ticket's history holds words.
func (r *rtRig) entry(ticket, words string) testenv.RTEntry {
	r.t.Helper()
	var found testenv.RTEntry
	testenv.WaitFor(r.t, testenv.Patience, fmt.Sprintf("%q on ticket %s", words, ticket), func() bool {
		return slices.ContainsFunc(r.ann.History(ticket), func(e testenv.RTEntry) bool {
			found = e
			return strings.Contains(e.Text, words)
		})
	})
	return found
}

// holding returns which of the words stand on a ticket, in the order in which
// they stand there.
func (r *rtRig) holding(ticket string, words ...string) (list []string) {
	for _, e := range r.ann.History(ticket) {
		for _, w := range words {
			if strings.Contains(e.Text, w) {
				list = append(list, w)
			}
		}
	}
	return list
}

func (r *rtRig) status(ticket, want string) {
	r.t.Helper()
	testenv.WaitFor(r.t, testenv.Patience, fmt.Sprintf("ticket %s to be %s", ticket, want), func() bool { return r.ann.Ticket(ticket).Status == want })
}

// last waits for the n-th mail of a customer, who gets no more, and returns it.
func (r *rtRig) last(customer string, n int) (id, text string) {
	r.t.Helper()
	list := r.mailbox(customer, n)
	if len(list) != n {
		r.t.Fatalf("%s got %d mails, want %d", customer, len(list), n)
	}
	b, err := io.ReadAll(list[n-1].Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return list[n-1].Header.Get("Message-ID"), string(b)
}

// TestMailAndRequestTracker: customers write mail, agents answer in a real
// Request Tracker.
func TestMailAndRequestTracker(t *testing.T) {
	t.Parallel()
	r := newRTRig(t)
	const zhang, li, gone = "zhang@customers.test", "li@customers.test", "gone@customers.test"
	r.imap.AddUsers(password, zhang, li, gone)
	r.start()
	ann, bob := r.ann, r.rt.As("bob")
	writes := func(from, id, subject, body string, headers ...string) {
		t.Helper()
		r.imap.Deliver(support, "INBOX", letter(from, id+"@customers.test", subject, body, headers...))
	}

	// A mail is a ticket; a comment stays inside, an answer goes out in the thread.
	writes("Zhang San <"+zhang+">", "z1", "Where is my order?", "It has not come.\r\n你好")
	first := r.tickets(1)[0]
	if e := r.entry(first, "你好"); !strings.Contains(e.Text, zhang) || e.Creator != testenv.RTUser {
		t.Errorf("the ticket says, by %s:\n%s", e.Creator, e.Text)
	}
	if k := ann.Ticket(first); k.Subject != "Where is my order?" || len(k.Requestor) != 1 {
		t.Errorf("the ticket is %+v", k)
	}
	ann.Comment(first, "He is a difficult customer.")
	bob.CorrespondHTML(first, "<p>It is <b>on its way</b>, as the map shows.</p>", testenv.RTFile{Name: "地图.txt", Type: "text/plain", Content: []byte("a map")})
	thread, text := r.last(zhang, 1)
	m := r.mailbox(zhang, 1)[0]
	if m.Header.Get("In-Reply-To") != "<z1@customers.test>" || m.Header.Get("Subject") != "Re: Where is my order?" {
		t.Errorf("the answer is not in the customer's thread: %v", m.Header)
	}
	if out := r.run("timeline", zhang); !strings.Contains(out, "Bob Roy") || !strings.Contains(out, "difficult customer") {
		t.Errorf("the timeline lacks Bob's name or Ann's note:\n%s", out)
	}
	if !strings.Contains(text, "It is on its way") || strings.Contains(text, "difficult") || !strings.Contains(text, "attachment") {
		t.Errorf("the answer:\n%s", text)
	}

	// The conversation follows what agents close; the customer opens it again.
	ann.SetStatus(first, "resolved")
	r.await("conversation.closed", 1)
	writes(zhang, "z2", "Re: Where is my order?", "Thank you, and one more thing.", "In-Reply-To: "+thread+"\r\n")
	r.entry(first, "one more thing")
	r.status(first, "open")

	// RT is away for a while, then we are: nothing is lost, doubled or swapped.
	r.rt.Stop()
	sequence := []string{"Line one", "Line two", "Line three", "Line four"}
	for i, words := range sequence {
		writes(zhang, fmt.Sprintf("z3%d", i), "Re: Where is my order?", words, "In-Reply-To: <z2@customers.test>\r\n")
		r.await("message.received", 3+i) // the other helpdesk is not held up
	}
	writes("Li <"+li+">", "l1", "My bill", "It is wrong.")
	r.await("message.received", 7)
	r.rt.Start()
	r.entry(first, "Line four")
	if got := r.holding(first, sequence...); !slices.Equal(got, sequence) {
		t.Errorf("on the ticket stand %q", got)
	}
	second := r.tickets(2)[1]
	r.stop()
	ann.Correspond(second, "We look into it.")
	ann.Correspond(second, "It is mended.")
	r.start()
	if _, text = r.last(li, 2); !strings.Contains(text, "It is mended.") {
		t.Errorf("the second answer to Li:\n%s", text)
	}

	// What cannot be delivered comes back to the agents.
	writes(gone, "g1", "Hello", "Anybody there?")
	third := r.tickets(3)[2]
	r.mta.RefuseAtRCPT(gone, "550 5.1.1 no such user")
	ann.Resolve(third, "Yes, we are.")
	if e := r.entry(third, "not delivered"); e.Type != "Comment" || !strings.Contains(e.Text, "5.1.1") {
		t.Errorf("the failed delivery is told by %+v", e)
	}
	r.status(third, "open")

	// Of merged tickets the one that stays is gone on with.
	ann.Merge(second, first)
	writes(li, "l2", "Re: My bill", "And another one is wrong too.", "In-Reply-To: <l1@customers.test>\r\n")
	r.entry(first, "another one is wrong")
	ann.Correspond(first, "That one as well.")
	if _, text = r.last(li, 3); !strings.Contains(text, "That one as well.") {
		t.Errorf("the answer to Li on the merged ticket:\n%s", text)
	}

	// One that was merged into a stranger's, just after it was answered and while
	// its customer wrote on: each gets what was meant for them.
	writes(zhang, "z5", "Another matter", "Hello?")
	own := r.tickets(3)[2]
	stranger := ann.Create("Of somebody else", "Hello")
	ann.Correspond(stranger, "The code of your safe is 4711.")
	r.stop()
	ann.Correspond(own, "Before the merge.")
	ann.Merge(own, stranger)
	writes(zhang, "z6", "Re: Another matter", "Are you there?", "In-Reply-To: <z5@customers.test>\r\n")
	r.start()
	r.entry(stranger, "Are you there?")
	if _, text = r.last(zhang, 2); !strings.Contains(text, "Before the merge.") {
		t.Errorf("the answer before the merge:\n%s", text)
	}
	time.Sleep(1100 * time.Millisecond) // RT tells times by the second
	ann.Correspond(stranger, "After the merge.")
	if _, text = r.last(zhang, 3); !strings.Contains(text, "After the merge.") {
		t.Errorf("the answer after the merge:\n%s", text)
	}

	// After a deleted one, the customer gets a new one.
	ann.SetStatus(third, "deleted")
	writes(gone, "g2", "Re: Hello", "Are you still there?", "In-Reply-To: <g1@customers.test>\r\n")
	fourth := r.tickets(3)[2]
	r.entry(fourth, "Are you still there?")

	r.last(zhang, 3)
	if sent := len(r.eventsOf("message.sent")); sent != 8 {
		t.Errorf("%d messages of ours, want seven answers and a note", sent)
	}
	for _, to := range r.rt.Recipients() {
		if strings.HasSuffix(to, "@customers.test") {
			t.Errorf("RT mailed %s by itself", to)
		}
	}
	r.stop()
}
