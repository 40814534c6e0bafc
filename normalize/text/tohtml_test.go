package text

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestToHTML(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing", " \n\n", ""},
		{"paragraphs and lines", "Hello Ann,\n\n\none\r\ntwo\n", "<p>Hello Ann,</p>\n<p>one<br>\ntwo</p>"},
		{"markup is text", `<b> & "x"`, "<p>&lt;b&gt; &amp; &#34;x&#34;</p>"},
		{
			"links", "see https://a.b/c?d=e&f=g. Or (http://x.y/z_(1)).",
			`<p>see <a href="https://a.b/c?d=e&amp;f=g">https://a.b/c?d=e&amp;f=g</a>. ` +
				`Or (<a href="http://x.y/z_(1)">http://x.y/z_(1)</a>).</p>`,
		},
		{"a link at the line's start", "https://a.b  x", `<p><a href="https://a.b">https://a.b</a> &nbsp;x</p>`},
		{"no link", "http://... javascript:alert(1)", "<p>http://... javascript:alert(1)</p>"},
		{"spaces stay", "a   b\n  c", "<p>a &nbsp;&nbsp;b<br>\n&nbsp;&nbsp;c</p>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ToHTML(c.in); got != c.want {
				t.Errorf("ToHTML(%q)\n got %s\nwant %s", c.in, got, c.want)
			}
		})
	}
}

func FuzzToHTML(f *testing.F) {
	f.Add("Hello <b>\n\n  https://x.y/z), ok")
	f.Add("http://'onclick=alert(1)//\" http://))))")
	f.Fuzz(func(t *testing.T, s string) {
		out := ToHTML(s)
		for z := html.NewTokenizer(strings.NewReader(out)); z.Next() != html.ErrorToken; {
			tok := z.Token()
			if tok.Type == html.TextToken {
				continue
			}
			switch {
			case tok.Type == html.CommentToken, tok.Type == html.DoctypeToken,
				tok.Data != "p" && tok.Data != "br" && tok.Data != "a",
				len(tok.Attr) > 1, len(tok.Attr) == 1 && (tok.Attr[0].Key != "href" || !readableLink(tok.Attr[0].Val)):
				t.Fatalf("ToHTML(%q) = %q holds %v", s, out, tok)
			}
		}
	})
}
