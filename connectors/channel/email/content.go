package email

import (
	"bytes"
	"slices"
	"strings"
)

// Transfer encodings.
const (
	cteBase64 = "base64"
	cteQuoted = "quoted-printable"
	cteUU     = "uuencode"
)

// transferEncoding returns the encoding that a header names, however it is
// spelt; "" for none and for those that nobody knows.
func transferEncoding(h header) string {
	v := strings.ToLower(h.get("content-transfer-encoding"))
	v, _ = cutAny(strings.TrimLeft(v, " \t\"'"), ";\"'(")
	switch withoutMarks.Replace(v) {
	case "base64", "b64", "b":
		return cteBase64
	case "quotedprintable", "quotedprintible", "quoted", "qp":
		return cteQuoted
	case "uuencode", "xuuencode", "xuue", "uue", "xuu":
		return cteUU
	}
	return ""
}

var withoutMarks = strings.NewReplacer("-", "", "_", "", " ", "", ".", "")

// content returns the body with its transfer encoding undone. An unknown one,
// and one that is only claimed, leaves it as it is.
func (n *node) content() []byte {
	switch transferEncoding(n.header) {
	case cteBase64:
		data, rest := decodeBase64(n.body)
		if len(data) == 0 {
			return n.body
		}
		if strings.HasPrefix(n.kind, "text/") && len(bytes.TrimSpace(rest)) > 0 {
			// A footer that a list put below, as it stands.
			data = append(append(data, '\n'), rest...)
		}
		return data
	case cteQuoted:
		return decodeQuoted(n.body)
	case cteUU:
		if _, files := splitUU(n.body); len(files) == 1 {
			return files[0].data
		}
	}
	return n.body
}

// charset returns what the part says of its text.
func (n *node) charset() string { return n.params["charset"] }

// hint returns the first charset that a part of the mail names: what raw 8-bit
// headers are most likely in.
func (n *node) hint() string {
	if strings.HasPrefix(n.kind, "text/") {
		if l := canonical(n.charset()); l != "" {
			return l
		}
	}
	for _, p := range n.parts {
		if l := p.hint(); l != "" {
			return l
		}
	}
	return ""
}

// mendHeaders turns raw 8-bit fields into UTF-8, before anything looks for
// quotes in them: the second byte of a Chinese character may be one.
func (n *node) mendHeaders(hint string) {
	mended := false
	for i, f := range n.header {
		if isPlain(f.value) {
			continue
		}
		if b := []byte(f.value); !isASCII(b) || switchesJapanese(b) {
			n.header[i].value = toUTF8(b, hint)
			mended = mended || f.name == "content-type"
		}
	}
	if mended {
		_, n.params = parseParams(n.header.get("content-type"))
	}
	for _, p := range n.parts {
		p.mendHeaders(hint)
	}
}

// file is a file that is not a part of its own.
type file struct {
	name string
	data []byte
}

// splitUU takes the files that were written into a text (begin 644 ...) out of
// it. Text that only looks like the beginning of one stays.
func splitUU(b []byte) (words []byte, files []file) {
	if !bytes.Contains(b, []byte("begin")) {
		return b, nil
	}
	words = make([]byte, 0, len(b))
	for rest := b; len(rest) > 0 && len(files) < maxParts; {
		line, next, _ := bytes.Cut(rest, []byte("\n"))
		name, ok := uuBegin(line)
		if ok {
			if data, after, ok := uuBody(next); ok {
				files = append(files, file{name, data})
				rest = after
				continue
			}
		}
		words = append(words, rest[:len(rest)-len(next)]...)
		rest = next
		if len(files) == maxParts {
			words = append(words, rest...)
		}
	}
	return words, files
}

// uuBegin reads "begin 644 name".
func uuBegin(line []byte) (name string, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("begin "))
	mode, after, found := bytes.Cut(rest, []byte(" "))
	octal := func(c byte) bool { return c < '0' || c > '7' }
	if !ok || !found || len(mode) < 3 || len(mode) > 5 || slices.ContainsFunc(mode, octal) {
		return "", false
	}
	return strings.TrimSpace(toUTF8(after, "")), true
}

// uuBody decodes the lines up to "end", and returns what follows. A body that
// was cut off counts as far as it goes; one without a line of data does not.
func uuBody(b []byte) (data, rest []byte, ok bool) {
	for rest = b; len(rest) > 0; {
		line, next, _ := bytes.Cut(rest, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		switch {
		case string(line) == "end":
			return data, next, len(data) > 0
		case string(bytes.TrimSpace(line)) == "" || string(line) == "`":
			if data == nil {
				return nil, b, false
			}
		default:
			more, valid := uuLine(line)
			if !valid {
				return data, rest, len(data) > 0
			}
			data = append(data, more...)
		}
		rest = next
	}
	return data, nil, len(data) > 0
}

// uuLine decodes one line: a length, then four characters for three bytes.
// Blanks at its end may have been lost on the way.
func uuLine(line []byte) ([]byte, bool) {
	size := int(line[0]-' ') & 0x3f
	groups := (size + 2) / 3
	line = line[1:]
	if size == 0 || len(line) > 4*groups+2 || len(line)+4 < 4*groups {
		return nil, false
	}
	out := make([]byte, 0, 3*groups)
	for i := range groups {
		var bits uint32
		for k := range 4 {
			c := byte(' ')
			if at := 4*i + k; at < len(line) {
				c = line[at]
			}
			if c < ' ' || c > '`' {
				return nil, false
			}
			bits = bits<<6 | uint32(c-' ')&0x3f
		}
		out = append(out, byte(bits>>16), byte(bits>>8), byte(bits))
	}
	return out[:size], true
}
