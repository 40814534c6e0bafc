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
