package text

import (
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fold returns a line for comparing: small letters, plain spaces, no marks of
// direction, half-width colons and no emphasis of Markdown. Of a long line
// nothing is left, since no program writes one around a quote.
func fold(line string) string {
	if len(line) > maxMarker {
		return ""
	}
	b := make([]byte, 0, maxMarker)
	for i := 0; i < len(line); {
		if i+8 <= len(line) {
			if x := eight(line[i : i+8]); printable(x) && !starred(x) {
				b = binary.LittleEndian.AppendUint64(b, small(x))
				i += 8
				continue
			}
		}
		if c := line[i]; c < utf8.RuneSelf {
			if c = foldedASCII[c]; c != 0xff {
				b = append(b, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(line[i:])
		if r = foldRune(r); r >= 0 {
			b = utf8.AppendRune(b, r)
		}
		i += n
	}
	return strings.TrimSpace(strings.ReplaceAll(string(b), "&nbsp;", " ")) // as QQ Mail writes it in plain text
}

// starred is true where one of eight bytes is an asterisk.
func starred(x uint64) bool {
	x ^= '*' * ones
	return (x-ones)&^x&high != 0 // what is 0 borrows from its high bit
}

// small makes small letters of capitals in eight bytes of ASCII.
func small(x uint64) uint64 {
	fromA, behindZ := x+(0x80-'A')*ones, x+(0x80-'Z'-1)*ones // carry into the high bits
	return x | (fromA^behindZ)&high>>2
}

func foldRune(r rune) rune {
	switch {
	case r >= 0x3400 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7a3:
		return r // Chinese and Korean, of which nothing is changed
	case r == '：':
		return ':'
	case r == '，':
		return ','
	case r == '*' || r == '\u200e' || r == '\u200f' || r == '\u061c' || turnsDirection(r):
		return -1
	case unicode.IsSpace(r):
		return ' '
	case invisible(r):
		return -1
	}
	return unicode.ToLower(r)
}

// foldedASCII is foldRune as a table; 0xff is for what is left out.
var foldedASCII = func() (t [utf8.RuneSelf]byte) {
	for c := range t {
		t[c] = byte(foldRune(rune(c)))
	}
	return t
}()

// folds are lines as fold returns them, each made when it is first looked at.
type folds struct {
	lines []string
	made  []string
	known []bool
}

func newFolds(lines []string) folds {
	return folds{lines, make([]string, len(lines)), make([]bool, len(lines))}
}

func (f *folds) at(i int) string {
	if !f.known[i] {
		f.made[i], f.known[i] = fold(f.lines[i]), true
	}
	return f.made[i]
}
