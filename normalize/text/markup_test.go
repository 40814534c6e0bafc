package text_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

func TestOneAnswerInEveryMarkup(t *testing.T) {
	const rich = `<p>Dear <b>Ms. Li</b>,</p><p>your order <i>A &amp; B &lt;7&gt;</i> has <b>left <i>today</i></b>. Track it <a href="https://example.com/t?a=1&amp;b=2">on this page</a>.</p>` +
		`<ul><li>one</li><li><s>two</s></li></ul><pre>code line 1
  code *2*</pre><p>Run <code>ls -l</code>; re<b>place</b>d.</p><blockquote>You <b>asked<br>twice</b></blockquote>`
	for _, c := range []struct {
		markup normalize.Markup
		want   string
	}{
		{normalize.MarkupPlain, "Dear Ms. Li,\n\nyour order A & B <7> has left today. Track it on this page (https://example.com/t?a=1&b=2).\n\n" +
			"- one\n- two\n\ncode line 1\n  code *2*\n\nRun ls -l; replaced.\n\n> You asked\n> twice"},
		{normalize.MarkupSlack, "Dear *Ms. Li*,\n\nyour order _A &amp; B &lt;7&gt;_ has *left _today_*. Track it <https://example.com/t?a=1&amp;b=2|on this page>.\n\n" +
			"- one\n- ~two~\n\n```\ncode line 1\n  code *2*\n```\n\nRun `ls -l`; replaced.\n\n> You *asked*\n> *twice*"},
		{normalize.MarkupWhatsApp, "Dear *Ms. Li*,\n\nyour order _A & B <7>_ has *left _today_*. Track it on this page (https://example.com/t?a=1&b=2).\n\n" +
			"- one\n- ~two~\n\n```\ncode line 1\n  code *2*\n```\n\nRun `ls -l`; replaced.\n\n> You *asked*\n> *twice*"},
		{normalize.MarkupTelegram, "Dear <b>Ms. Li</b>,\n\nyour order <i>A &amp; B &lt;7&gt;</i> has <b>left <i>today</i></b>. Track it <a href=\"https://example.com/t?a=1&amp;b=2\">on this page</a>.\n\n" +
			"- one\n- <s>two</s>\n\n<pre>code line 1\n  code *2*</pre>\n\nRun <code>ls -l</code>; re<b>place</b>d.\n\n&gt; You <b>asked\n&gt; twice</b>"},
	} {
		if got := text.Render("", rich, c.markup); got != c.want {
			t.Errorf("%q:\ngot  %q\nwant %q", c.markup, got, c.want)
		}
	}
}

func TestPlainAnswersAreEscaped(t *testing.T) {
	for markup, want := range map[normalize.Markup]string{
		normalize.MarkupPlain: "1 < 2 & <@U1>", normalize.MarkupWhatsApp: "1 < 2 & <@U1>",
		normalize.MarkupSlack: "1 &lt; 2 &amp; &lt;@U1&gt;", normalize.MarkupTelegram: "1 &lt; 2 &amp; &lt;@U1&gt;",
	} {
		if got := text.Render("1 < 2 & <@U1>", "", markup); got != want {
			t.Errorf("%q: %q, want %q", markup, got, want)
		}
	}
}

// Telegram drops the address behind words where it is no web page's.
func TestWhatIsNoLinkInTelegramIsWrittenOut(t *testing.T) {
	const rich = `<a href="tel:+493012345">Call</a> or <a href="mailto:desk@example.com">write</a> to <a href="https://example.com/">us</a>`
	for markup, want := range map[normalize.Markup]string{
		normalize.MarkupTelegram: `Call (tel:+493012345) or write (mailto:desk@example.com) to <a href="https://example.com/">us</a>`,
		normalize.MarkupSlack:    "<tel:+493012345|Call> or <mailto:desk@example.com|write> to <https://example.com/|us>",
	} {
		if got := text.Render("", rich, markup); got != want {
			t.Errorf("%q: %q, want %q", markup, got, want)
		}
	}
}

// A mark that ends within a word is told from it.
func TestMarksWithinWords(t *testing.T) {
	if got, want := text.Render("", "<b>bold</b>face", normalize.MarkupSlack), "*bold*\u200bface"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Telegram refuses a whole message for one tag that is not closed.
func TestTelegramTagsAreBalanced(t *testing.T) {
	pieces := []string{"<b>", "</b>", "<i>", "</i>", "<pre>", "</pre>", "<code>", "</code>", "<p>", "</p>", "<br>", "<a href='https://x.example/'>", "</a>", "<li>", "word ", "x", "<s>", "</s>", "<blockquote>", "</blockquote>", "&lt;"}
	rapid.Check(t, func(t *rapid.T) {
		rich := strings.Join(rapid.SliceOf(rapid.SampledFrom(pieces)).Draw(t, "rich"), "")
		got := text.Render("", rich, normalize.MarkupTelegram)
		var open []string
		for rest := got; ; {
			_, tag, ok := strings.Cut(rest, "<")
			if !ok {
				break
			}
			tag, rest, _ = strings.Cut(tag, ">")
			name, closes := strings.CutPrefix(strings.Fields(tag)[0], "/")
			switch {
			case !closes:
				open = append(open, name)
			case len(open) == 0 || open[len(open)-1] != name:
				t.Fatalf("%q: %s closes %v", got, name, open)
			default:
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			t.Fatalf("%q leaves %v open", got, open)
		}
	})
}
