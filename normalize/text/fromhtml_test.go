package text

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestFromHTML(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"inline markup leaves no trace", "<b>Hello</b>, wor<i>ld</i>\n &amp; all", "Hello, world & all"},
		{"chinese gets no spaces", "<p><b>订单</b>还没有<span>到达</span></p>", "订单还没有到达"},
		{"paragraphs, closed or not", "<p>a<p>b</p><p>c", "a\n\nb\n\nc"},
		{"blank lines of webmail", "<div>a</div><div><br></div><div>b<br></div><div>c</div>", "a\n\nb\nc"},
		{
			"lists", "Buy:<ul><li>milk<li>eggs<ul><li>brown</ul></ul><ol start=3><li>go</li><li><p>come</p></li></ol>end",
			"Buy:\n\n- milk\n- eggs\n  - brown\n\n3. go\n4. come\n\nend",
		},
		{
			"table", "<table><tr><th>Item</th><th>Price</th></tr><tr><td><p>Pen</p></td><td></td><td><p>2</p></td></tr></table>x",
			"Item | Price\nPen | 2\nx",
		},
		{
			"layout table", "<table><tr><td>logo</td><td><table><tr><td>a</td></tr><tr><td>b</td></tr></table></td><td>side</td></tr></table>",
			"logo\na\nb\nside",
		},
		{
			"links", `<a href="https://a.b/c">here</a>, <a href="https://a.b/">a.b</a>, <a href="mailto:x@y.z">x@y.z</a>`,
			"here (https://a.b/c), a.b, x@y.z",
		},
		{
			"image links", `<a href="https://a.b"><img src=x></a> <a href="https://c.d"><img src=x alt="Shop"></a>`,
			"https://a.b [Shop] (https://c.d)",
		},
		{"a script is no address", `<a href="javascript:alert(1)">x</a><a href="">y</a><a>z</a>`, "xyz"},
		{
			"quotes", "hi<blockquote>one<br>two<blockquote>deep<p>er</blockquote></blockquote>end",
			"hi\n\n> one\n> two\n>\n> > deep\n> >\n> > er\n\nend",
		},
		{"preformatted", "<pre>  a\n    b\n\nc</pre>d", "  a\n    b\n\nc\n\nd"},
		{"unseen parts", "<head><title>t</title><style>p{}</style></head><script>if (a<b) x()</script><!-- c --><noscript><p>n</p></noscript>y", "y"},
		{"hidden preview filler", "<div>Offer&nbsp;&zwnj;&nbsp;&zwnj;</div><div>&zwnj;&nbsp;&#847;</div><p>Text", "Offer \u200c \u200c\n\nText"},
		{"rule", "a<hr>b", "a\n---\nb"},
		{"controls by reference", "a&#0;&#7;&#27;b", "a\uFFFDb"},
		{"plain text", "a < b", "a < b"},
		{"unclosed comment", "a<!-- b", "a"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, FromHTML(c.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// hostile bodies are built to take a parser of trees more time or memory than
// there is.
var hostile = map[string]string{
	"formatting that every paragraph opens again": strings.Repeat("<font color=1>", 16_666) + strings.Repeat("<p>x", 33_333),
	"deep quotes":         strings.Repeat("<blockquote>x", 33_333),
	"deep lists":          strings.Repeat("<ul><li>x", 33_333),
	"deep divs":           strings.Repeat("<div>", 66_666) + strings.Repeat("</p>", 16_666),
	"links in links":      strings.Repeat("<a href=http://x>", 20_000) + strings.Repeat("y</a>", 20_000),
	"many attributes":     "<a " + strings.Repeat("a=1 style=b:c ", 33_333) + ">x",
	"no end of a tag":     strings.Repeat("<", 1_000_000),
	"comments in a row":   strings.Repeat("<!--", 100_000),
	"ampersands":          strings.Repeat("&", 1_000_000),
	"tables in tables":    strings.Repeat("<table><tr><td>x", 20_000),
	"a long declaration":  "<p style='" + strings.Repeat("color:red;", 33_333) + "'>x",
	"one word of 3 MB":    strings.Repeat("x", 3_000_000),
	"stray ends":          strings.Repeat("</div></table></noscript><noscript>", 16_666),
	"unclosed raw text":   strings.Repeat("<title>", 66_666),
	"quotes to be quoted": strings.Repeat(`"`, 2_000_000),
}

// The time of the test itself is the check that none of them hangs: with a
// tree, the first alone needs gigabytes.
func TestHostileBodiesStayBounded(t *testing.T) {
	for name, body := range hostile {
		t.Run(name, func(t *testing.T) {
			if n := len(FromHTML(body)); n > maxHTML+64<<10 {
				t.Errorf("FromHTML returned %d bytes", n)
			}
			if n := len(SanitizeHTML(body, nil)); n > maxHTML {
				t.Errorf("SanitizeHTML returned %d bytes", n)
			}
		})
	}
}

func TestLongBodySaysThatItWasCut(t *testing.T) {
	body := "<p>" + strings.Repeat("long ", maxHTML/5) + "</p><p>end</p>"
	if s := FromHTML(body); !strings.HasSuffix(s, "long\n\n"+cutMark) {
		t.Errorf("text ends with %q", s[len(s)-40:])
	}
	if s := SanitizeHTML(body, nil); !strings.HasSuffix(s, "</p><p>"+cutMark+"</p>") {
		t.Errorf("HTML ends with %q", s[len(s)-40:])
	}
}

func FuzzFromHTML(f *testing.F) {
	for _, s := range []string{
		"<ul><li>x<ol><li>y</ol><table><tr><td>a<td>b<blockquote>q<a href=http://x>l</table>",
		"<pre>a\n\nb</pre><a href=mailto:x>x</a><br><br><hr>&nbsp;&zwnj;", "</ul></blockquote></pre></td><td>x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := FromHTML(s)
		if !utf8.ValidString(got) || Clean(got) != got {
			t.Errorf("FromHTML(%q) = %q is not clean", s, got)
		}
		if strings.Contains(got, "\n\n\n") || strings.HasSuffix(got, "\n") {
			t.Errorf("FromHTML(%q) = %q has blank lines to spare", s, got)
		}
	})
}
