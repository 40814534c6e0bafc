package zendesk

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/zendesk"
	"github.com/deskbridge/deskbridge/normalize"
)

func begin(t *testing.T, z *Zendesk, tag string) string {
	t.Helper()
	o, err := z.Open(t.Context(), helpdesktest.Draft(tag, helpdesk.Entry{Text: "Hello"}))
	if err != nil {
		t.Fatal(err)
	}
	return o.Ticket
}

func write(t *testing.T, z *Zendesk, ticket string, e *helpdesk.Entry) string {
	t.Helper()
	id, err := z.Write(t.Context(), ticket, e)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func read(t *testing.T, z *Zendesk, ticket, after string) *helpdesk.Reading {
	t.Helper()
	r, err := z.Read(t.Context(), ticket, after)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func gone(err error) (into string, ok bool) {
	g, ok := errors.AsType[*helpdesk.Gone](err)
	if ok {
		into = g.Into
	}
	return into, ok
}

// The customer is a user whom Zendesk cannot write to, and who keeps the name
// that an agent gave.
func TestTheRequesterHasNoAddress(t *testing.T) {
	s := start(t, simulator.Options{})
	z := connect(t, s)
	d := helpdesktest.Draft("c1", helpdesk.Entry{Text: "Hello"})
	o, err := z.Open(t.Context(), d)
	if err != nil || o.URL != s.URL()+"/agent/tickets/"+o.Ticket || o.Entry == "" {
		t.Fatal(o, err)
	}
	d.Tag, d.Conversation.Customer.Name = "c2", "Ann of another name"
	if _, err := z.Open(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	s.Answer(helpdesktest.Number(t, o.Ticket), bob, "Yes")
	users := slices.DeleteFunc(s.Users(), func(u simulator.User) bool { return u.Role != "end-user" })
	if len(users) != 1 || users[0].Email != "" || users[0].Name != "Ann Lee" || users[0].ExternalID != "deskbridge:"+d.Conversation.Customer.ID.String() {
		t.Errorf("customers: %+v", users)
	}
	if n := s.Mailed(); n != 0 {
		t.Errorf("%d mails", n)
	}
	k := find(t, s, o.Ticket)
	if k.ExternalID != "deskbridge:c1" || !slices.Equal(k.Tags, []string{"deskbridge", "channel_telegram"}) || !strings.Contains(k.Comments[0].Body, "Also known as: ann@example.com") {
		t.Errorf("ticket: %+v", k)
	}
}

// A request whose answer was lost makes no second ticket, though the files that
// go along have other tokens then.
func TestOpenTwiceIsOneTicket(t *testing.T) {
	s := start(t, simulator.Options{})
	z := connect(t, s)
	d := helpdesktest.Draft("c1", helpdesk.Entry{Text: "Hello"})
	d.First.Files = []helpdesk.Attachment{helpdesktest.File("a.txt", "text/plain", "content")}
	s.Faults.Add(fault.Fault{Kind: fault.Lose, Path: "/tickets"})
	if _, err := z.Open(t.Context(), d); connectors.Classify(err).Class != connectors.Ambiguous {
		t.Fatalf("without an answer: %v", err)
	}
	o, err := z.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	found, err := z.Find(t.Context(), "c1")
	if err != nil || *found != *o || len(s.Tickets()) != 1 || len(s.Tickets()[0].Comments) != 1 {
		t.Errorf("opened %+v, found %+v, %d tickets, %v", o, found, len(s.Tickets()), err)
	}
	if none, err := z.Find(t.Context(), "c2"); none != nil || err != nil {
		t.Errorf("found %+v, %v", none, err)
	}
}

func TestRichTextGoesBothWays(t *testing.T) {
	s := start(t, simulator.Options{})
	z := connect(t, s)
	d := helpdesktest.Draft("c1", helpdesk.Entry{Text: "Hello"})
	picture := helpdesktest.File("blue.png", "image/png", "blue")
	picture.Media.ContentID = "p1@example.com"
	d.First.HTML, d.First.Files = `<p>Like <b>this</b>: <img src="cid:p1@example.com"></p>`, []helpdesk.Attachment{picture}
	o, err := z.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	first := find(t, s, o.Ticket).Comments[0]
	if !strings.Contains(first.HTML, "<b>this</b>") || len(first.Files) != 1 || !first.Files[0].Inline || strings.Contains(first.HTML, "cid:") {
		t.Errorf("the customer's: %+v", first)
	}

	answered := s.AnswerHTML(helpdesktest.Number(t, o.Ticket), bob, `<p>Or <em>this</em>? <img src="{red.png}"></p>`, simulator.File{Name: "red.png", ContentType: "image/png", Content: []byte("red")})
	r := read(t, z, o.Ticket, "")
	if len(r.Entries) != 2 || !r.Entries[0].Ours || r.Entries[0].Tag != "m1" {
		t.Fatalf("%+v", r.Entries)
	}
	e := r.Entries[1]
	if e.Ours || !e.Public || e.ID != fmt.Sprint(answered) || e.Author != (normalize.Author{Name: bob.Name, Email: bob.Email}) || len(e.Files) != 1 {
		t.Fatalf("%+v", e)
	}
	if !strings.Contains(e.HTML, "<em>this</em>") || !strings.Contains(e.HTML, `src="cid:`+e.Files[0].Ref+`"`) || strings.TrimSpace(e.Text) != "Or this?" {
		t.Errorf("the agent's: %q, %q", e.HTML, e.Text)
	}
	f, err := z.File(t.Context(), e.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil || f.Close() != nil || string(b) != "red" {
		t.Errorf("the file: %q, %v", b, err)
	}
	if _, err := z.File(t.Context(), helpdesk.File{Ref: "99"}); connectors.Classify(err).Class != connectors.Rejected {
		t.Errorf("a file that is not there: %v", err)
	}
}

// An edit says that it is one, and what is old when it was written; what agents write has its placeholders filled
// in, which our words must not; too many words become a file.
func TestWhatACommentCannotCarry(t *testing.T) {
	s := start(t, simulator.Options{})
	z := connect(t, s)
	id := begin(t, z, "c1")
	edited := helpdesktest.Further(helpdesk.FromCustomer, "e1", "I want three.")
	edited.Message.EditedAt = time.Now()
	write(t, z, id, edited)
	write(t, z, id, helpdesktest.Further(helpdesk.FromAgent, "m2", "price {{ticket.id}}"))
	old := helpdesktest.Further(helpdesk.FromCustomer, "m0", "Long ago")
	old.At = time.Now().Add(-48 * time.Hour)
	write(t, z, id, old)
	long := helpdesktest.Further(helpdesk.FromCustomer, "m3", strings.Repeat("字", maxComment))
	long.Files = []helpdesk.Attachment{helpdesktest.File("big.bin", "", "x")}
	long.Files[0].Media.Size, long.Files[0].Link = maxFile+1, "https://desk.example.com/m/1"
	write(t, z, id, long)
	list := find(t, s, id).Comments[1:]
	if c := list[0]; !c.Public || c.Body != "Heading of e1\nI want three." {
		t.Errorf("the edit: %+v", c)
	}
	if c := list[1]; c.Public || !strings.Contains(strings.ReplaceAll(c.Body, "\u200b", ""), "price {{ticket.id}}") {
		t.Errorf("the colleague's answer: %+v", c)
	}
	if c := list[2]; c.Body != "Heading of m0\nLong ago" {
		t.Errorf("of the past: %+v", c)
	}
	if c := list[3]; len(c.Files) != 1 || !strings.Contains(string(c.Files[0].Content), long.Text) || !strings.Contains(string(c.Files[0].Content), "https://desk.example.com/m/1") {
		t.Errorf("the long message has %d files", len(c.Files))
	}
}

func TestStates(t *testing.T) {
	s := start(t, simulator.Options{})
	z := connect(t, s)
	id := begin(t, z, "c1")
	for _, step := range []struct {
		to   normalize.ConversationState
		want string
	}{{normalize.Open, "new"}, {normalize.Closed, solved}, {normalize.Closed, solved}, {normalize.Open, open}, {normalize.Closed, solved}} {
		if err := z.SetState(t.Context(), id, step.to); err != nil {
			t.Fatal(err)
		}
		if got := find(t, s, id).Status; got != step.want {
			t.Errorf("%s: %s, want %s", step.to, got, step.want)
		}
	}
	if k := find(t, s, id); k.Assignee != s.Users()[0].ID {
		t.Errorf("solved by %d", k.Assignee)
	}
	e := helpdesktest.Further(helpdesk.Remark, "r1", "not delivered")
	e.Reopen = true
	write(t, z, id, e)
	if got := find(t, s, id).Status; got != open {
		t.Errorf("after a remark: %s", got)
	}
	s.CloseForGood(helpdesktest.Number(t, id))
	if err := z.SetState(t.Context(), id, normalize.Closed); err != nil {
		t.Errorf("closed already: %v", err)
	}
	if r := read(t, z, id, ""); r.State != normalize.Closed {
		t.Errorf("reads as %s", r.State)
	}
	for what, err := range map[string]error{
		"opening": z.SetState(t.Context(), id, normalize.Open),
		"a remark": func() error {
			_, err := z.Write(t.Context(), id, helpdesktest.Further(helpdesk.Remark, "r2", "x"))
			return err
		}(),
		"a message": func() error {
			_, err := z.Write(t.Context(), id, helpdesktest.Further(helpdesk.FromCustomer, "m2", "x"))
			return err
		}(),
	} {
		if into, ok := gone(err); !ok || into != "" {
			t.Errorf("%s on a ticket that is closed for good: %v", what, err)
		}
	}
}

// An answer that nobody had read when its ticket was merged still goes out;
// what Zendesk writes about the merge does not.
func TestAMergeLosesNoAnswer(t *testing.T) {
	s := start(t, simulator.Options{})
	z := connect(t, s)
	from, into := begin(t, z, "c1"), begin(t, z, "c2")
	at := read(t, z, from, "").Position
	s.Answer(helpdesktest.Number(t, from), bob, "Yes")
	s.Merge(helpdesktest.Number(t, from), helpdesktest.Number(t, into), bob)
	r := read(t, z, from, at)
	if len(r.Entries) != 1 || r.Entries[0].Text != "Yes" || !r.More || r.State != "" {
		t.Fatalf("%+v", r)
	}
	_, err := z.Read(t.Context(), from, r.Position)
	if got, ok := gone(err); !ok || got != into {
		t.Errorf("after that: %v", err)
	}
	for what, err := range map[string]error{
		"Write": func() error {
			_, err := z.Write(t.Context(), from, helpdesktest.Further(helpdesk.FromCustomer, "m2", "x"))
			return err
		}(),
		"a remark": func() error {
			_, err := z.Write(t.Context(), from, helpdesktest.Further(helpdesk.Remark, "r2", "x"))
			return err
		}(),
		"SetState": z.SetState(t.Context(), from, normalize.Closed),
	} {
		if got, ok := gone(err); !ok || got != into {
			t.Errorf("%s: %v", what, err)
		}
	}
	if r := read(t, z, into, ""); len(r.Entries) != 1 || !r.Entries[0].Ours {
		t.Errorf("the ticket that stayed: %+v", r.Entries)
	}
}

// Who writes in the name of the customer, or quotes us, is neither an agent's
// answer nor us.
func TestReadTellsWhoWrote(t *testing.T) {
	s := start(t, simulator.Options{})
	z := connect(t, s)
	id := begin(t, z, "c1")
	s.Note(helpdesktest.Number(t, id), bob, "deskbridge m1: see above")
	other := connect(t, s)
	comment := map[string]any{"body": "as if by mail", "author_id": find(t, s, id).Requester}
	if err := other.put(t.Context(), id, map[string]any{"comment": comment}, nil); err != nil {
		t.Fatal(err)
	}
	list := read(t, z, id, "").Entries
	if len(list) != 3 || !list[0].Ours || list[1].Ours || list[1].Public || list[2].Ours || list[2].Public {
		t.Errorf("%+v", list)
	}
}

func TestALongTicketIsReadToItsEnd(t *testing.T) {
	s := start(t, simulator.Options{})
	z := connect(t, s)
	id := begin(t, z, "c1")
	const total = 230
	for i := range total {
		s.Note(helpdesktest.Number(t, id), bob, fmt.Sprint("note ", i))
	}
	count, position, more := 0, "", true
	for reads := 0; more; reads++ {
		r := read(t, z, id, position)
		if reads > 5 {
			t.Fatal("no end")
		}
		count += len(r.Entries)
		position, more = r.Position, r.More
	}
	if count != total+1 {
		t.Errorf("%d entries of %d", count, total+1)
	}
	if r := read(t, z, id, position); len(r.Entries) != 0 || r.More {
		t.Errorf("read again: %d entries", len(r.Entries))
	}
	s.Note(helpdesktest.Number(t, id), bob, "one more")
	if r := read(t, z, id, position); len(r.Entries) != 1 {
		t.Errorf("one more: %d entries", len(r.Entries))
	}
}

func TestChangedNamesWhatChangedAndWhatWasDeleted(t *testing.T) {
	s := start(t, simulator.Options{})
	z := connect(t, s)
	first, err := z.Changed(t.Context(), "")
	if err != nil || len(first.Tickets) > 0 || first.More || !strings.HasPrefix(first.Cursor, sinceTime) {
		t.Fatal(first, err) // Zendesk has no cursor yet
	}
	one, two := begin(t, z, "c1"), begin(t, z, "c2")
	look := func(cursor string, want ...string) string {
		t.Helper()
		c, err := z.Changed(t.Context(), cursor)
		if err != nil || c.More || !slices.Equal(c.Tickets, want) {
			t.Errorf("%+v, %v; want %v", c, err, want)
		}
		return c.Cursor
	}
	cursor := look(look(first.Cursor, one, two))
	s.Note(helpdesktest.Number(t, two), bob, "hm")
	s.Delete(helpdesktest.Number(t, one), bob)
	cursor = look(cursor, two, one)
	look(cursor)
	if _, err := z.Read(t.Context(), one, ""); func() bool { into, ok := gone(err); return !ok || into != "" }() {
		t.Errorf("a deleted ticket: %v", err)
	}
	begun, err := z.Changed(t.Context(), "")
	if err != nil || len(begun.Tickets) > 0 {
		t.Errorf("a new beginning: %+v, %v", begun, err)
	}
}

func TestTooManyRequestsAreWaitedFor(t *testing.T) {
	s := start(t, simulator.Options{ExportsPerMinute: 1, Recent: time.Minute})
	z := connect(t, s, func(c *Config) { c.APIToken, c.OAuthToken = "", configs.Secret(s.OAuthToken()) })
	if _, err := z.Changed(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	_, err := z.Changed(t.Context(), "")
	if e := connectors.Classify(err); e.Class != connectors.Throttled || e.RetryAfter < 50*time.Second {
		t.Errorf("%v after %s", e, e.RetryAfter)
	}
}

// A wrong address is not a deleted ticket.
func TestOnlyZendeskSaysThatATicketIsGone(t *testing.T) {
	s := start(t, simulator.Options{})
	_, err := connect(t, s).Read(t.Context(), "4711", "")
	if into, ok := gone(err); !ok || into != "" {
		t.Errorf("no such ticket: %v", err)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	_, err = connect(t, s, func(c *Config) { c.URL = other.URL }).Read(t.Context(), "4711", "")
	if connectors.Classify(err).Class != connectors.AccountDown {
		t.Errorf("another server: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	const url, email = "https://acme.zendesk.com", "desk@acme.com"
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{URL: url, Email: email, APIToken: "x"}, ""},
		{Config{URL: url, OAuthToken: "x"}, ""},
		{Config{URL: "acme.zendesk.com", OAuthToken: "x"}, "url"},
		{Config{URL: url + "/agent", OAuthToken: "x"}, "url"},
		{Config{URL: url}, "api_token"},
		{Config{URL: url, APIToken: "x"}, "email"},
		{Config{URL: url, APIToken: "x", Email: email + "/token"}, "email"},
		{Config{URL: url, APIToken: "x", Email: email, OAuthToken: "x"}, "oauth_token"},
		{Config{URL: url, OAuthToken: "x", PollInterval: time.Second}, "poll_interval"},
	} {
		if c.cfg.PollInterval == 0 {
			c.cfg.PollInterval = time.Minute
		}
		var keys []string
		for _, err := range c.cfg.Validate() {
			if e, ok := errors.AsType[*configs.KeyError](err); ok {
				keys = append(keys, e.Key)
			}
		}
		if got := strings.Join(keys, " "); got != c.want {
			t.Errorf("%+v: %q, want %q", c.cfg, got, c.want)
		}
	}
}
