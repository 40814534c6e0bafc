package redmine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// TestProduct is what the suite of all helpdesks does not ask of Redmine.
func TestProduct(t *testing.T) {
	r := testenv.StartRedmine(t)
	for _, c := range []struct {
		name string
		test func(t *testing.T, r *testenv.Redmine, h *Redmine)
	}{
		{"words in every formatting", wordsInEveryFormatting},
		{"an agent's formatting", formatted},
		{"facts in fields", factsInFields},
		{"files", filesOfAllKinds},
		{"numbers come again", numbersComeAgain},
		{"out of sight", outOfSight},
		{"stays closed", staysClosed},
		{"what a probe finds", probes},
		{"bulk", bulk},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, r, connect(r.URL, r.APIKey, r.Project)) })
	}
}

func entry(tag, words string, files ...helpdesk.Attachment) *helpdesk.Entry {
	return &helpdesk.Entry{
		Tag: tag, Kind: helpdesk.FromCustomer, Author: "Wang", Heading: "Wang <wang@customers.test> wrote by support", Text: words, Files: files,
		Message: &normalize.Message{Direction: normalize.Inbound, Text: words}, At: time.Now(),
	}
}

func open(t *testing.T, h *Redmine, tag, words string, facts ...helpdesk.Fact) (*helpdesk.Opened, int) {
	t.Helper()
	o, err := h.Open(t.Context(), &helpdesk.Draft{Tag: tag, Subject: "Hello", Conversation: &normalize.Conversation{}, First: entry("m"+tag, words), Facts: facts})
	if err != nil {
		t.Fatal(err)
	}
	return o, number(t, o.Ticket)
}

// nasty are texts that one of the formattings would take for something else.
var nasty = []string{
	"*bold* _italics_ -gone- +new+ ^up^ ~down~ @code@ %{color:red}red% ??who?? ==raw==",
	"**bold** __bold__ ~~gone~~ `code` [text](http://e.example/) ![x](http://e.example/x.png) \"text\":http://e.example/",
	"h1. Heading\n# one\n* two\n- three\n+ four\n1. five\n> six\n| a | b |\n|---|---|\nbq. seven\nfn1. eight",
	"Title\n=====\nOther\n-----\n\n***\n\n    indented code\n\tand by a tab",
	"```ruby\nputs 1\n```\n~~~\nx\n~~~",
	"<b>html</b> <script>alert(1)</script> <pre>x</pre> <code>y</code> <notextile>z</notextile> <!-- hidden --> &lt;b&gt; &amp; &#42; &nbsp;",
	"#1 ##1 #1-2 #note-1 r1 commit:abc user:anna @anna !@anna user#5 attachment:x.png document:\"x\" version:1 project:support source:a/b message#3 [[Wiki]] [[support:]]",
	"{{toc}} {{include(Wiki)}} {{collapse(x)\ny\n}} {{macro(0)}} {{>toc}} !{{toc}} {{thumbnail(x.png)}}",
	"<!-- deskbridge:m1 -->",
	"WHO(World Health Organization) (c) (tm) (r) 4 x 4 -- ... [1] [^1] ABC(x)",
	"50% of 2 * 3 = 6, snake_case_name, C++ and C#, a+b, well-known, AT&T, 1-2, +49 30 1234, what?? Yes!!",
	"See <https://e.example/a_b_c/?q=1&x=2#frag>, (https://e.example/Foo_(bar)) and *https://e.example/*, www.example.org.",
	"您好，*包裹*在哪里？ مرحبا 👩‍👩‍👧",
}

