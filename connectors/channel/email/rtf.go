package email

import (
	"bytes"
	"strconv"
	"strings"
)

// maxRTFDepth bounds nested groups; what lies deeper is left out.
const maxRTFDepth = 200

// rtfReader takes the words out of RTF, or the HTML that Outlook has wrapped
// into it ([MS-OXRTFEX]). The time grows with the length alone.
type rtfReader struct {
	in    []byte
	out   strings.Builder
	html  bool // the RTF stands for HTML
	state rtfState
	stack []rtfState
	deep  int    // groups below the deepest that is read
	run   []byte // text in the codepage of its font, not yet decoded
	fonts map[int]string
	ansi  string // codepage where the font says none
	font  int    // of the entry in the font table
}

// rtfState is what a group leaves as it was.
type rtfState struct {
	where    rtfPlace
	hidden   bool // by \htmlrtf: RTF for those who do not know HTML
	codepage string
	skip     int  // characters after \u that stand for it
	star     bool // the next word names something that may be ignored
}

// rtfPlace says what text in a group is.
type rtfPlace int

const (
	rtfText rtfPlace = iota
	rtfTag           // HTML as it is
	rtfFonts
	rtfIgnored
)

// readRTF returns what an RTF document says: as HTML where it was made from
// that, else as plain text.
func readRTF(b []byte) (plain, html string) {
	if !bytes.HasPrefix(b, []byte(`{\rtf`)) {
		return "", ""
	}
	r := &rtfReader{in: b, fonts: map[int]string{}, ansi: "windows-1252", state: rtfState{skip: 1}}
	r.state.codepage = r.ansi
	r.read()
	if r.html {
		return "", r.out.String()
	}
	return r.out.String(), ""
}

func (r *rtfReader) read() {
	for len(r.in) > 0 && r.out.Len() < maxRTF {
		c := r.in[0]
		r.in = r.in[1:]
		switch {
		case c == '{':
			r.open()
		case c == '}':
			r.close()
		case c == '\\':
			r.control()
		case c == '\r' || c == '\n':
		case c == 0:
		default:
			r.letter(c)
		}
	}
	r.flush()
}

func (r *rtfReader) open() {
	if len(r.stack) >= maxRTFDepth {
		r.deep++
		return
	}
	r.stack = append(r.stack, r.state)
	r.state.star = false
}

func (r *rtfReader) close() {
	switch {
	case r.deep > 0:
		r.deep--
	case len(r.stack) > 0:
		r.flush()
		r.state = r.stack[len(r.stack)-1]
		r.stack = r.stack[:len(r.stack)-1]
	}
}

// silent reports whether text here is not shown.
func (r *rtfReader) silent() bool {
	return r.deep > 0 || r.state.where >= rtfFonts || r.state.hidden
}

func (r *rtfReader) letter(c byte) {
	if !r.silent() {
		r.run = append(r.run, c)
	}
}

func (r *rtfReader) write(s string) {
	if !r.silent() {
		r.flush()
		r.out.WriteString(s)
	}
}

// flush decodes what was gathered. Bytes of one character may stand as letters
// and as codes, so it is done for a whole run.
func (r *rtfReader) flush() {
	if len(r.run) == 0 {
		return
	}
	s, _ := decodeAs(r.run, r.state.codepage)
	if s == "" {
		s = toUTF8(r.run, "")
	}
	r.out.WriteString(s)
	r.run = r.run[:0]
}

// control reads what follows a backslash.
func (r *rtfReader) control() {
	if len(r.in) == 0 {
		return
	}
	c := r.in[0]
	if c < 'a' || c > 'z' {
		r.in = r.in[1:]
		r.symbol(c)
		return
	}
	n := 0
	for n < len(r.in) && n < 32 && r.in[n] >= 'a' && r.in[n] <= 'z' {
		n++
	}
	word := string(r.in[:n])
	r.in = r.in[n:]
	digits := 0
	for digits < len(r.in) && digits < 11 && (r.in[digits] >= '0' && r.in[digits] <= '9' || digits == 0 && r.in[digits] == '-') {
		digits++
	}
	value, err := strconv.Atoi(string(r.in[:digits]))
	has := err == nil
	r.in = r.in[digits:]
	if len(r.in) > 0 && r.in[0] == ' ' {
		r.in = r.in[1:]
	}
	if r.deep == 0 {
		r.word(word, value, has)
	}
}

// symbol does a control of one sign.
func (r *rtfReader) symbol(c byte) {
	switch c {
	case '\'':
		if len(r.in) >= 2 {
			if v, err := strconv.ParseUint(string(r.in[:2]), 16, 8); err == nil {
				r.letter(byte(v))
			}
			r.in = r.in[2:]
		}
	case '*':
		r.state.star = true
	case '\\', '{', '}':
		r.letter(c)
	case '~':
		r.write(r.entity("\u00a0", "&nbsp;"))
	case '_':
		r.write("\u2011")
	case '\r', '\n':
		r.write("\n")
	}
}

// entity is a sign that HTML spells in its own way.
func (r *rtfReader) entity(plain, html string) string {
	if r.html && r.state.where == rtfText {
		return html
	}
	return plain
}
