package zammad

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulated "github.com/deskbridge/deskbridge/connectors/simulator/zammad"
	"github.com/deskbridge/deskbridge/normalize"
)

func open(t *testing.T, z *Zammad, e helpdesk.Entry) *helpdesk.Opened {
	t.Helper()
	o, err := z.Open(t.Context(), helpdesktest.Draft("c1", e))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// What agents see of a rich mail: its pictures in place, its files beside it,
// what is known of the customer below, and nobody whom Zammad could mail.
func TestATicketShowsWhoAndWhat(t *testing.T) {
	s := product(t, simulated.Options{})
	z := account(t, s.URL(), nil)
	pic := helpdesktest.File("pic.png", "image/png", "PNG")
	pic.Media.ContentID = "pic@x"
	large := helpdesktest.File("film.mp4", "video/mp4", "x")
	large.Media.Size = maxFiles + 1
	o := open(t, z, helpdesk.Entry{
		Text: "See the picture", HTML: `<p>See <img src="cid:pic@x" alt="it"> <b>here</b></p>`, Footing: []string{"Answers until noon."},
		Files: []helpdesk.Attachment{pic, helpdesktest.File("bill.pdf", "application/pdf", "PDF"), large},
	})
	k := s.Tickets()[0]
	a := k.Articles[0]
	if o.URL != s.URL()+"/#ticket/zoom/1" || o.Entry == "" || k.Title != "Parcel" || k.Group != "Users" || !slices.Equal(k.Tags, []string{"telegram"}) {
		t.Errorf("%+v %+v", o, k)
	}
	if k.Customer.Name() != "Ann Lee" || k.Customer.Email != "" || k.Customer.Phone != "+15550100" {
		t.Errorf("the customer: %+v", k.Customer)
	}
	if a.Sender != "Customer" || a.Type != "web" || a.Internal || a.ContentType != "text/html" {
		t.Errorf("the article: %+v", a)
	}
	for _, want := range []string{"data:image/png;base64,UE5H", "<b>here</b>", "Answers until noon.", "Also known as: ann@example.com", "film.mp4", "https://files.example/film.mp4"} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("%q is missing: %s", want, a.Body)
		}
	}
	if len(a.Attachments) != 1 || a.Attachments[0].Name != "bill.pdf" || string(a.Attachments[0].Content) != "PDF" {
		t.Errorf("files: %+v", a.Attachments)
	}
}

// A web server may take less than Zammad does: then the words arrive all the
// same, with links to the files.
func TestFilesBeyondWhatTheServerTakes(t *testing.T) {
	s := product(t, simulated.Options{})
	z := account(t, s.URL(), nil)
	s.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "/tickets", Status: 413, Body: "<html>"})
	open(t, z, helpdesk.Entry{Text: "Hello", Files: []helpdesk.Attachment{helpdesktest.File("bill.pdf", "application/pdf", "PDF")}})
	a := s.Tickets()[0].Articles[0]
	if len(a.Attachments) != 0 || !strings.Contains(a.Body, "Hello") || !strings.Contains(a.Body, "https://files.example/bill.pdf") {
		t.Errorf("%+v", a)
	}
}

