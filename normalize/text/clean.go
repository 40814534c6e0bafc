// Package text makes strangers' text safe to keep, to show and to send: it
// scrubs what a database or a terminal cannot bear, turns HTML into text and
// into HTML that loads and runs nothing, tells what is new in a reply from what
// it quotes, and cuts what is too long between
// characters as people see them.
//
// All functions take any input, never panic, and take time in proportion to
// what they read.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean returns s as valid UTF-8 with "\n" line ends. Bytes that are not
// UTF-8 become U+FFFD, one for each run of them; NUL and all other control
// characters but tab and line feed are taken out. Clean text stays as it is.
func Clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	bad := false
	for i := 0; i < len(s); {
		if n := plainPrefix(s[i:]); n > 0 {
			b.WriteString(s[i : i+n])
			i, bad = i+n, false
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			if !bad {
				b.WriteRune(utf8.RuneError)
			}
			bad = true
			i++
			continue
		}
		bad = false
		switch {
		case r == '\r':
			if !strings.HasPrefix(s[i+1:], "\n") {
				b.WriteByte('\n')
			}
		case r == '\u0085': // next line, from IBM's hosts
			b.WriteByte('\n')
		case allowed(r):
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// plainPrefix returns the length of the ASCII that s begins with and that stays
// as it is, but for tabs: nearly all of most texts.
func plainPrefix(s string) int {
	i := 0
	for ; i < len(s)-7; i += 8 {
		if !printable(eight(s[i : i+8])) {
			if n := plainBytes(s[i : i+8]); n < 8 {
				return i + n
			}
		}
	}
	return i + plainBytes(s[i:])
}

func plainBytes(s string) int {
	for i := range len(s) {
		if c := s[i]; (c < ' ' || c > '~') && c != '\n' {
			return i
		}
	}
	return len(s)
}

// eight returns the first eight bytes of s, the first of them lowest.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// Each byte of ones is 1, and each of high its highest bit.
const ones, high = 0x0101010101010101, 0x8080808080808080

// printable is true where each of eight bytes is from ' ' to '~'.
func printable(x uint64) bool {
	// A byte below ' ' borrows from its high bit; '~'+1 carries into it.
	return (x|(x-' '*ones)|(x+ones))&high == 0
}

func isClean(s string) bool {
	for {
		s = s[plainPrefix(s):]
		if s == "" {
			return true
		}
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 || !allowed(r) {
			return false
		}
		s = s[n:]
	}
}

// allowed says which runes clean text may hold: no C0 and C1 controls, no DEL.
func allowed(r rune) bool {
	return r == '\t' || r == '\n' || !unicode.IsControl(r)
}

// CleanLine returns s as one clean line without white space at its ends, for
// subjects and names. Every run of white space becomes one space. The controls
// that turn the direction of writing are taken out, since with them a name can
// show as another.
func CleanLine(s string) string {
	if isPlainLine(s) {
		return s
	}
	s = Clean(s)
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = true
			continue
		case turnsDirection(r):
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	return b.String()
}

// isPlainLine is true for ASCII that CleanLine leaves as it is.
func isPlainLine(s string) bool {
	blank := true // before the next byte, or where the line begins
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ' ' && blank {
			return false
		}
		blank = s[i] == ' '
	}
	return !blank || s == ""
}

// turnsDirection is true for the embeddings, overrides and isolates of UAX 9.
// The plain marks (U+200E, U+200F, U+061C) only hint, and names need them.
func turnsDirection(r rune) bool {
	return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}
