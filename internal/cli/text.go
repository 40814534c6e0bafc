package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// Safe returns s such that a terminal shows it and does nothing else. Control
// characters become visible: ESC as ␛, others by their number. Line feeds
// stay, tabs become spaces.
func Safe(s string) string {
	if !strings.ContainsFunc(s, steers) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case r == '\n' || !steers(r):
			b.WriteRune(r)
		case r == '\t':
			b.WriteString("    ")
		case r < 0x20:
			b.WriteRune('\u2400' + r) // the pictures of the control characters
		case r == 0x7f:
			b.WriteRune('\u2421')
		default:
			fmt.Fprintf(&b, "<%U>", r)
		}
	}
	return b.String()
}

// steers reports whether r would act on a terminal, or on the order in which
// the text around it is shown (UAX 9).
func steers(r rune) bool {
	switch {
	case unicode.IsControl(r):
		return true
	case r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069':
		return true
	case r == '\u2028', r == '\u2029':
		return true
	}
	return false
}

// Line is Safe for what belongs on one line: white space runs together.
func Line(s string) string { return Safe(strings.Join(strings.Fields(s), " ")) }

// Width returns how many columns s takes.
func Width(s string) int { return displaywidth.String(s) }

// Fit cuts s to at most width columns, with an ellipsis where it was cut.
func Fit(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	return displaywidth.TruncateString(s, width, "…")
}

// pad fills s up to width columns.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-Width(s)))
}

// Wrap breaks safe text into lines of at most width columns: at spaces, and
// within a word, between characters as people see them, where the word alone
// is too long or is written without spaces, as Chinese is. Indentation of the
// original lines is kept.
func Wrap(s string, width int) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(s, "\n "), "\n") {
		lines = append(lines, wrapLine(strings.TrimRight(line, " "), width)...)
	}
	return lines
}

func wrapLine(s string, width int) []string {
	if Width(s) <= width {
		return []string{s}
	}
	var lines []string
	start, used := 0, 0 // of the line under way: its offset in s, its columns
	brk, before := 0, 0 // the last place where it may end: its offset, the columns up to it
	var last string
	lastWidth, at := 0, 0
	graphemes := displaywidth.StringGraphemes(s)
	for graphemes.Next() {
		g, w := graphemes.Value(), graphemes.Width()
		if g != " " && (last == " " || (w == 2 || lastWidth == 2) && !strings.Contains(noStart, g)) && strings.TrimSpace(s[start:at]) != "" {
			brk, before = at, used
		}
		if used+w > width && used > 0 && g != " " {
			if brk <= start {
				brk, before = at, used
			}
			lines = append(lines, strings.TrimRight(s[start:brk], " "))
			start, used = brk, used-before
		}
		used += w
		at += len(g)
		last, lastWidth = g, w
	}
	return append(lines, strings.TrimRight(s[start:], " "))
}

// noStart must not begin a line.
const noStart = "，。、；：？！）」』】》"