func TestKindsOfArticle(t *testing.T) {
	s := product(t, simulated.Options{})
	z := account(t, s.URL(), nil)
	call := &normalize.Message{ID: 5, Parts: []normalize.Part{{Kind: normalize.PartCall, Call: &normalize.Call{State: normalize.CallMissed}}}}
	o := open(t, z, helpdesk.Entry{Text: "[call] missed", Message: call})
	for _, e := range []helpdesk.Entry{
		{Tag: "m2", Kind: helpdesk.FromAgent, Text: "Yes.", Heading: "Zhao answered"},
		{Tag: "m3", Kind: helpdesk.Remark, Text: "Not delivered.", Heading: "Deskbridge"},
		{Tag: "m4", Kind: helpdesk.FromCustomer, Text: "Three.", Heading: "Ann: it now says", Message: &normalize.Message{ID: 6, EditedAt: time.Now()}},
		{Tag: "m5", Kind: helpdesk.FromCustomer, Text: strings.Repeat("語", maxBody/2), Message: &normalize.Message{ID: 7}},
	} {
		if _, err := z.Write(t.Context(), o.Ticket, &e); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, a := range s.Tickets()[0].Articles {
		kind := a.Sender + " " + a.Type
		if a.Internal {
			kind += " internal"
		}
		got = append(got, kind+": "+strings.ReplaceAll(a.Body[:min(len(a.Body), 40)], "\n", "|"))
		if len(a.Body) > maxBody+10 || !strings.HasSuffix(a.Body, "[...]") && len(a.Body) > 1000 {
			t.Errorf("%d bytes, ending in %q", len(a.Body), a.Body[len(a.Body)-10:])
		}
	}
	want := []string{
		"Customer phone: [call] missed||--|Address: +15550100|Als", "Agent note: Zhao answered||Yes.",
		"Agent note internal: Deskbridge||Not delivered.", "Customer web: Ann: it now says||Three.", "Customer web: " + strings.Repeat("語", 13) + "語"[:1],
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

// Only public notes of agents go to the customer: not what Zammad mails by
// itself, telephone notes, the word "merged", or what a customer says elsewhere.
func TestWhatAgentsWrite(t *testing.T) {
	s := product(t, simulated.Options{})
	z := account(t, s.URL(), nil)
	o := open(t, z, helpdesk.Entry{Text: "Hello"})
	first, err := z.Read(t.Context(), o.Ticket, "")
	if err != nil || len(first.Entries) != 1 || !first.Entries[0].Ours || first.Entries[0].Tag != "m1" || first.Entries[0].ID != o.Entry {
		t.Fatalf("%+v, %v", first, err)
	}
	p := person{s}
	for _, e := range []simulated.Entry{
		{Body: `<b>Look</b> at <img src="/api/v1/ticket_attachment/1/77/88?view=inline" style="x"> &lt;m1@deskbridge.invalid&gt;`, Agent: simulated.Agent{Name: "Zoë Zhao", Email: "zoe@example.com"}},
		{Body: "inside", Internal: true},
		{Body: "mailed", Type: "email"},
		{Body: "on the phone", Type: "phone"},
	} {
		p.write(t, o.Ticket, e)
	}
	r, err := z.Read(t.Context(), o.Ticket, first.Position)
	if err != nil {
		t.Fatal(err)
	}
	var public []helpdesk.Written
	for _, e := range r.Entries {
		if e.Public && !e.Ours {
			public = append(public, e)
		}
	}
	if len(public) != 1 || len(r.Entries) != 5 {
		t.Fatalf("%d of %d are public", len(public), len(r.Entries))
	}
	e := public[0]
	if e.Author != (normalize.Author{Name: "Zoë Zhao", Email: "zoe@example.com"}) || !strings.HasPrefix(e.Text, "Look at") || e.Ours {
		t.Errorf("%+v", e)
	}
	if !strings.Contains(e.HTML, `src="cid:1/77/88" style`) || len(e.Files) != 1 || e.Files[0].Ref != "1/77/88" {
		t.Errorf("%s %+v", e.HTML, e.Files)
	}
	if _, err := z.File(t.Context(), e.Files[0]); helpdesktest.Class(t, err) != connectors.Rejected {
		t.Errorf("a file that does not exist: %v", err)
	}
}

// An answer that was written just before its ticket was merged is read on the
// other one, although it is older than what was read there.
func TestAMergeLosesNoAnswer(t *testing.T) {
	s := product(t, simulated.Options{})
	z := account(t, s.URL(), nil)
	o := open(t, z, helpdesk.Entry{Text: "Hello"})
	p := person{s}
	answer := p.Answer(t, o.Ticket, "Just in time")
	d := helpdesktest.Draft("c2", helpdesk.Entry{Text: "Another", Tag: "m2"})
	into, err := z.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	before, err := z.Read(t.Context(), into.Ticket, "")
	if err != nil {
		t.Fatal(err)
	}
	p.Merge(t, o.Ticket, into.Ticket)
	_, err = z.Read(t.Context(), o.Ticket, "")
	if gone, ok := errors.AsType[*helpdesk.Gone](err); !ok || gone.Into != into.Ticket {
		t.Fatalf("the merged ticket: %v", err)
	}
	r, err := z.Read(t.Context(), into.Ticket, before.Position)
	if err != nil || !slices.ContainsFunc(r.Entries, func(e helpdesk.Written) bool { return e.ID == answer && e.Public }) {
		t.Errorf("%+v, %v", r, err)
	}
	if found, err := z.Find(t.Context(), "c1"); err != nil || found.Ticket != into.Ticket || found.Entry != o.Entry {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestAGroupWithoutFollowUps(t *testing.T) {
	s := product(t, simulated.Options{Groups: []string{"Once"}, Strict: []string{"Once"}})
	z := account(t, s.URL(), func(c *Config) { c.Group = "Once" })
	o := open(t, z, helpdesk.Entry{Text: "Hello"})
	if err := z.SetState(t.Context(), o.Ticket, normalize.Closed); err != nil {
		t.Fatal(err)
	}
	_, err := z.Write(t.Context(), o.Ticket, &helpdesk.Entry{Tag: "m2", Kind: helpdesk.FromCustomer, Text: "Again", Reopen: true})
	if gone, ok := errors.AsType[*helpdesk.Gone](err); !ok || gone.Into != "" {
		t.Errorf("a closed ticket is as good as gone: %v", err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	s := product(t, simulated.Options{})
	z := account(t, s.URL(), nil)
	if err := z.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := account(t, s.URL(), func(c *Config) { c.Group = "Sales" }).Open(t.Context(), helpdesktest.Draft("c1", helpdesk.Entry{Text: "x"}))
	if helpdesktest.Class(t, err) != connectors.AccountDown || !strings.Contains(err.Error(), "check group") {
		t.Errorf("an unknown group: %v", err)
	}
	s.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "/ticket_states", Status: 403})
	if err := z.Probe(t.Context()); helpdesktest.Class(t, err) != connectors.AccountDown || !strings.Contains(err.Error(), "ticket.agent") {
		t.Errorf("without permission: %v", err)
	}
	s.Faults.Add(fault.Fault{Kind: fault.Lose, Path: "/tickets"})
	if _, err := z.Open(t.Context(), helpdesktest.Draft("c1", helpdesk.Entry{Text: "x"})); helpdesktest.Class(t, err) != connectors.Ambiguous {
		t.Errorf("a lost answer: %v", err)
	}
	if found, err := z.Find(t.Context(), "c1"); err != nil || found == nil || found.Entry == "" {
		t.Errorf("what was taken is not found: %+v, %v", found, err)
	}
	s.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "/tickets", Status: 429, RetryAfter: 3 * time.Second})
	_, err = z.Read(t.Context(), "1", "")
	if e, ok := errors.AsType[*connectors.Error](err); !ok || e.Class != connectors.Throttled || e.RetryAfter != 3*time.Second {
		t.Errorf("asked to wait: %v", err)
	}
	if _, err := z.Changed(t.Context(), "yesterday"); helpdesktest.Class(t, err) != connectors.Rejected {
		t.Errorf("not a cursor: %v", err)
	}
}

func TestChangedGoesOnWhereItWas(t *testing.T) {
	s := product(t, simulated.Options{})
	z := account(t, s.URL(), nil)
	o := open(t, z, helpdesk.Entry{Text: "x"})
	c, err := z.Changed(t.Context(), "")
	if err != nil || len(c.Tickets) != 0 || c.More {
		t.Fatalf("%+v, %v", c, err)
	}
	person{s}.Close(t, o.Ticket)
	if c, err = z.Changed(t.Context(), c.Cursor); err != nil || !slices.Contains(c.Tickets, o.Ticket) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestCallsNeedTheSecret(t *testing.T) {
	s := product(t, simulated.Options{})
	o := open(t, account(t, s.URL(), nil), helpdesk.Entry{Text: "x"})
	z := account(t, s.URL(), func(c *Config) { c.WebhookSecret = "" })
	if _, _, err := z.Parse(t.Context(), person{s}.Call(t, o.Ticket)); !errors.Is(err, connectors.ErrForged) {
		t.Errorf("without a secret: %v", err)
	}
	z = account(t, s.URL(), nil)
	signed := func(body string) ([]string, error) {
		r := &connectors.Request{Header: http.Header{"X-Hub-Signature": {simulated.Sign(secret, []byte(body))}}, Body: []byte(body)}
		tickets, _, err := z.Parse(t.Context(), r)
		return tickets, err
	}
	if _, err := signed(`{"ticket":{"id":"1"}}`); !errors.Is(err, connectors.ErrMalformed) {
		t.Errorf("signed nonsense: %v", err)
	}
	if got, err := signed(`{"ticket":{"id":1},"article":null}`); err != nil || !slices.Equal(got, []string{"1"}) {
		t.Errorf("a changed state: %v, %v", got, err)
	}
	if got, err := signed(`{"ticket":{"id":1},"article":{"id":2,"message_id":"<m1@deskbridge.invalid>"}}`); err != nil || len(got) != 0 {
		t.Errorf("our own article: %v, %v", got, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	c := newConfig()
	c.URL, c.Token, c.PollInterval = "zammad.example.com", "two words", time.Millisecond
	var keys []string
	for _, err := range c.Validate() {
		if e, ok := errors.AsType[*configs.KeyError](err); ok {
			keys = append(keys, e.Key)
		}
	}
	if !slices.Equal(keys, []string{"url", "token", "poll_interval"}) {
		t.Errorf("complaints about %v", keys)
	}
}

// docs/zammad.md names the conditions, the permission and the header that the
// code relies on.
func TestThePageSaysWhatIsNeeded(t *testing.T) {
	page, err := os.ReadFile("../../../docs/zammad.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ticket.agent", "X-Hub-Signature", "/webhooks/", "webhook_secret", "public", "e-mail address", "poll_interval"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not mention %q", want)
		}
	}
}
