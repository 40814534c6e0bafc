package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// NewlyWrittenOf returns of a mail's whole text what its sender wrote now,
// as NewlyWritten does, by the help of the same mail in HTML, which tells more
// of what is a quote. It goes by the HTML as far as both hold the same words;
// rich may be empty.
func NewlyWrittenOf(plain, rich string) (visible string) {
	if strings.TrimSpace(rich) == "" {
		return NewlyWritten(plain)
	}
	all, visible := newlyWrittenHTML(rich)
	if visible == all {
		if plain == all {
			return plain
		}
		return NewlyWritten(plain)
	}
	if plain == all {
		return visible
	}
	if end, ok := sameLetters(plain, visible); ok {
		lines := strings.Split(plain[:end], "\n")
		if first, last := trimBlank(lines, 0, len(lines)); first < last {
			return strings.Join(lines[first:last], "\n")
		}
	}
	return NewlyWritten(plain)
}

// sameLetters returns the end of the line of plain up to which it has the
// letters and digits of visible, and no others.
func sameLetters(plain, visible string) (end int, ok bool) {
	i := 0
	for _, r := range visible {
		if !counts(r) {
			continue
		}
		for {
			if i == len(plain) {
				return 0, false
			}
			q, n := utf8.DecodeRuneInString(plain[i:])
			i += n
			if counts(q) {
				if q != r {
					return 0, false
				}
				break
			}
		}
	}
	end = len(plain)
	if n := strings.IndexByte(plain[i:], '\n'); n >= 0 {
		end = i + n
	}
	return end, i > 0 && strings.IndexFunc(plain[i:end], counts) < 0
}

func counts(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
