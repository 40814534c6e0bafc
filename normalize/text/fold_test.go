package text

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// foldable are lines of which some have eight letters of ASCII in a row.
var foldable = rapid.StringOf(rapid.RuneFrom([]rune("aZmA@[`{~ *.:é中Å\t\u200e\u00a0：http")))

func TestLinesAreFoldedAsTheirLettersAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.OneOf(foldable, rapid.StringN(0, 100, -1)).Draw(t, "line")
		want := strings.TrimSpace(strings.ReplaceAll(strings.Map(foldRune, line), "&nbsp;", " "))
		if len(line) > maxMarker {
			want = ""
		}
		if got := fold(line); got != want {
			t.Fatalf("%q becomes %q, want %q", line, got, want)
		}
	})
}

func TestALineWithoutBracketsKeepsItsWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := foldable.Draw(t, "before") + "http" + foldable.Draw(t, "after")
		line = fold(strings.ReplaceAll(line, "[", ""))
		if got, want := withoutLinks(line), strings.Join(strings.Fields(line), " "); got != want {
			t.Fatalf("%q becomes %q, want %q", line, got, want)
		}
	})
}

// A line in ASCII is looked up by what it begins with alone.
func TestPatternsThatBeginWithANameAreInOtherScripts(t *testing.T) {
	for _, list := range []*patterns{&words.mobile, &words.loose} {
		for _, p := range list.named {
			if plainPrefix(p.after) == len(p.after) {
				t.Errorf("%%%s is never found in a line of ASCII", p.after)
			}
		}
	}
}
