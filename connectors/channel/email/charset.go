package email

import (
	"bytes"
	"encoding/base64"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"github.com/wlynxg/chardet"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// detectSample bounds what is looked at to guess an encoding.
const detectSample = 64 << 10

// toUTF8 returns b as valid UTF-8. The label is what the mail claims; where
// the bytes contradict it, as they often do, the bytes win.
func toUTF8(b []byte, label string) string {
	label = strings.ToLower(strings.Trim(label, " \t\"'"))
	if label == "" || weakLabel(label) {
		if jis := bytes.Contains(b, []byte("\x1b$")); !jis && utf8.Valid(b) {
			return string(b)
		} else if jis {
			label = "iso-2022-jp"
		}
	}
	switch label {
	case "utf-8", "utf8", "us-ascii", "ascii":
		label = ""
	case "gb2312", "gbk", "cp936", "x-gbk", "gb_2312-80", "ms936":
		label = "gb18030" // the superset that mail programs really mean
	}
	if label != "" {
		if s, ok := decodeAs(b, label); ok {
			return s
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	if r := chardet.Detect(b[:min(len(b), detectSample)]); r.Confidence >= 0.9 {
		if s, ok := decodeAs(b, r.Encoding); ok {
			return s
		}
	}
	// Short texts defeat statistics; GB18030 is by far the most frequent
	// encoding that goes unlabelled, and it refuses most other bytes.
	if o, err := simplifiedchinese.GB18030.NewDecoder().Bytes(b); err == nil && !bytes.ContainsRune(o, utf8.RuneError) {
		return string(o)
	}
	if label != "" {
		if s, _ := decodeAs(b, label); s != "" {
			return s
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// weakLabel reports whether label is one that programs write without looking.
// Multi-byte UTF-8 hardly ever makes sense in any of these.
func weakLabel(label string) bool {
	switch label {
	case "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252", "unknown-8bit", "8bit", "default":
		return true
	}
	return false
}

// decodeAs returns b decoded from label, and whether every byte made sense.
func decodeAs(b []byte, label string) (string, bool) {
	r, err := charset.Reader(label, bytes.NewReader(b))
	if err != nil {
		return "", false
	}
	o, err := io.ReadAll(r)
	s := strings.ToValidUTF8(string(o), "\uFFFD")
	return s, err == nil && !strings.ContainsRune(s, utf8.RuneError)
}

var encodedWord = regexp.MustCompile(`=\?([^?*\s]+)(?:\*[^?]*)?\?([bBqQ])\?([^?]*)\?=`)

// decodeHeader returns a header value with its RFC 2047 words decoded. It
// differs from mime.WordDecoder as real mail needs it: neighbouring words of
// one charset are joined before their bytes are decoded, since a character may
// be split over two of them; raw 8-bit text is understood; it never fails and
// never returns invalid UTF-8.
func decodeHeader(s string) string {
	var out strings.Builder
	var pending []byte
	var pendingCharset string
	flush := func() {
		if pending != nil {
			out.WriteString(toUTF8(pending, pendingCharset))
			pending, pendingCharset = nil, ""
		}
	}
	last := 0
	for _, m := range encodedWord.FindAllStringSubmatchIndex(s, -1) {
		gap, label := s[last:m[0]], strings.ToLower(s[m[2]:m[3]])
		if strings.TrimSpace(gap) != "" || last == 0 {
			flush()
			out.WriteString(toUTF8([]byte(gap), ""))
		} else if label != pendingCharset {
			flush()
		}
		pending = append(pending, decodeWord(s[m[4]:m[5]], s[m[6]:m[7]])...)
		pendingCharset, last = label, m[1]
	}
	flush()
	out.WriteString(toUTF8([]byte(s[last:]), ""))
	return out.String()
}

func decodeWord(encoding, v string) []byte {
	if strings.EqualFold(encoding, "b") {
		return decodeBase64([]byte(v))
	}
	return decodeQuoted([]byte(strings.ReplaceAll(v, "_", " ")))
}

// decodeBase64 decodes what it can: anything outside the alphabet is skipped,
// and what follows the padding does not belong to it.
func decodeBase64(b []byte) []byte {
	clean := make([]byte, 0, len(b))
	for _, c := range b {
		if c == '=' {
			break
		}
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
			clean = append(clean, c)
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, _ := base64.RawStdEncoding.Decode(out, clean)
	return out[:n]
}

// decodeQuoted decodes quoted-printable. What is no valid escape stays as it
// is written.
func decodeQuoted(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '=' {
			out = append(out, b[i])
			continue
		}
		rest := b[i+1:]
		if len(rest) >= 2 && isHex(rest[0]) && isHex(rest[1]) {
			out = append(out, unhex(rest[0])<<4|unhex(rest[1]))
			i += 2
			continue
		}
		// A soft line break, perhaps with blanks that were added on the way.
		end := 0
		for end < len(rest) && (rest[end] == ' ' || rest[end] == '\t' || rest[end] == '\r') {
			end++
		}
		switch {
		case end < len(rest) && rest[end] == '\n':
			i += end + 1
		case end == len(rest):
			i += end
		default:
			out = append(out, '=')
		}
	}
	return out
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}
