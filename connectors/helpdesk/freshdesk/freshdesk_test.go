package freshdesk

import (
	"errors"
	"fmt"
	"io"
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
	simulated "github.com/deskbridge/deskbridge/connectors/simulator/freshdesk"
	"github.com/deskbridge/deskbridge/normalize"
)

func draft(tag string, e helpdesk.Entry) *helpdesk.Draft {
	e.Tag = "m" + tag
	return helpdesktest.Draft("c"+tag, e)
}

func open(t *testing.T, f *Freshdesk, tag string, e helpdesk.Entry) *helpdesk.Opened {
	t.Helper()
	o, err := f.Open(t.Context(), draft(tag, e))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// What agents see of a rich mail, from nobody whom Freshdesk could write to.
func TestATicketShowsWhoAndWhat(t *testing.T) {
	s := product(t, simulated.Options{})
	f := account(t, s.URL(), nil)
	pic := helpdesktest.File("größe.png", "image/png", "PNG")
	pic.Media.ContentID = "pic@x"
	large := helpdesktest.File("film.mp4", "video/mp4", "x")
	large.Media.Size = maxFiles + 1
	o := open(t, f, "1", helpdesk.Entry{
		Text: "See the picture", HTML: `<p>See <img src="cid:pic@x" alt="it"> <b>here</b></p>`, Footing: []string{"Answers until noon."},
		Files: []helpdesk.Attachment{pic, large},
	})
	k := s.Tickets()[0]
	if o.Ticket != "1" || o.URL != s.URL()+"/a/tickets/1" || o.Entry != "t1" || k.Subject != "Parcel" || k.Source != sourcePortal || !slices.Equal(k.Tags, []string{"db-c1", "telegram"}) {
		t.Errorf("%+v %+v", o, k)
	}
	if k.Requester.Name != "Ann Lee" || k.Requester.Email+k.Requester.Phone != "" || !strings.HasPrefix(k.Requester.UniqueExternalID, "deskbridge-") {
		t.Errorf("the requester: %+v", k.Requester)
	}
	for _, want := range []string{"<b>here</b>", "Answers until noon.", "Also known as: ann@example.com", "film.mp4", "https://files.example/film.mp4", "[deskbridge:m1]"} {
		if !strings.Contains(k.Description, want) {
			t.Errorf("%q is missing: %s", want, k.Description)
		}
	}
	if strings.Contains(k.Description, "cid:") || len(k.Attachments) != 1 || k.Attachments[0].Name != "größe.png" || k.Attachments[0].ContentType != "image/png" || string(k.Attachments[0].Content) != "PNG" {
		t.Errorf("files: %+v %s", k.Attachments, k.Description)
	}
	call := &normalize.Message{ID: 5, Parts: []normalize.Part{{Kind: normalize.PartCall, Call: &normalize.Call{State: normalize.CallMissed}}}}
	open(t, f, "2", helpdesk.Entry{Text: "[call] missed", Message: call})
	if k := s.Tickets()[1]; k.Source != sourcePhone || k.Requester.ID != s.Tickets()[0].Requester.ID {
		t.Errorf("a call: %+v", k)
	}
}

// Freshdesk bounds the files of a ticket in all. What it does not take stands
// there as a link, so that the words arrive.
func TestFilesBeyondWhatATicketHolds(t *testing.T) {
	s := product(t, simulated.Options{})
	f := account(t, s.URL(), nil)
	film := strings.Repeat("x", 8<<20)
	o := open(t, f, "1", helpdesk.Entry{Text: "Hello", Files: []helpdesk.Attachment{helpdesktest.File("1.mp4", "video/mp4", film)}})
	for n := 2; n < 4; n++ {
		e := &helpdesk.Entry{Tag: fmt.Sprint("m", n), Kind: helpdesk.FromCustomer, Text: "More", Files: []helpdesk.Attachment{helpdesktest.File(fmt.Sprint(n, ".mp4"), "video/mp4", film)}}
		if _, err := f.Write(t.Context(), o.Ticket, e); err != nil {
			t.Fatal(err)
		}
	}
	list := s.Tickets()[0].Conversations
	if len(list) != 2 || len(list[0].Attachments) != 1 || len(list[1].Attachments) != 0 || !strings.Contains(list[1].Body, "https://files.example/3.mp4") {
		t.Errorf("%d notes", len(list))
	}
}

func TestKindsOfNote(t *testing.T) {
	s := product(t, simulated.Options{})
	f := account(t, s.URL(), nil)
	o := open(t, f, "1", helpdesk.Entry{Text: "Hello"})
	for _, e := range []helpdesk.Entry{
		{Tag: "m2", Kind: helpdesk.FromAgent, Text: "Yes.", Heading: "Zhao answered"},
		{Tag: "m3", Kind: helpdesk.Remark, Text: "Not delivered.", Heading: "Deskbridge"},
		{Tag: "m4", Kind: helpdesk.FromCustomer, Text: "Three.", Heading: "Ann: it now says", Message: &normalize.Message{ID: 6, EditedAt: time.Now()}},
		{Tag: "m5", Kind: helpdesk.FromCustomer, Text: strings.Repeat("語", maxBody), Message: &normalize.Message{ID: 7}},
	} {
		if _, err := f.Write(t.Context(), o.Ticket, &e); err != nil {
			t.Fatal(err)
		}
	}
	k := s.Tickets()[0]
	var got []string
	for _, c := range k.Conversations {
		got = append(got, fmt.Sprintf("private=%t incoming=%t by %s: %.40s", c.Private, c.Incoming, s.Name(c.UserID), strings.ReplaceAll(c.Body, "\n", "")))
		if len(c.Body) > maxBody {
			t.Errorf("%d bytes", len(c.Body))
		}
	}
	want := []string{
		"private=false incoming=false by Deskbridge: <p>Zhao answered</p><p>Yes.</p><p style=",
		"private=true incoming=false by Deskbridge: <p>Deskbridge</p><p>Not delivered.</p><p",
		"private=false incoming=true by Ann Lee: <p>Ann: it now says</p><p>Three.</p><p s",
		"private=false incoming=true by Ann Lee: <p>" + strings.Repeat("語", 37),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

// An agent's words go out whatever they quote; what we wrote does not.
func TestWhatAgentsWrite(t *testing.T) {
	s := product(t, simulated.Options{})
	f := account(t, s.URL(), nil)
	o := open(t, f, "1", helpdesk.Entry{Text: "Hello"})
	if _, err := f.Write(t.Context(), o.Ticket, &helpdesk.Entry{Tag: "m2", Kind: helpdesk.FromCustomer, Text: "More [deskbridge:m9]"}); err != nil {
		t.Fatal(err)
	}
	p := person{s}
	zoe := simulated.Agent{Name: "Zoë Zhao", Email: "zoe@example.com"}
	for _, e := range []simulated.Entry{
		{
			Agent: zoe, Body: `<b>Look</b> <img src="http://10.0.0.1/inside"> <img src="http://10.0.0.1/inline/attachment?token=x"> [deskbridge:m2] `,
			Pictures: []simulated.Attachment{{Name: "x.png", ContentType: "image/png", Content: []byte("PNG")}},
		},
		{Body: "inside", Private: true},
		{Body: `<div>By the editor for replies</div><div class="freshdesk_quote"><blockquote>Hello</blockquote></div>`, Reply: true},
	} {
		p.write(t, o.Ticket, e)
	}
	r, err := f.Read(t.Context(), o.Ticket, "")
	if err != nil || len(r.Entries) != 5 || r.More {
		t.Fatalf("%+v, %v", r, err)
	}
	for i, tag := range []string{"m1", "m2"} {
		if e := r.Entries[i]; !e.Ours || e.Tag != tag || e.Public {
			t.Errorf("ours: %+v", e)
		}
	}
	e := r.Entries[2]
	if e.Ours || !e.Public || e.Author != (normalize.Author{Name: "Zoë Zhao", Email: "zoe@example.com"}) {
		t.Errorf("%+v", e)
	}
	if len(e.Files) != 2 || !strings.Contains(e.HTML, `src="cid:`+e.Files[1].Ref+`"`) || strings.Contains(e.Files[1].Ref, "token") {
		t.Fatalf("the picture: %+v in %s", e.Files, e.HTML)
	}
	file, err := f.File(t.Context(), e.Files[1])
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(file); string(b) != "PNG" || err != nil || file.Close() != nil {
		t.Errorf("the picture is %q, %v", b, err)
	}
	if n := r.Entries[3]; n.Public || n.Ours || n.Author.Name != "Bob Builder" {
		t.Errorf("the note: %+v", n)
	}
	if a := r.Entries[4]; !a.Public || strings.TrimSpace(a.Text) != "By the editor for replies" {
		t.Errorf("the reply: %+v", a)
	}
	for _, ref := range []string{"1/2", "1/77/3", e.Files[0].Ref, "1/" + e.ID + "/p7", "99/5/6"} {
		if _, err := f.File(t.Context(), helpdesk.File{Ref: ref}); helpdesktest.Class(t, err) != connectors.Rejected {
			t.Errorf("file %s: %v", ref, err)
		}
	}
}

func TestALongTicketIsReadInPages(t *testing.T) {
	s := product(t, simulated.Options{})
	f := account(t, s.URL(), nil)
	o := open(t, f, "1", helpdesk.Entry{Text: "Hello"})
	p := person{s}
	for n := range 250 {
		p.Answer(t, o.Ticket, fmt.Sprintf("answer %d", n))
	}
	r, err := f.Read(t.Context(), o.Ticket, "")
	if err != nil || len(r.Entries) != 251 || r.More || r.Position != "3" {
		t.Fatalf("%d entries, %v to %s, %v", len(r.Entries), r.More, r.Position, err)
	}
	last := p.Answer(t, o.Ticket, "the last")
	if r, err = f.Read(t.Context(), o.Ticket, r.Position); err != nil || len(r.Entries) != 151 || r.Entries[150].ID != last {
		t.Errorf("%d entries, %v", len(r.Entries), err)
	}
}

// An answer that was written just before its ticket was merged is read there;
// then the ticket is said to be gone.
func TestAMergeLosesNoAnswer(t *testing.T) {
	s := product(t, simulated.Options{})
	f := account(t, s.URL(), nil)
	o, into := open(t, f, "1", helpdesk.Entry{Text: "Hello"}), open(t, f, "2", helpdesk.Entry{Text: "Another"})
	p := person{s}
	answer := p.Answer(t, o.Ticket, "Just in time")
	p.Merge(t, o.Ticket, into.Ticket)
	r, err := f.Read(t.Context(), o.Ticket, "1")
	if err != nil || !r.More || !slices.ContainsFunc(r.Entries, func(e helpdesk.Written) bool { return e.ID == answer && e.Public }) {
		t.Fatalf("%+v, %v", r, err)
	}
	_, err = f.Read(t.Context(), o.Ticket, r.Position)
	if gone, ok := errors.AsType[*helpdesk.Gone](err); !ok || gone.Into != into.Ticket {
		t.Errorf("the merged ticket: %v", err)
	}
	_, err = f.Write(t.Context(), o.Ticket, &helpdesk.Entry{Tag: "m9", Kind: helpdesk.FromCustomer, Text: "x"})
	if gone, ok := errors.AsType[*helpdesk.Gone](err); !ok || gone.Into != into.Ticket {
		t.Errorf("written on the merged ticket: %v", err)
	}
	// Somebody opens it again: it is a ticket like any other.
	p.Reopen(t, o.Ticket)
	if r, err = f.Read(t.Context(), o.Ticket, r.Position); err != nil || r.State != normalize.Open {
		t.Errorf("%+v, %v", r, err)
	}
}

// What was made a moment ago is found although the search does not know it yet.
func TestFindNeedsNoIndex(t *testing.T) {
	s := product(t, simulated.Options{IndexLag: time.Hour})
	f := account(t, s.URL(), nil)
	s.Faults.Add(fault.Fault{Kind: fault.Lose, Path: "/tickets"})
	if _, err := f.Open(t.Context(), draft("1", helpdesk.Entry{Text: "x"})); helpdesktest.Class(t, err) != connectors.Ambiguous {
		t.Fatalf("a lost answer: %v", err)
	}
	if o, err := f.Find(t.Context(), "c1"); err != nil || o == nil || o.Ticket != "1" || o.Entry != "t1" {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := f.Find(t.Context(), "c2"); err != nil || o != nil {
		t.Errorf("%+v, %v", o, err)
	}
	if l := label(strings.Repeat("c", 60)); len(l) > maxLabel {
		t.Errorf("label %s", l)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	s := product(t, simulated.Options{})
	f := account(t, s.URL(), nil)
	if err := f.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := draft("1", helpdesk.Entry{Text: "x"})
	d.Subject = ""
	if _, err := f.Open(t.Context(), d); helpdesktest.Class(t, err) != connectors.Rejected || !strings.Contains(err.Error(), "subject") {
		t.Errorf("a refused field: %v", err)
	}
	s.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "/tickets", Status: 403})
	if _, err := f.Changed(t.Context(), ""); helpdesktest.Class(t, err) != connectors.AccountDown {
		t.Errorf("without permission: %v", err)
	}
	if _, err := f.Changed(t.Context(), "yesterday"); helpdesktest.Class(t, err) != connectors.Rejected {
		t.Errorf("not a cursor: %v", err)
	}
	if _, err := f.Read(t.Context(), "99", ""); errors.As(err, new(*connectors.Error)) {
		t.Errorf("a deleted ticket: %v", err)
	}
	// A key that may not see other agents still tells answers from notes.
	o := open(t, f, "1", helpdesk.Entry{Text: "Hello"})
	person{s}.Answer(t, o.Ticket, "Yes")
	s.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "/agents/", Status: 403})
	if r, err := f.Read(t.Context(), o.Ticket, ""); err != nil || !strings.HasPrefix(r.Entries[1].Author.Name, "Agent ") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestTheLimitOfRequestsIsKept(t *testing.T) {
	s := product(t, simulated.Options{PerMinute: 1})
	f := account(t, s.URL(), nil)
	if err := f.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := f.Open(t.Context(), draft("1", helpdesk.Entry{Text: "x"}))
	e, ok := errors.AsType[*connectors.Error](err)
	if !ok || e.Class != connectors.Throttled || e.RetryAfter <= 0 || e.RetryAfter > time.Minute {
		t.Errorf("%v", err)
	}
}

func TestCalls(t *testing.T) {
	f := account(t, "https://example.freshdesk.com", nil)
	basic := func(password string) http.Header {
		return http.Header{"Authorization": {simulated.Basic("deskbridge", password)}}
	}
	shown := http.Header{SecretHeader: {secret}}
	for _, c := range []struct {
		name   string
		header http.Header
		body   string
		want   string
		err    error
	}{
		{"a header", shown, `{"ticket_id":"12"}`, "12", nil},
		{"a password", basic(secret), `{"ticket_id":12}`, "12", nil},
		{"ticked fields", shown, `{"freshdesk_webhook":{"ticket_id":12,"ticket_subject":"x"}}`, "12", nil},
		{"a number as people write it", shown, `{"ticket_id":"#12"}`, "12", nil},
		{"another password", basic("secret"), `{"ticket_id":12}`, "", connectors.ErrForged},
		{"nothing", http.Header{}, `{"ticket_id":12}`, "", connectors.ErrForged},
		{"an empty one", http.Header{SecretHeader: {""}}, `{"ticket_id":12}`, "", connectors.ErrForged},
		{"a path", shown, `{"ticket_id":"../agents"}`, "", connectors.ErrMalformed},
		{"no ticket", shown, `{"ticket_id":null}`, "", connectors.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := f.Parse(t.Context(), &connectors.Request{Header: c.header, Body: []byte(c.body)})
			if !errors.Is(err, c.err) || strings.Join(got, " ") != c.want {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	f = account(t, "https://example.freshdesk.com", func(c *Config) { c.WebhookSecret = "" })
	if _, _, err := f.Parse(t.Context(), &connectors.Request{Header: http.Header{}, Body: []byte(`{"ticket_id":1}`)}); !errors.Is(err, connectors.ErrForged) {
		t.Errorf("without a secret: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	c := newConfig()
	c.URL, c.APIKey, c.WebhookSecret, c.PollInterval = "example.freshdesk.com", "key:X", "short", time.Millisecond
	var keys []string
	for _, err := range c.Validate() {
		if e, ok := errors.AsType[*configs.KeyError](err); ok {
			keys = append(keys, e.Key)
		}
	}
	if !slices.Equal(keys, []string{"url", "api_key", "webhook_secret", "poll_interval"}) {
		t.Errorf("complaints about %v", keys)
	}
}

// docs/freshdesk.md names what the code relies on.
func TestThePageSaysWhatIsNeeded(t *testing.T) {
	page, err := os.ReadFile("../../../docs/freshdesk.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{SecretHeader, "/webhooks/", `"ticket_id"`, "webhook_secret", "[deskbridge:", "merged into ticket", "e-mail address", "poll_interval"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not mention %q", want)
		}
	}
}
