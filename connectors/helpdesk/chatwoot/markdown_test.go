package chatwoot

import (
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize/text"
)

func TestMarkdown(t *testing.T) {
	for _, c := range []struct{ in, plain, rich string }{
		{"Hello Ann", "Hello Ann", ""},
		{"Two\nlines\n\nand a paragraph", "Two\nlines\n\nand a paragraph", ""},
		{`1\. not a list, snake\_case, 2 \* 3`, "1. not a list, snake_case, 2 * 3", ""},
		{"2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name", ""},
		{"C:\\temp and <b>", "C:\\temp and <b>", ""},
		{"**Yes**, _we_ do", "Yes, we do", "<p><strong>Yes</strong>, <em>we</em> do</p>\n"},
		{"a **b *c* d** e", "a b c d e", "<p>a <strong>b <em>c</em> d</strong> e</p>\n"},
		{"~~old~~ `x < y`", "old x < y", "<p><s>old</s> <code>x &lt; y</code></p>\n"},
		{"see [our *page*](https://example.com/a?b=1&c=2)", "see our page (https://example.com/a?b=1&c=2)", `<p>see <a href="https://example.com/a?b=1&amp;c=2">our <em>page</em></a></p>` + "\n"},
		{"[x](javascript:alert(1))", "[x](javascript:alert(1))", ""},
		{"<https://example.com>", "https://example.com", `<p><a href="https://example.com">https://example.com</a></p>` + "\n"},
		{"* one\n* two", "", "<ul><li>one</li><li>two</li></ul>\n"},
		{"1. one\n2. two\n\nend", "", "<ol><li>one</li><li>two</li></ol>\n<p>end</p>\n"},
		{"> quoted\n> more\n\nanswer", "", "<blockquote><p>quoted<br>\nmore</p>\n</blockquote>\n<p>answer</p>\n"},
		{"```\na < b\n```", "", "<pre><code>a &lt; b\n</code></pre>\n"},
		{"# Title\ntext", "", "<p><strong>Title</strong></p>\n<p>text</p>\n"},
		{"**unclosed and <script>alert(1)</script>", "**unclosed and <script>alert(1)</script>", ""},
		{"hard\\\nbreak **b**", "", "<p>hard<br>\nbreak <strong>b</strong></p>\n"},
	} {
		plain, rich := markdown(c.in)
		if rich != c.rich || c.plain != "" && plain != c.plain {
			t.Errorf("%q: %q, %q; want %q, %q", c.in, plain, rich, c.plain, c.rich)
		}
	}
}

// Whatever is written, it takes little time, and its HTML is such that
// sanitising it takes nothing away but its own form.
func TestMarkdownIsBounded(t *testing.T) {
	for _, piece := range []string{"*", "**a", "[", "[a](", "> ", "* ", "`", "_a ", "<", "\\"} {
		begin := time.Now()
		_, rich := markdown(strings.Repeat(piece, 150_000/len(piece)))
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%q took %s", piece, took)
		}
		if strings.Contains(text.SanitizeHTML(rich, nil), "<script") {
			t.Errorf("%q became a script", piece)
		}
	}
}
