package email

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding/unicode"
)

// toUTF8 returns b as valid UTF-8. The label is what the mail claims; where
// the bytes contradict it, as they often do, the bytes win.
func toUTF8(b []byte, label string) string { return toUTF8Hinted(b, label, "") }

// toUTF8Hinted is toUTF8 with a second opinion, such as an HTML document's own,
// for where the label is missing or wrong.
func toUTF8Hinted(b []byte, label, hint string) string {
	if isASCII(b) && bytes.IndexByte(b, 0x1b) < 0 && !sevenBit(canonical(label)) {
		return string(b) // nearly all there is
	}
	if s, ok := marked(b); ok {
		return s
	}
	label, hint = canonical(label), canonical(hint)
	if switchesJapanese(b) && label != "iso-2022-jp" {
		label = "iso-2022-jp"
	}
	for _, l := range []string{label, hint} {
		if s, ok := believed(b, l); ok {
			return s
		}
	}
	if s, bad := lenientUTF8(b); bad == 0 || multibyteRunes(s) >= 4*bad {
		return s // UTF-8 with a wound, such as a character cut in half
	}
	if s := detect(b); s != "" {
		return s
	}
	for _, l := range []string{label, hint, "gb18030", "windows-1252"} {
		if s, bad := decodeAs(b, l); s != "" && bad <= 1+len(s)/50 {
			return s
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// believed decodes b as l where nothing speaks against that.
func believed(b []byte, l string) (string, bool) {
	if l == "" || l == "utf-8" {
		return string(b), utf8.Valid(b) && !sparse(b)
	}
	s, bad := decodeAs(b, l)
	if s == "" && len(b) > 0 || bad > 1+len(b)/100 {
		return "", false
	}
	if sevenBit(l) || strings.HasPrefix(l, "utf-") {
		return s, true
	}
	if utf8.Valid(b) && looksUTF8(b, l) {
		return string(b), true
	}
	return s, !contradicted(b, s)
}

// looksUTF8 tells whether b, which is valid UTF-8, is that rather than l. By
// chance only a few short double-byte texts are valid.
func looksUTF8(b []byte, l string) bool {
	sequences := 0
	for _, r := range string(b) {
		if r >= 0x800 {
			return true
		}
		if r >= utf8.RuneSelf {
			sequences++
		}
	}
	return sequences >= 6 || sequences > 0 && !doubleByte(l)
}

// sparse reports whether b has so many NULs that it is UTF-16 without a mark.
func sparse(b []byte) bool { return len(b) >= 4 && 4*bytes.Count(b, []byte{0}) >= len(b) }

// marked decodes what a byte order mark, or the NULs of ASCII in UTF-16, tell
// to be Unicode.
func marked(b []byte) (string, bool) {
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		s, bad := lenientUTF8(b[3:])
		return s, 10*bad <= len(b)
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		return decodeUTF16(b, unicode.LittleEndian), true
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		return decodeUTF16(b, unicode.BigEndian), true
	}
	if !sparse(b) {
		return "", false
	}
	odd := 0
	for i := 1; i < len(b); i += 2 {
		if b[i] == 0 {
			odd++
		}
	}
	switch even := bytes.Count(b, []byte{0}) - odd; {
	case odd > 8*even:
		return decodeUTF16(b, unicode.LittleEndian), true
	case even > 8*odd:
		return decodeUTF16(b, unicode.BigEndian), true
	}
	return "", false
}

func decodeUTF16(b []byte, order unicode.Endianness) string {
	s, _ := unicode.UTF16(order, unicode.UseBOM).NewDecoder().Bytes(b)
	return strings.ToValidUTF8(string(s), "\uFFFD")
}

// switchesJapanese reports whether b has an escape sequence of ISO-2022-JP,
// which nothing else does.
func switchesJapanese(b []byte) bool {
	if bytes.IndexByte(b, 0x1b) < 0 {
		return false
	}
	for _, esc := range []string{"\x1b$B", "\x1b$@", "\x1b$(D", "\x1b(I", "\x1b(J"} {
		if bytes.Contains(b, []byte(esc)) {
			return true
		}
	}
	return false
}

// decodeAs returns b decoded from a canonical label, with the number of places
// that made no sense; "" for a label that nobody knows.
func decodeAs(b []byte, label string) (s string, bad int) {
	switch label {
	case "":
		return "", 0
	case "utf-8":
		return lenientUTF8(b)
	case "utf-7":
		s = decodeUTF7(b)
	case "utf-16":
		if utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 {
			return string(b), 0 // a document that was converted since
		}
		s = decodeUTF16(b, unicode.BigEndian)
	case "iso-2022-kr":
		s, _ = decodeAs(shiftedToEUC(b), "euc-kr")
	default:
		r, err := charset.Reader(label, bytes.NewReader(b))
		if err != nil {
			return "", 0
		}
		o, err := io.ReadAll(r)
		if err != nil {
			return "", 0
		}
		s = strings.ToValidUTF8(string(o), "\uFFFD")
	}
	return s, strings.Count(s, "\uFFFD")
}

func lenientUTF8(b []byte) (s string, bad int) {
	s = strings.ToValidUTF8(string(b), "\uFFFD")
	return s, strings.Count(s, "\uFFFD") - bytes.Count(b, []byte("\uFFFD"))
}

func multibyteRunes(s string) (n int) {
	for _, r := range s {
		if r >= utf8.RuneSelf && r != utf8.RuneError {
			n++
		}
	}
	return n
}

// isASCII looks at eight bytes at once, since every text of a mail passes here.
func isASCII(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isPlain is true for ASCII in which no escape sequence switches to another
// charset.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || s[i] == 0x1b {
			return false
		}
	}
	return true
}
