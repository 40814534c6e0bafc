package demo

import (
	"strings"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/internal/cli"
)

// editor is the line that a visitor is typing. The terminal sends each key at
// once and echoes nothing, so that what arrives meanwhile can be drawn above.
type editor struct {
	line    []rune
	pending []byte // the beginning of a character or of an escape sequence
}

// feed takes keys and returns the lines that were finished, and whether the
// visitor ended the input (Ctrl-D on an empty line).
func (e *editor) feed(keys []byte) (lines []string, end bool) {
	e.pending = append(e.pending, keys...)
	for len(e.pending) > 0 {
		if e.pending[0] == 0x1b {
			n := escapeLength(e.pending)
			if n == 0 {
				return lines, false
			}
			e.pending = e.pending[n:] // arrows and function keys do nothing
			continue
		}
		if !utf8.FullRune(e.pending) {
			return lines, false
		}
		r, n := utf8.DecodeRune(e.pending)
		e.pending = e.pending[n:]
		switch r {
		case '\r', '\n':
			lines = append(lines, string(e.line))
			e.line = nil
		case 0x7f, '\b':
			e.line = e.line[:max(0, len(e.line)-1)]
		case 'U' - '@':
			e.line = nil
		case 'W' - '@':
			trimmed := strings.TrimRight(string(e.line), " ")
			e.line = []rune(trimmed[:strings.LastIndexByte(trimmed, ' ')+1])
		case 'D' - '@':
			if len(e.line) == 0 {
				return lines, true
			}
		default:
			if r >= ' ' && len(e.line) < 4000 {
				e.line = append(e.line, r)
			}
		}
	}
	return lines, false
}

// escapeLength is the length of the sequence at the start of b (ECMA-48, 5.4);
// 0 where it goes on. A lone Escape counts as one with the key after it.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	if b[1] == 'O' { // SS3: one more
		if len(b) < 3 {
			return 0
		}
		return 3
	}
	if b[1] != '[' {
		return 2
	}
	for i, c := range b[2:] {
		if c >= 0x40 && c <= 0x7e {
			return i + 3
		}
	}
	return 0
}

// view is the end of the line, as much as fits.
func (e *editor) view(width int) string {
	s := cli.Line(" " + string(e.line))
	if strings.HasSuffix(string(e.line), " ") {
		s += " "
	}
	runes := []rune(s)
	for cli.Width(string(runes)) > width {
		runes = runes[1:]
	}
	return string(runes)
}
