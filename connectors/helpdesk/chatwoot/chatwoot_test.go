package chatwoot

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/chatwoot"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/normalize"
)

func begin(t *testing.T, c *Chatwoot) string {
	t.Helper()
	o, err := c.Open(t.Context(), helpdesktest.Draft("c1", helpdesk.Entry{Text: "Hello"}))
	if err != nil {
		t.Fatal(err)
	}
	return o.Ticket
}

func write(t *testing.T, c *Chatwoot, ticket string, e *helpdesk.Entry) string {
	t.Helper()
	id, err := c.Write(t.Context(), ticket, e)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestATicketSaysWhereItIs(t *testing.T) {
	s := start(t)
	o, err := open(t, s).Open(t.Context(), helpdesktest.Draft("c1", helpdesk.Entry{Text: "Hello"}))
	if want := s.URL() + "/app/accounts/1/conversations/"; err != nil || !strings.HasPrefix(o.URL, want) || o.Entry != "" {
		t.Errorf("%+v, %v", o, err)
	}
}

// The contact of a customer is made once, and may have been made by another
// node.
func TestACustomerIsOneContact(t *testing.T) {
	s := start(t)
	c := open(t, s)
	for i := range 2 {
		if _, err := c.Open(t.Context(), helpdesktest.Draft(fmt.Sprint("c", i), helpdesk.Entry{Text: "Hello"})); err != nil {
			t.Fatal(err)
		}
	}
	if list := s.Contacts(); len(list) != 1 || list[0].Identifier != "deskbridge:"+helpdesktest.Draft("", helpdesk.Entry{Text: "Hello"}).Conversation.Customer.ID.String() {
		t.Errorf("contacts: %+v", list)
	}
}

func TestACustomersWordsStandAloneUntilTheyAreEdited(t *testing.T) {
	s := start(t)
	c := open(t, s)
	id := begin(t, c)
	write(t, c, id, helpdesktest.Further(helpdesk.FromCustomer, "m1", "I want two."))
	edited := helpdesktest.Further(helpdesk.FromCustomer, "e2", "I want three.")
	edited.Message.EditedAt = time.Now()
	write(t, c, id, edited)
	file := helpdesktest.Further(helpdesk.FromCustomer, "p3", "")
	file.Files = []helpdesk.Attachment{helpdesktest.File("a.txt", "text/plain", "content")}
	write(t, c, id, file)
	write(t, c, id, helpdesktest.Further(helpdesk.FromAgent, "m4", "Two it is."))
	var got []string
	for _, m := range s.Conversations()[0].Messages[1:] {
		got = append(got, fmt.Sprintf("%s %q %d", m.Type, m.Content, len(m.Files)))
	}
	want := []string{
		`incoming "I want two." 0`, `incoming "Heading of e2\n\nI want three." 0`, `incoming "Heading of p3" 1`, `outgoing "Heading of m4\n\nTwo it is." 0`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// What is outgoing would have its variables filled in; too many words become a
// file; files that are too large become links.
func TestWhatAMessageCannotCarry(t *testing.T) {
	s := start(t)
	c := open(t, s)
	id := begin(t, c)
	write(t, c, id, helpdesktest.Further(helpdesk.Remark, "r1", "price {{contact.name}} {% x %}"))
	long := helpdesktest.Further(helpdesk.FromCustomer, "m2", strings.Repeat("x", maxContent+1))
	long.Files = []helpdesk.Attachment{helpdesktest.File("big.bin", "text/plain", "")}
	long.Files[0].Media.Size, long.Files[0].Link = maxFile+1, "https://desk.example.com/m/1"
	for i := range maxFiles + 1 {
		long.Files = append(long.Files, helpdesktest.File(fmt.Sprintf("%d.txt", i), "text/plain", "content"))
	}
	write(t, c, id, long)
	list := s.Conversations()[0].Messages
	if got := strings.ReplaceAll(list[1].Content, "\u200b", ""); !strings.Contains(got, "price {{contact.name}} {% x %}") {
		t.Errorf("the remark says %q", got)
	}
	m := list[2]
	if len(m.Files) != maxFiles || m.Files[maxFiles-1].Name != "message.txt" {
		t.Fatalf("%d files, the last %q", len(m.Files), m.Files[len(m.Files)-1].Name)
	}
	for _, want := range []string{`"big.bin"`, "https://desk.example.com/m/1", `"14.txt"`, `"15.txt"`, strings.Repeat("x", maxContent)} {
		if !strings.Contains(string(m.Files[maxFiles-1].Content), want) {
			t.Errorf("the whole message lacks %.40q", want)
		}
	}
}

// An agent who quotes a reference has no ticket of ours by that.
func TestFindGoesByTheAttribute(t *testing.T) {
	s := start(t)
	c := open(t, s)
	one, err := c.Open(t.Context(), helpdesktest.Draft("c1", helpdesk.Entry{Text: "Hello"}))
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.Open(t.Context(), helpdesktest.Draft("c2", helpdesk.Entry{Text: "Hello"}))
	if err != nil {
		t.Fatal(err)
	}
	s.Note(helpdesktest.Number(t, two.Ticket), bob, "same as Reference: c1?")
	for tag, want := range map[string]string{"c1": one.Ticket, "c2": two.Ticket, "c3": ""} {
		o, err := c.Find(t.Context(), tag)
		if err != nil || (o == nil) != (want == "") || o != nil && o.Ticket != want {
			t.Errorf("%s: %+v, %v", tag, o, err)
		}
	}
}

func TestReadTellsOursFromTheirs(t *testing.T) {
	s := start(t)
	c := open(t, s)
	id := begin(t, c)
	n := helpdesktest.Number(t, id)
	write(t, c, id, helpdesktest.Further(helpdesk.FromCustomer, "m1", "Hello"))
	s.Answer(n, bob, "You wrote: **Hello**", simulator.File{Name: "a.txt", ContentType: "text/plain", Content: []byte("content")})
	gone := s.Answer(n, bob, "a secret by mistake")
	s.DeleteMessage(n, gone)
	s.SetStatus(n, bob, simulator.Resolved)
	r, err := c.Read(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	if r.State != normalize.Closed || len(r.Entries) != 3 {
		t.Fatalf("%+v", r)
	}
	if e := r.Entries[1]; !e.Ours || e.Tag != "m1" {
		t.Errorf("ours: %+v", e)
	}
	e := r.Entries[2]
	if e.Ours || !e.Public || e.Author.Name != bob.Name || e.Text != "You wrote: Hello" || e.HTML != "<p>You wrote: <strong>Hello</strong></p>\n" || len(e.Files) != 1 {
		t.Fatalf("theirs: %+v", e)
	}
	f, err := c.File(t.Context(), e.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil || f.Close() != nil || string(b) != "content" || e.Files[0].Name != "a.txt" {
		t.Errorf("the file %+v: %q, %v", e.Files[0], b, err)
	}
	s.DeleteMessage(n, helpdesktest.Number(t, e.ID))
	if _, err := c.File(t.Context(), e.Files[0]); connectors.Classify(err).Class != connectors.Rejected {
		t.Errorf("a deleted file: %v", err)
	}
	// Our own words stay ours when somebody deletes them.
	s.DeleteMessage(n, helpdesktest.Number(t, r.Entries[1].ID))
	if r, err = c.Read(t.Context(), id, ""); err != nil || !r.Entries[1].Ours || r.Entries[1].Tag != "m1" {
		t.Errorf("ours, deleted: %+v, %v", r, err)
	}
}

func TestALongConversationIsReadToItsEnd(t *testing.T) {
	s := start(t)
	c := open(t, s)
	id := begin(t, c)
	const total = 250
	for i := range total {
		s.Note(helpdesktest.Number(t, id), bob, fmt.Sprint("note ", i))
	}
	seen := map[string]bool{}
	position, more := "", true
	for reads := 0; more; reads++ {
		r, err := c.Read(t.Context(), id, position)
		if err != nil || reads > 10 {
			t.Fatal(reads, err)
		}
		for _, e := range r.Entries {
			seen[e.ID] = true
		}
		position, more = r.Position, r.More
	}
	if len(seen) != total+1 {
		t.Errorf("%d entries of %d", len(seen), total+1)
	}
}

// What happened while nobody looked is found however many pages it fills, and
// what is known is not named again.
func TestChangedMissesNothing(t *testing.T) {
	s := start(t)
	c := open(t, s)
	first, err := c.Changed(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 60 {
		o, err := c.Open(t.Context(), helpdesktest.Draft(fmt.Sprint("c", i), helpdesk.Entry{Text: "Hello"}))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, o.Ticket)
	}
	look := func(cursor string, want ...string) string {
		t.Helper()
		ch, err := c.Changed(t.Context(), cursor)
		if err != nil || ch.More {
			t.Fatal(ch, err)
		}
		slices.Sort(ch.Tickets)
		slices.Sort(want)
		if !slices.Equal(ch.Tickets, want) {
			t.Errorf("changed: %v, want %v", ch.Tickets, want)
		}
		return ch.Cursor
	}
	cursor := look(first.Cursor, slices.Clone(want)...)
	cursor = look(cursor)
	s.Note(helpdesktest.Number(t, want[3]), bob, "hm")
	s.SetStatus(helpdesktest.Number(t, want[7]), bob, simulator.Resolved)
	cursor = look(cursor, want[3], want[7])
	look(cursor)
}

func TestStatesAreSetOnlyWhereTheyDiffer(t *testing.T) {
	s := start(t)
	c := open(t, s)
	id := begin(t, c)
	s.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "toggle_status", Times: -1})
	if err := c.SetState(t.Context(), id, normalize.Open); err != nil {
		t.Errorf("open already: %v", err)
	}
	s.Faults.Clear()
	for range 2 {
		if err := c.SetState(t.Context(), id, normalize.Closed); err != nil || s.Conversations()[0].Status != simulator.Resolved {
			t.Errorf("closing: %v", err)
		}
	}
	e := helpdesktest.Further(helpdesk.Remark, "r1", "not delivered")
	e.Reopen = true
	write(t, c, id, e)
	if s.Conversations()[0].Status != simulator.Open {
		t.Error("not opened by a remark")
	}
}

func TestShow(t *testing.T) {
	s := start(t)
	c := open(t, s)
	id := begin(t, c)
	answer := strconv.FormatInt(s.Answer(helpdesktest.Number(t, id), bob, "Yes"), 10)
	for _, step := range []struct {
		status normalize.Status
		want   string
	}{
		{normalize.StatusAccepted, "sent"},
		{normalize.StatusFailed, "failed no such mailbox"},
		{normalize.StatusUncertain, "failed no such mailbox"},
		{normalize.StatusDelivered, "delivered"},
		{normalize.StatusRead, "read"},
	} {
		if err := c.Show(t.Context(), id, answer, normalize.StatusChange{Status: step.status, Detail: "no such mailbox"}); err != nil {
			t.Fatal(err)
		}
		m := s.Conversations()[0].Messages[1]
		if got := strings.TrimSpace(m.Status + " " + m.ExternalError); got != step.want {
			t.Errorf("%s: shown as %q, want %q", step.status, got, step.want)
		}
	}
	if err := c.Show(t.Context(), id, "99999", normalize.StatusChange{Status: normalize.StatusRead}); connectors.Classify(err).Class != connectors.Unsupported {
		t.Errorf("no such message: %v", err)
	}
}

func TestProbe(t *testing.T) {
	s := start(t)
	for _, c := range []struct {
		name   string
		change func(c *Config)
		want   string
	}{
		{"right", func(*Config) {}, ""},
		{"another inbox", func(c *Config) { c.InboxID = 6 }, "not of the type API"},
		{"no inbox", func(c *Config) { c.InboxID = 77 }, "no inbox 77"},
		{"another token", func(c *Config) { c.APIAccessToken = "x" }, "check api_access_token"},
		{"another account", func(c *Config) { c.AccountID = 9 }, "check account_id"},
	} {
		err := open(t, s, c.change).Probe(t.Context())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A wrong address is not a deleted ticket.
func TestOnlyChatwootSaysThatAConversationIsGone(t *testing.T) {
	s := start(t)
	_, err := open(t, s).Read(t.Context(), "4711", "")
	if _, ok := errors.AsType[*helpdesk.Gone](err); !ok {
		t.Errorf("no such conversation: %v", err)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	_, err = open(t, s, func(c *Config) { c.URL = other.URL }).Read(t.Context(), "4711", "")
	if connectors.Classify(err).Class != connectors.AccountDown {
		t.Errorf("another server: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	bad := Config{URL: "desk.example.com", AccountID: -1, InboxID: -1}
	if errs := bad.Validate(); len(errs) != 4 {
		t.Errorf("%v", errs)
	}
}
