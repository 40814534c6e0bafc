package email

import (
	"bytes"
	"encoding/base64"
)

// decodeBase64 decodes what it can, and returns as rest the plain text that
// some list programs and scanners write below it. Padding may be missing or
// stand between two pieces; stray characters are skipped.
func decodeBase64(b []byte) (data, rest []byte) {
	data = make([]byte, 0, base64.RawStdEncoding.DecodedLen(len(b)))
	piece := make([]byte, 0, 4)
	padded := false
	flush := func() {
		if len(piece) > 1 {
			data, _ = base64.RawStdEncoding.AppendDecode(data, piece)
		}
		piece = piece[:0]
	}
	data, at := plainBase64(data, b)
	for at < len(b) {
		line, _, _ := bytes.Cut(b[at:], []byte("\n"))
		if isWords(line, padded) {
			rest = b[at:]
			break
		}
		for _, c := range line {
			switch {
			case c == '=':
				flush()
				padded = true
			case isBase64(c):
				if piece = append(piece, c); len(piece) == 4 {
					flush()
				}
			}
		}
		at += len(line) + 1
	}
	flush()
	return data, rest
}

// plainBase64 appends what the lines decode to that are nothing but whole
// groups of base64, as nearly all are, and returns where the first other line
// begins. It does in one go what decodeBase64 does letter by letter.
func plainBase64(data, b []byte) ([]byte, int) {
	at := 0
	for at < len(b) {
		end := bytes.IndexByte(b[at:], '\n')
		if end < 0 {
			break
		}
		line := bytes.TrimSuffix(b[at:at+end], []byte("\r"))
		size := len(line) / 4 * 3
		n, err := base64.StdEncoding.Decode(data[len(data):len(data)+size], line)
		if err != nil || 4*n != 3*len(line) {
			break // also for a line with padding
		}
		data = data[:len(data)+n]
		at += end + 1
	}
	return data, at
}

// isWords tells a line of text from one of base64. Below the padding a line
// must look very much like base64 to be taken for it.
func isWords(line []byte, padded bool) bool {
	line = bytes.Trim(line, " \t\r")
	legal := 0
	for _, c := range line {
		if isBase64(c) || c == '=' {
			legal++
		}
	}
	switch {
	case len(line) == 0:
		return false
	case padded && (legal < len(line) || legal < 16):
		return true
	}
	return bytes.IndexByte(line, ' ') > 0 && legal < len(line) && legal > 0 && !longRun(line) || 2*legal < len(line)
}

// longRun reports whether line is base64 that blanks were put into.
func longRun(line []byte) bool {
	for f := range bytes.FieldsSeq(line) {
		if len(f) >= 32 {
			return true
		}
	}
	return false
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