// wordsInEveryFormatting: whichever text formatting an administrator chose,
// the page shows what the customer wrote, and nothing else.
func wordsInEveryFormatting(t *testing.T, r *testenv.Redmine, h *Redmine) {
	o, id := open(t, h, "nasty", "first")
	names := map[string]string{}
	for i, s := range nasty {
		name, err := h.Write(t.Context(), o.Ticket, entry("n"+strconv.Itoa(i), s))
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		names[name] = s
	}
	t.Cleanup(func() { r.Set("text_formatting", "textile") })
	for _, formatting := range []string{"textile", "markdown", "common_mark"} {
		r.Set("text_formatting", formatting)
		page := r.Anna.Page(id)
		// The two differ in what two asterisks become.
		testenv.WaitFor(t, time.Minute, "the formatting", func() bool {
			page = r.Anna.Page(id)
			return strings.Contains(page, "<strong>Wang") != (formatting == "textile")
		})
		doc, err := html.Parse(strings.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		shown := texts(t, page)
		for name, s := range names {
			number, _, _ := strings.Cut(name, "-")
			got := shown["journal-"+number+"-notes"]
			if !strings.Contains(bare(got), bare(s)) {
				t.Errorf("%s: %q is shown as %q", formatting, s, got)
			}
		}
		for n := range doc.Descendants() {
			if notesID.MatchString(attr(n, "id")) {
				for d := range n.Descendants() {
					if d.Type == html.ElementNode && !harmless(d) {
						t.Errorf("%s: a customer's words became <%s %v> in %q", formatting, d.Data, d.Attr, bare(shown[attr(n, "id")]))
					}
				}
			}
		}
	}
	if k := readAll(t, h, o.Ticket); len(k.Entries) != len(nasty)+1 {
		t.Errorf("%d entries, want %d", len(k.Entries), len(nasty)+1)
	} else {
		for _, e := range k.Entries {
			if !e.Ours || e.Tag == "m1" {
				t.Errorf("not known as ours: %+v", e)
			}
		}
	}
}

// bare is a text without blanks, and without what writes the same address in
// another way.
func bare(s string) string {
	s = strings.NewReplacer("%2A", "*", "%28", "(", "%29", ")", joiner, "", "\u00a0", "").Replace(s)
	return strings.Join(strings.Fields(s), "")
}

// harmless are paragraphs, ends of lines, our heading, and links that lead out.
func harmless(n *html.Node) bool {
	switch n.Data {
	case "p", "br":
		return true
	case "b", "strong":
		return n.Parent.Data == "p" && n.PrevSibling == nil && strings.HasPrefix(n.FirstChild.Data, "Wang")
	case "a":
		href := attr(n, "href")
		return strings.HasPrefix(href, "http://") || strings.HasPrefix(href, "https://") || strings.HasPrefix(href, "mailto:")
	}
	return false
}

func readAll(t *testing.T, h *Redmine, ticket string) *helpdesk.Reading {
	t.Helper()
	k, err := h.Read(t.Context(), ticket, "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// formatted: what agents write goes out as Redmine shows it, with their
// pictures, and without links into Redmine; what they quote of the customer's
// words reads as it was.
func formatted(t *testing.T, r *testenv.Redmine, h *Redmine) {
	o, id := open(t, h, "formatted", "Is it *blue*?")
	before := readAll(t, h, o.Ticket)
	quoted := "> " + strings.ReplaceAll(r.Anna.Issue(id).Description, "\r\n", "\n> ")
	r.Anna.Note(id, quoted+"\n\nIt *is*, see #"+strconv.Itoa(id)+" and \"here\":https://shop.example/ and !blue.png! @[x]@\n\n!https://elsewhere.example/pixel.png!", "blue.png")
	k, err := h.Read(t.Context(), o.Ticket, before.Position)
	if err != nil || len(k.Entries) == 0 {
		t.Fatalf("%+v, %v", k, err)
	}
	e := k.Entries[len(k.Entries)-1]
	if e.Ours || !e.Public || e.Author.Name != r.Anna.Name || len(e.Files) != 1 || e.Files[0].Name != "blue.png" {
		t.Fatalf("the answer: %+v", e)
	}
	for _, want := range []string{"<strong>is</strong>", `<a class="external" href="https://shop.example/">here</a>`, `<img src="cid:` + e.Files[0].Ref + `"`, "Is it *blue*?"} {
		if plain := text.FromHTML(e.HTML); !strings.Contains(e.HTML, want) && !strings.Contains(plain, want) {
			t.Errorf("%q is missing in %s", want, e.HTML)
		}
	}
	for _, not := range []string{"elsewhere.example", "/issues/", "deskbridge:", "&#42;", joiner} {
		if strings.Contains(e.HTML, not) {
			t.Errorf("%q is in %s", not, e.HTML)
		}
	}
	f, err := h.File(t.Context(), e.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil || string(content) != "blue.png" {
		t.Errorf("the file holds %q: %v", content, err)
	}
}

// factsInFields: custom fields of the names of facts are filled, of the first
// issue as of the next.
func factsInFields(t *testing.T, r *testenv.Redmine, h *Redmine) {
	for i, customer := range []string{"Wang", "Li"} {
		_, id := open(t, h, "facts"+strconv.Itoa(i), "Hello", helpdesk.Fact{Name: "Customer", Value: customer}, helpdesk.Fact{Name: "Shoe size", Value: "43"})
		issue := r.Anna.Issue(id)
		got := map[string]any{}
		for _, f := range issue.Fields {
			got[f.Name] = f.Value
		}
		if got["Customer"] != customer || got["Channel"] == "43" {
			t.Errorf("the fields: %v", got)
		}
		if !strings.Contains(issue.Description, "Shoe size: 43") {
			t.Errorf("the description lacks a fact: %q", issue.Description)
		}
	}
}

func attached(name string, content []byte) helpdesk.Attachment {
	return helpdesk.Attachment{
		Media: &normalize.Media{Name: name, ContentType: "application/octet-stream", Size: int64(len(content))}, Link: "https://files.example/x",
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
}

// filesOfAllKinds: odd names and empty files are taken, and of one that is too
// large the note says where it is.
func filesOfAllKinds(t *testing.T, r *testenv.Redmine, h *Redmine) {
	o, id := open(t, h, "files", "first")
	long := strings.Repeat("长", 300) + ".txt"
	_, err := h.Write(t.Context(), o.Ticket, entry("mfiles", "With files", attached("../größe <1>.txt", []byte("a")), attached("", []byte("b")),
		attached("empty.txt", nil), attached(long, []byte("c")), attached("large.bin", make([]byte, 6<<20))))
	if err != nil {
		t.Fatal(err)
	}
	issue := r.Anna.Issue(id)
	got := map[string]string{}
	for _, f := range issue.Attachments {
		got[f.Name] = r.Anna.File(f)
	}
	want := map[string]string{".._größe _1_.txt": "a", "file": "b", "empty.txt": "", strings.Repeat("长", 251) + ".txt": "c"}
	if !maps.Equal(got, want) {
		t.Errorf("the files %q, want %q", got, want)
	}
	if notes := issue.Journals[len(issue.Journals)-1].Notes; !strings.Contains(notes, "large.bin") || !strings.Contains(notes, "https://files.example/x") {
		t.Errorf("nothing says where the large file is: %q", notes)
	}
}

// numbersComeAgain: on SQLite the number of a deleted issue is given to the
// next one, which is not the customer's.
func numbersComeAgain(t *testing.T, r *testenv.Redmine, h *Redmine) {
	o, id := open(t, h, "again", "Hello")
	made := r.Anna.Issue(id).Created
	testenv.WaitFor(t, time.Minute, "the next second", func() bool { return time.Since(made) > 1100*time.Millisecond })
	r.Admin.Delete(id)
	if r.Anna.Create("Something internal", "") != id {
		testenv.NotTested(t, "this Redmine gives no number twice, so nothing was tested of an issue with the number of a deleted one")
	}
	r.Anna.Note(id, "Not for customers")
	var gone *helpdesk.Gone
	if _, err := h.Read(t.Context(), o.Ticket, ""); !errors.As(err, &gone) {
		t.Errorf("Read of another's issue: %v", err)
	}
	if _, err := h.Write(t.Context(), o.Ticket, entry("magain", "Secret")); !errors.As(err, &gone) {
		t.Errorf("Write on another's issue: %v", err)
	}
	if err := h.SetState(t.Context(), o.Ticket, normalize.Closed); !errors.As(err, &gone) {
		t.Errorf("SetState of another's issue: %v", err)
	}
}

// outOfSight: an issue that was moved to where our user sees or may do nothing
// is gone, which is no reason to stop the account.
func outOfSight(t *testing.T, r *testenv.Redmine, h *Redmine) {
	r.Permit("Non member", "view_issues")
	for name, public := range map[string]bool{"hidden": false, "shown": true} {
		o, id := open(t, h, name, "Hello")
		r.Admin.Change(id, map[string]any{"project_id": r.Admin.Project(name, public)})
		var gone *helpdesk.Gone
		if _, err := h.Read(t.Context(), o.Ticket, ""); errors.As(err, &gone) == public {
			t.Errorf("%s: Read: %v", name, err)
		}
		if _, err := h.Write(t.Context(), o.Ticket, entry("m"+name, "x")); !errors.As(err, &gone) {
			t.Errorf("%s: Write: %v", name, err)
		}
	}
}

// staysClosed: an issue below a closed one cannot be opened. What the customer
// wrote is written all the same.
func staysClosed(t *testing.T, r *testenv.Redmine, h *Redmine) {
	o, id := open(t, h, "child", "Hello")
	parent := r.Anna.Create("Parent", "")
	r.Admin.Change(id, map[string]any{"parent_issue_id": parent, "status_id": 5})
	r.Admin.Close(parent)
	e := entry("mchild", "One more thing")
	e.Reopen = true
	if _, err := h.Write(t.Context(), o.Ticket, e); err != nil {
		t.Errorf("Write: %v", err)
	}
	if j := r.Anna.Issue(id).Journals; !strings.Contains(j[len(j)-1].Notes, "One more thing") {
		t.Errorf("what the customer wrote is not there: %+v", j)
	}
	err := h.SetState(t.Context(), o.Ticket, normalize.Open)
	if e := connectors.Classify(err); err == nil || e.Class != connectors.Rejected || !strings.Contains(e.Detail, "Workflow") {
		t.Errorf("SetState: %v", err)
	}
}

// probes: whatever is missing is named.
func probes(t *testing.T, r *testenv.Redmine, h *Redmine) {
	if err := h.Probe(t.Context()); err != nil {
		t.Errorf("as docs/redmine.md sets it up: %v", err)
	}
	for want, other := range map[string]*Redmine{
		"api_key": connect(r.URL, "wrong", r.Project),
		"project": connect(r.URL, r.APIKey, "nowhere"),
		"url":     connect(r.URL+"/login/", r.APIKey, r.Project),
	} {
		err := other.Probe(t.Context())
		if e := connectors.Classify(err); err == nil || e.Class != connectors.AccountDown || !strings.Contains(e.Detail, want) {
			t.Errorf("Probe: %v, want words about %s", err, want)
		}
	}
	r.Permit("Deskbridge", "view_issues", "add_issues", "edit_issues", "add_issue_notes")
	err := h.Probe(t.Context())
	if e := connectors.Classify(err); err == nil || e.Class != connectors.AccountDown || !strings.Contains(e.Detail, "View private notes, Set notes as private") {
		t.Errorf("Probe without two permissions: %v", err)
	}
	r.Permit("Deskbridge", "view_issues", "add_issues", "edit_issues", "add_issue_notes", "view_private_notes", "set_notes_private")
}

// bulk: agents change more issues in a second than an answer of Redmine names.
func bulk(t *testing.T, r *testenv.Redmine, h *Redmine) {
	start, err := h.Changed(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	const n = page + 30
	want := r.Copy(r.Anna.Create("One of many", ""), n)
	found := map[int]int{}
	cursor := start.Cursor
	pull := func() (named int) {
		for range 20 {
			c, err := h.Changed(t.Context(), cursor)
			if err != nil {
				t.Fatal(err)
			}
			for _, ticket := range c.Tickets {
				found[number(t, ticket)]++
			}
			cursor, named = c.Cursor, named+len(c.Tickets)
			if !c.More {
				return named
			}
		}
		t.Fatal("there is always more")
		return 0
	}
	pull()
	for _, id := range want {
		if found[id] == 0 {
			t.Fatalf("issue %d of %v is not named", id, want)
		}
	}
	h.now = func() time.Time { return time.Now().Add(settling) }
	pull()
	if n := pull(); n != 0 {
		t.Errorf("%d issues are named although nothing changed", n)
	}
	if len(cursor) > 64<<10 {
		t.Errorf("the cursor has %d bytes", len(cursor))
	}
	id := want[len(want)/2]
	r.Anna.Note(id, "One more")
	clear(found)
	if pull(); !slices.Equal(slices.Collect(maps.Keys(found)), []int{id}) {
		t.Errorf("after a note on issue %d are named: %v", id, found)
	}
}
