package text_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

func TestRichAnswersAreCutBetweenParagraphs(t *testing.T) {
	rich := "<p>Dear <b>Li</b>,</p><p>the first matter.</p><ul><li>one</li><li>two</li></ul>Words <i>between</i> blocks<p>the end</p>"
	var got []string
	for _, p := range text.Pieces("", rich, text.Bound{Runes: 40}, normalize.MarkupSlack) {
		got = append(got, text.Render(p.Plain, p.Rich, normalize.MarkupSlack))
	}
	want := []string{"Dear *Li*,\n\nthe first matter.", "- one\n- two\n\nWords _between_ blocks", "the end"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// No piece is too long in the form in which it goes out, and no word is lost.
func TestPiecesFitAndLoseNothing(t *testing.T) {
	fragments := []string{"<p>", "</p>", "<b>bold</b>", "a &amp; b &lt;c&gt; ", "<br>", "<ul><li>item</li></ul>", "some longer words here. ", "逐字切分", "<pre>x &lt; y</pre>", "😀👍🏽"}
	rapid.Check(t, func(t *rapid.T) {
		rich := strings.Join(rapid.SliceOf(rapid.SampledFrom(fragments)).Draw(t, "rich"), "")
		if rapid.Bool().Draw(t, "plain only") {
			rich = ""
		}
		plain := rapid.StringMatching(`[a-z<&>. 😀]{0,80}`).Draw(t, "plain")
		if rich != "" {
			plain = text.FromHTML(rich)
		}
		limit := rapid.IntRange(8, 60).Draw(t, "limit")
		bound := rapid.SampledFrom([]text.Bound{{Runes: limit}, {Units: limit}, {Bytes: limit}}).Draw(t, "bound")
		m := rapid.SampledFrom([]normalize.Markup{normalize.MarkupPlain, normalize.MarkupSlack, normalize.MarkupTelegram, normalize.MarkupWhatsApp}).Draw(t, "markup")
		var got strings.Builder
		for _, p := range text.Pieces(plain, rich, bound, m) {
			out := text.Render(p.Plain, p.Rich, m)
			if size := (text.Bound{Runes: utf8.RuneCountInString(out), Units: len(utf16.Encode([]rune(out))), Bytes: len(out)}); bound.Runes > 0 && size.Runes > limit ||
				bound.Units > 0 && size.Units > limit || bound.Bytes > 0 && size.Bytes > limit {
				t.Fatalf("a piece of %+v, bound %+v: %q", size, bound, out)
			}
			got.WriteString(p.Plain)
		}
		bare := func(s string) string {
			return strings.Map(func(r rune) rune {
				if strings.ContainsRune(" \n->", r) {
					return -1
				}
				return r
			}, s)
		}
		if bare(got.String()) != bare(plain) {
			t.Fatalf("pieces say %q of %q", got.String(), plain)
		}
	})
}
