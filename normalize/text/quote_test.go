package text

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"
)

// TestReplies cuts the mails of testdata/replies, by programs and languages.
// Each NAME.txt or NAME.html there is followed by NAME.want.
func TestReplies(t *testing.T) {
	files, err := filepath.Glob("testdata/replies/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(a.Files); i += 2 {
			mail, want := a.Files[i], a.Files[i+1]
			name, kind, _ := strings.Cut(mail.Name, ".")
			if want.Name != name+".want" {
				t.Fatalf("%s: %s is followed by %s", file, mail.Name, want.Name)
			}
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) {
				cut, body := NewlyWritten, strings.TrimRight(string(mail.Data), "\n")
				if kind == "html" {
					cut = NewlyWrittenHTML
				}
				if diff := cmp.Diff(strings.TrimRight(string(want.Data), "\n"), cut(body)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestPlainTextGoesByTheSameMailInHTML(t *testing.T) {
	const rich = `<div>It <b>works</b>.</div><div class="gmail_quote"><div class="gmail_attr">Ann skrifaði</div><div>Halló <a href="https://shop.test/x">verslun</a></div></div>`
	for _, c := range []struct{ name, plain, rich, want string }{
		{"what markup alone tells", "It works.\n\nAnn skrifaði\nHalló verslun <https://shop.test/x>", rich, "It works."},
		{"another text than the HTML", "It was\n\nAnn skrifaði", rich, "It was\n\nAnn skrifaði"},
		{"a cut within a line", "It works. Ann skrifaði", rich, "It works. Ann skrifaði"},
		{"words tell more than markup", "It works.\n\nOn 1/2/24 10:00, Ann wrote:\n> Halló", "<p>It works.</p>", "It works."},
		{"no HTML", "It works.\n\n> Halló", "", "It works."},
		{"HTML alone", FromHTML(rich), rich, "It works."},
		{"an indented text of one's own", "a\n\n> b", "a<blockquote>b</blockquote>", "a\n\n> b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := NewlyWrittenOf(c.plain, c.rich); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestSubjectOfAForward(t *testing.T) {
	for subject, want := range map[string]bool{
		"Fwd: order": true, "FW: order": true, "WG: Bestellung": true, "TR : commande": true, "转发：订单": true, "转发: 订单": true, "RV: pedido": true,
		"Re: Fwd: order": false, "AW: WG: x": false, "order": false, "": false, "Order: fwd": false, "回复：订单": false,
	} {
		if got := IsForward(subject); got != want {
			t.Errorf("IsForward(%q) = %v", subject, got)
		}
	}
}

// Mails made to take time: that of the test itself is the check.
func TestHostileQuotesStayBounded(t *testing.T) {
	for _, s := range []string{
		"a\n> b\n", "On 1/1/24 10:00 <a@b>\nwrote:\n", "From: a@b\n", "From: a@b\nx\nTo: c\n", "x\n\nSent from my iPhone\n\n", "1:\n", ":\n",
		"--\na\n", "> \n", "\n", "-- Original\n", "10:00 a@b:\n\nx\n\n", "x wrote:\n", strings.Repeat("<", 400) + "\n", "______\n", "Regards,\nBob\n\n",
	} {
		many := strings.Repeat(s, (maxLines-1)/strings.Count(s, "\n"))
		for _, body := range []string{many, "x" + many + "y"} {
			wantRun(t, body, NewlyWritten(body))
		}
	}
	for name, body := range hostile {
		t.Run(name, func(t *testing.T) { wantRun(t, FromHTML(body), NewlyWrittenHTML(body)) })
	}
}

// wantRun fails where visible is no run of the lines of body, after a greeting
// perhaps and the blank lines below it, or nothing.
func wantRun(t interface {
	Helper()
	Fatalf(string, ...any)
}, body, visible string,
) {
	t.Helper()
	if visible == "" && strings.TrimSpace(body) != "" {
		t.Fatalf("nothing is left of %.500q", body)
	}
	whole := "\n" + body + "\n"
	if strings.Contains(whole, "\n"+visible+"\n") {
		return
	}
	above, below, _ := strings.Cut(visible, "\n")
	below = strings.TrimLeft(below, "\n")
	at := strings.Index(whole, "\n"+above+"\n")
	if at < 0 || below == "" || !greeting(fold(above)) || !strings.Contains(whole[at+len(above)+1:], "\n"+below+"\n") {
		t.Fatalf("%.500q has no lines %.500q", body, visible)
	}
}

// bricks are what the property's mails are built of.
var bricks = func() []string {
	list := []string{
		"", "", "Hello", "Thanks a lot", "> quoted", "> > deeper", "-- ", "--", "____________", "---", "Ann", "<ann@shop.test", "> wrote:", ">:",
		"On Mon, Jan 15, 2024 at 2:30 PM Ann <ann@shop.test> wrote:", "On Mon, Jan 15,", "2024 at 10:00 Ann", "<ann@shop.test> wrote:", "wrote:", "Regards,",
		"From: Ann <ann@shop.test>", "Sent: today", "To: Bob", "Subject: x", "-----Original Message-----", "users mailing list", "On the way:",
		"> a quoted line that is so long that it had to be broken into two ones", "goes on",
	}
	for _, l := range languages {
		for _, words := range [][]string{l.original, l.forwarded[:1]} {
			for _, s := range words {
				list = append(list, "--- "+s+" ---")
			}
		}
		for _, s := range l.mobile {
			list = append(list, strings.ReplaceAll(s, "%", "iPhone"))
		}
		list = append(list, l.regards...)
	}
	return list
}()

func TestVisibleIsARunOfTheBody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.OneOf(rapid.SampledFrom(bricks[:29]), rapid.SampledFrom(bricks), rapid.String())
		body := Clean(strings.Join(rapid.SliceOfN(line, 0, 30).Draw(t, "lines"), "\n"))
		checkVisible(t, body)
		rich := strings.NewReplacer("\n", "<div class=gmail_quote>", "Ann", "<blockquote>", "Bob", "</blockquote></div>").Replace(body)
		wantRun(t, FromHTML(rich), NewlyWrittenHTML(rich))
		wantRun(t, body, NewlyWrittenOf(body, rich))
	})
}

func checkVisible(t interface {
	Helper()
	Fatalf(string, ...any)
}, body string,
) {
	t.Helper()
	visible := NewlyWritten(body)
	wantRun(t, body, visible)
	if again := NewlyWritten(visible); again != visible {
		t.Fatalf("%q is cut to %q, and that to %q", body, visible, again)
	}
}

func FuzzNewlyWritten(f *testing.F) {
	files, _ := filepath.Glob("testdata/replies/*.txtar")
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for mail := range slices.Values(a.Files) {
			f.Add(string(mail.Data))
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		body := Clean(s)
		checkVisible(t, body)
		wantRun(t, FromHTML(s), NewlyWrittenHTML(s))
		wantRun(t, body, NewlyWrittenOf(body, s))
	})
}
