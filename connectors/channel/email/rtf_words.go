package email

import (
	"unicode/utf16"
	"unicode/utf8"
)

// rtfSigns are the words that stand for text.
var rtfSigns = map[string]string{
	"par": "\n", "line": "\n", "sect": "\n", "page": "\n", "row": "\n", "cell": "\t", "tab": "\t",
	"lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•", "endash": "–", "emdash": "—",
	"emspace": "\u2003", "enspace": "\u2002",
}

// rtfHidden are groups that are no text of the document.
var rtfHidden = map[string]bool{
	"colortbl": true, "stylesheet": true, "info": true, "pict": true, "object": true, "header": true, "headerl": true, "headerr": true, "headerf": true,
	"footer": true, "footerl": true, "footerr": true, "footerf": true, "footnote": true, "fldinst": true, "listtable": true, "revtbl": true,
	"bkmkstart": true, "bkmkend": true, "xe": true, "tc": true,
}

// word does a control word.
func (r *rtfReader) word(word string, value int, has bool) {
	star := r.state.star
	r.state.star = false
	switch word {
	case "htmltag":
		if star && r.html && r.state.where != rtfIgnored {
			r.flush()
			r.state.where, r.state.hidden = rtfTag, false
		}
	case "fromhtml":
		r.html = r.html || value == 1
	case "htmlrtf":
		r.flush()
		r.state.hidden = r.html && (!has || value != 0)
	case "fonttbl":
		r.flush()
		r.state.where = rtfFonts
	case "ansicpg":
		r.setANSI(either(codepage(uint32(max(0, value))), r.ansi))
	case "f":
		if r.state.where == rtfFonts {
			r.font = value
			return
		}
		r.setCodepage(either(r.fonts[value], r.ansi))
	case "plain":
		r.setCodepage(r.ansi)
	case "fcharset":
		if r.state.where == rtfFonts && len(r.fonts) < 1000 {
			r.fonts[r.font] = rtfCharsets[value]
		}
	case "uc":
		r.state.skip = min(max(0, value), 10)
	case "u":
		r.unicode(value)
	case "bin":
		r.in = r.in[min(len(r.in), max(0, value)):]
	default:
		if s, ok := rtfSigns[word]; ok {
			r.write(s)
		} else if star || rtfHidden[word] {
			r.flush()
			r.state.where = rtfIgnored
		}
	}
}

func (r *rtfReader) setANSI(codepage string) {
	r.ansi = codepage
	r.setCodepage(codepage)
}

func (r *rtfReader) setCodepage(codepage string) {
	if codepage != r.state.codepage {
		r.flush()
		r.state.codepage = codepage
	}
}

// unicode writes a UTF-16 unit and passes over what stands for it elsewhere. Of
// a pair both halves come one after the other.
func (r *rtfReader) unicode(value int) {
	c := rune(uint16(value))
	r.pass()
	if utf16.IsSurrogate(c) {
		low := utf8.RuneError
		if len(r.in) > 2 && r.in[0] == '\\' && r.in[1] == 'u' {
			rest, n := r.in[2:], 0
			v, negative := 0, false
			for n < len(rest) && n < 7 && (rest[n] >= '0' && rest[n] <= '9' || n == 0 && rest[n] == '-') {
				if rest[n] == '-' {
					negative = true
				} else {
					v = v*10 + int(rest[n]-'0')
				}
				n++
			}
			if negative {
				v = -v
			}
			low = utf16.DecodeRune(c, rune(uint16(v)))
			if low != utf8.RuneError {
				if r.in = rest[n:]; len(r.in) > 0 && r.in[0] == ' ' {
					r.in = r.in[1:]
				}
				r.pass()
			}
		}
		c = low
	}
	r.write(string(c))
}

// pass leaves out the characters that programs without Unicode show instead.
func (r *rtfReader) pass() {
	for range r.state.skip {
		switch {
		case len(r.in) == 0 || r.in[0] == '{' || r.in[0] == '}':
			return
		case len(r.in) >= 4 && r.in[0] == '\\' && r.in[1] == '\'':
			r.in = r.in[4:]
		case r.in[0] == '\\':
			return
		default:
			r.in = r.in[1:]
		}
	}
}

// rtfCharsets are the codepages of the fonts' character sets.
var rtfCharsets = map[int]string{
	128: "shift_jis", 129: "euc-kr", 134: "gb18030", 136: "big5", 161: "windows-1253", 162: "windows-1254", 163: "windows-1258", 177: "windows-1255",
	178: "windows-1256", 186: "windows-1257", 204: "windows-1251", 222: "windows-874", 238: "windows-1250",
}
