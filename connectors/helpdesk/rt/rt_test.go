package rt_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/helpdesk/rt"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func open(t *testing.T, c *rt.Config) *rt.Helpdesk {
	t.Helper()
	h := connect(t, c)
	if err := h.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

func connect(t testing.TB, c *rt.Config) *rt.Helpdesk {
	t.Helper()
	c.Queue, c.PollInterval = testenv.RTQueue, time.Second
	if errs := c.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	h, err := rt.New(c, connectors.Deps{
		Account: normalize.Account{Name: "rt", Type: "rt"}, Log: slog.New(slog.DiscardHandler), HTTP: &http.Client{Transport: &http.Transport{}},
		Clock: connectors.SystemClock{}, MaxMedia: 25 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close(context.Background()) })
	return h
}

func attach(name, contentType string, content []byte) helpdesk.Attachment {
	return helpdesk.Attachment{
		Media: &normalize.Media{ID: normalize.NewID(time.Now()), Name: name, ContentType: contentType, Size: int64(len(content))},
		Open:  func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
}

func draft(tag, text string, files ...helpdesk.Attachment) *helpdesk.Draft {
	zhang := &normalize.Customer{ID: normalize.NewID(time.Now()), Name: "张三", Addresses: []normalize.Address{{Kind: "email", Value: "zhang@customers.test"}}}
	return &helpdesk.Draft{
		Tag: tag, Subject: "Where is my order? 你好",
		Conversation: &normalize.Conversation{ID: normalize.NewID(time.Now()), Customer: zhang, Address: zhang.Addresses[0]},
		First:        &helpdesk.Entry{Tag: tag + "-1", Kind: helpdesk.FromCustomer, Author: "张三", Heading: "张三 wrote by e-mail", Text: text, Files: files},
		Facts:        []helpdesk.Fact{{Name: "Address", Value: "zhang@customers.test"}},
	}
}

func TestTicketsOfTheRealProduct(t *testing.T) {
	r := testenv.StartRT(t)
	h := open(t, &rt.Config{URL: r.URL + "/", Token: configs.Secret(r.Token)})
	ann := r.As("ann")
	ctx := t.Context()

	start, err := h.Changed(ctx, "")
	if err != nil || len(start.Tickets) != 0 {
		t.Fatalf("the first look found %v, %v", start.Tickets, err)
	}
	gbk := []byte("\xc4\xe3\xba\xc3")
	o, err := h.Open(ctx, draft("tag-1", "It has not come. ☎", attach("标签.png", "image/png", []byte("\x89PNG\x00\xff")), attach("note.txt", "text/plain", gbk), attach("empty", "", nil)))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := h.Find(ctx, "tag-1"); err != nil || found == nil || *found != *o {
		t.Errorf("found %+v, %v; want %+v", found, err, o)
	}
	if found, err := h.Find(ctx, "tag-2"); err != nil || found != nil {
		t.Errorf("found %+v, %v for a tag that was never used", found, err)
	}
	seen := ann.History(o.Ticket)
	if len(seen) != 1 || !strings.Contains(seen[0].Text, "It has not come. ☎") || !strings.Contains(seen[0].Text, "Address: zhang@customers.test") {
		t.Fatalf("an agent sees %+v", seen)
	}
	if f := seen[0].Files; len(f) != 3 || f[0].Name != "标签.png" || string(f[0].Content) != "\x89PNG\x00\xff" || !bytes.Equal(f[1].Content, gbk) {
		t.Errorf("an agent sees the files %+v", f)
	}
	if s := ann.Ticket(o.Ticket); s.Subject != "Where is my order? 你好" || len(s.Requestor) != 1 {
		t.Errorf("an agent sees the ticket %+v", s)
	}

	// What agents do, in order, and what we write between.
	answer := ann.CorrespondHTML(o.Ticket, "<p>On its <b>way</b></p>", testenv.RTFile{Name: "快递单.pdf", Type: "application/pdf", Content: []byte("%PDF \x00\xff")})
	ours, err := h.Write(ctx, o.Ticket, &helpdesk.Entry{Tag: "tag-2", Kind: helpdesk.FromCustomer, Heading: "张三 wrote", Text: "Thanks!"})
	if err != nil {
		t.Fatal(err)
	}
	note := ann.Comment(o.Ticket, "A difficult one.")
	if _, err = h.Write(ctx, o.Ticket, &helpdesk.Entry{Tag: "tag-3", Kind: helpdesk.Remark, Text: "Could not be delivered."}); err != nil {
		t.Fatal(err)
	}
	quoted := r.As("bob").Correspond(o.Ticket, "> Thanks!\n[tag-2]\nWelcome.")
	got, err := h.Read(ctx, o.Ticket, "")
	if err != nil {
		t.Fatal(err)
	}
	var order, public, mine []string
	for _, e := range got.Entries {
		order = append(order, e.ID)
		if e.Public {
			public = append(public, e.ID)
		}
		if e.Ours {
			mine = append(mine, e.Tag)
		}
		switch e.ID {
		case answer:
			if e.Text != "On its way" || !strings.Contains(e.HTML, "<b>way</b>") || e.Author != (normalize.Author{Name: "Ann Lee", Email: "ann@desk.test"}) || time.Since(e.At).Abs() > time.Hour {
				t.Errorf("the answer was read as %+v", e)
			}
			if len(e.Files) != 1 || e.Files[0].Name != "快递单.pdf" || e.Files[0].Size != 7 {
				t.Fatalf("its files were read as %+v", e.Files)
			}
			f, err := h.File(ctx, e.Files[0])
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(f); err != nil || string(b) != "%PDF \x00\xff" {
				t.Errorf("the file was read as %q, %v", b, err)
			}
		case note:
			if e.Text != "A difficult one." {
				t.Errorf("the note was read as %+v", e)
			}
		}
	}
	if want := []string{o.Entry, answer, ours, note}; len(order) != 6 || !slices.Equal(order[:4], want) || order[5] != quoted {
		t.Errorf("read in the order %v, want %v, ours and %s", order, want, quoted)
	}
	if !slices.Equal(public, []string{answer, quoted}) {
		t.Errorf("public are %v, want %s and %s", public, answer, quoted)
	}
	if !slices.Equal(mine, []string{"", "tag-2", "tag-3"}) {
		t.Errorf("ours are the tags %q", mine)
	}
	changes, err := h.Changed(ctx, start.Cursor)
	if err != nil || !slices.Equal(changes.Tickets, []string{o.Ticket}) || changes.More {
		t.Errorf("changed are %+v, %v", changes, err)
	}
	if again, err := h.Changed(ctx, changes.Cursor); err != nil || len(again.Tickets) != 0 {
		t.Errorf("without a change, changed are %+v, %v", again, err)
	}
	if _, err = h.Write(ctx, o.Ticket, &helpdesk.Entry{Tag: "tag-4", Kind: helpdesk.FromCustomer, Text: "Bye!"}); err != nil {
		t.Fatal(err)
	}
	if again, err := h.Changed(ctx, changes.Cursor); err != nil || len(again.Tickets) != 0 {
		t.Errorf("after our own entry, changed are %+v, %v", again, err)
	}
	other := open(t, &rt.Config{URL: r.URL, Token: configs.Secret(r.Token)})
	if again, err := other.Changed(ctx, changes.Cursor); err != nil || !slices.Equal(again.Tickets, []string{o.Ticket}) {
		t.Errorf("after a restart, changed are %+v, %v", again, err)
	}
	ann.SetStatus(o.Ticket, "resolved")
	if again, err := h.Changed(ctx, changes.Cursor); err != nil || !slices.Equal(again.Tickets, []string{o.Ticket}) {
		t.Errorf("after it was closed, changed are %+v, %v", again, err)
	}
	if mailed(r) > 0 || !slices.Contains(r.Recipients(), "ann@desk.test") {
		t.Errorf("RT mailed %v, want the agents alone", r.Recipients())
	}
}

func TestStates(t *testing.T) {
	r := testenv.StartRT(t)
	h := open(t, &rt.Config{URL: r.URL, Username: testenv.RTUser, Password: testenv.RTPassword})
	ann := r.As("ann")
	ctx := t.Context()
	o, err := h.Open(ctx, draft("tag-1", "Hello"))
	if err != nil {
		t.Fatal(err)
	}
	state := func(want normalize.ConversationState) {
		t.Helper()
		got, err := h.Read(ctx, o.Ticket, "")
		if err != nil || got.State != want {
			t.Errorf("the state is %v, %v; want %s", got, err, want)
		}
	}
	write := func(e *helpdesk.Entry) {
		t.Helper()
		if _, err := h.Write(ctx, o.Ticket, e); err != nil {
			t.Fatal(err)
		}
	}
	set := func(s normalize.ConversationState) {
		t.Helper()
		if err := h.SetState(ctx, o.Ticket, s); err != nil {
			t.Fatal(err)
		}
		state(s)
	}
	state(normalize.Open)
	set(normalize.Closed)
	set(normalize.Closed)
	write(&helpdesk.Entry{Tag: "a", Kind: helpdesk.FromAgent, Text: "Answered by telephone."})
	state(normalize.Closed)
	write(&helpdesk.Entry{Tag: "b", Kind: helpdesk.Remark, Text: "Could not be delivered.", Reopen: true})
	state(normalize.Open)
	set(normalize.Closed)
	write(&helpdesk.Entry{Tag: "c", Kind: helpdesk.FromCustomer, Text: "Again!", Reopen: true})
	state(normalize.Open)
	for status, want := range map[string]normalize.ConversationState{"stalled": normalize.Open, "rejected": normalize.Closed, "resolved": normalize.Closed} {
		ann.SetStatus(o.Ticket, status)
		state(want)
		set(normalize.Open)
	}
}

func TestTicketsThatAreGone(t *testing.T) {
	r := testenv.StartRT(t)
	h := open(t, &rt.Config{URL: r.URL, Token: configs.Secret(r.Token)})
	ann := r.As("ann")
	ctx := t.Context()
	var tickets []string
	for _, tag := range []string{"merged", "target", "deleted", "moved"} {
		o, err := h.Open(ctx, draft(tag, "Hello"))
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, o.Ticket)
	}
	start, err := h.Changed(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	merged, target, deleted, moved := tickets[0], tickets[1], tickets[2], tickets[3]
	early := ann.Correspond(merged, "Before the merge.")
	ann.Merge(merged, target)
	ann.SetStatus(deleted, "deleted")
	rest, err := h.Read(ctx, merged, "")
	if err != nil || len(rest.Entries) != 2 || rest.Entries[1].ID != early || !rest.More {
		t.Fatalf("what had not been read of the merged ticket: %+v, %v", rest, err)
	}
	r.As("root").CreateQueue("Elsewhere")
	r.As("root").Update(moved, "Queue", "Elsewhere")
	for id, into := range map[string]string{merged: target, deleted: "", moved: "", "4711": ""} {
		gone := func(what string, err error) {
			t.Helper()
			if g, ok := errors.AsType[*helpdesk.Gone](err); !ok || g.Into != into || g.At.IsZero() != (into == "") || into != "" && time.Since(g.At).Abs() > time.Hour {
				t.Errorf("%s of ticket %s: %v, want that it went into %q", what, id, err, into)
			}
		}
		_, err := h.Read(ctx, id, rest.Position)
		gone("reading", err)
		_, err = h.Write(ctx, id, &helpdesk.Entry{Tag: "late", Kind: helpdesk.FromCustomer, Text: "Hello?"})
		gone("writing", err)
		gone("closing", h.SetState(ctx, id, normalize.Closed))
	}
	changes, err := h.Changed(ctx, start.Cursor)
	if err != nil || !slices.Contains(changes.Tickets, merged) || !slices.Contains(changes.Tickets, deleted) {
		t.Errorf("changed are %v, %v; want %s and %s among them", changes.Tickets, err, merged, deleted)
	}
	// What was said to others goes with their tickets, to nobody here.
	stranger := ann.Create("Of somebody else", "Hello")
	ann.Correspond(stranger, "The code of your safe is 4711.")
	ann.Merge(stranger, target)
	late := ann.Correspond(stranger, "After the merge.")
	got, err := h.Read(ctx, target, "")
	if err != nil || len(got.Entries) != 2 || got.Entries[1].ID != late || !got.Entries[1].Public {
		t.Errorf("on the ticket that stayed: %+v, %v", got, err)
	}
	if found, err := h.Find(ctx, "merged"); err != nil || found == nil || found.Ticket != target {
		t.Errorf("the merged ticket was found as %+v, %v", found, err)
	}
}

// TestWithoutTheRightToMakeUsers: tickets come all the same, without requestors.
func TestWithoutTheRightToMakeUsers(t *testing.T) {
	r := testenv.StartRT(t)
	h := open(t, &rt.Config{URL: r.URL, Username: testenv.RTModest, Password: testenv.RTPassword})
	o, err := h.Open(t.Context(), draft("tag-1", "Hello"))
	if err != nil {
		t.Fatal(err)
	}
	answer := r.As("bob").Correspond(o.Ticket, "Hello!")
	if k := r.As("ann").Ticket(o.Ticket); len(k.Requestor) != 0 {
		t.Errorf("the ticket is %+v", k)
	}
	got, err := h.Read(t.Context(), o.Ticket, "")
	if err != nil || len(got.Entries) != 2 || !got.Entries[0].Ours || got.Entries[1].ID != answer || !got.Entries[1].Public {
		t.Errorf("read %+v, %v", got, err)
	}
}

// TestPeopleWhoWriteToRTByMail: agents answer that way too; what others write
// there is not the company's word, and goes to no customer.
func TestPeopleWhoWriteToRTByMail(t *testing.T) {
	r := testenv.StartRT(t)
	h := open(t, &rt.Config{URL: r.URL, Token: configs.Secret(r.Token)})
	o, err := h.Open(t.Context(), draft("tag-1", "Hello"))
	if err != nil {
		t.Fatal(err)
	}
	r.Mail([]byte("From: Supplier <supplier@elsewhere.test>\r\nTo: rt@desk.test\r\nSubject: Re: [desk.test #" + o.Ticket + "] Where\r\nMessage-ID: <1@elsewhere.test>\r\n\r\nThis customer never pays.\r\n"))
	r.Mail([]byte("From: Ann <ann@desk.test>\r\nTo: rt@desk.test\r\nSubject: Re: [desk.test #" + o.Ticket + "] Where\r\nMessage-ID: <2@desk.test>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/html; charset=gb2312\r\n\r\n<p>\xc4\xe3\xba\xc3, here: <img src=\"cid:map@desk\"></p>\r\n" +
		"--b\r\nContent-Type: image/png; name=map.png\r\nContent-ID: <map@desk>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORwD/\r\n--b--\r\n"))
	got, err := h.Read(t.Context(), o.Ticket, "")
	if err != nil || len(got.Entries) != 3 {
		t.Fatalf("read %+v, %v", got, err)
	}
	if e := got.Entries[1]; e.Public || e.Ours || e.Text != "This customer never pays." || e.Author.Email != "supplier@elsewhere.test" {
		t.Errorf("the supplier's mail was read as %+v", e)
	}
	e := got.Entries[2]
	if !e.Public || e.Author.Name != "Ann Lee" || !strings.Contains(e.Text, "你好, here:") || len(e.Files) != 1 || e.Files[0].Name != "map.png" {
		t.Fatalf("Ann's mail was read as %+v", e)
	}
	if want := `cid:` + e.Files[0].Ref + `"`; !strings.Contains(e.HTML, want) {
		t.Errorf("her picture is not shown by %s in %s", want, e.HTML)
	}
}
