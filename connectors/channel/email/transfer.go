package email

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math/bits"
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
// begins. It does in one go what decodeBase64 does letter by letter. data has
// room for all of b.
func plainBase64(data, b []byte) ([]byte, int) {
	at, end := 0, 0
	for at < len(b) {
		// A line is mostly as long as the one before; one within which another
		// ends is no base64.
		if at+end >= len(b) || b[at+end] != '\n' {
			if end = bytes.IndexByte(b[at:], '\n'); end < 0 {
				break
			}
		}
		line := bytes.TrimSuffix(b[at:at+end], []byte("\r"))
		size := len(line) / 4 * 3
		if len(line)%4 != 0 || !base64Bits.decode(data[len(data):cap(data)], line) {
			break // also for a line with padding
		}
		data = data[:len(data)+size]
		at += end + 1
	}
	return data, at
}

// groupBits are the bits that a letter of base64 gives to six bytes, the first
// of them lowest, by its place among the eight letters that make them.
type groupBits [8][256]uint64

// decode decodes whole groups, and reports whether all of src was base64. The
// standard library reads lines by which mail is broken at half the speed.
func (t *groupBits) decode(dst, src []byte) bool {
	bad := uint64(0)
	for ; len(src) >= 8 && len(dst) >= 8; src, dst = src[8:], dst[6:] {
		group := t[0][src[0]] | t[1][src[1]] | t[2][src[2]] | t[3][src[3]] |
			t[4][src[4]] | t[5][src[5]] | t[6][src[6]] | t[7][src[7]]
		bad |= group
		binary.LittleEndian.PutUint64(dst, group)
	}
	for ; len(src) >= 4; src, dst = src[4:], dst[3:] {
		group := t[0][src[0]] | t[1][src[1]] | t[2][src[2]] | t[3][src[3]]
		bad |= group
		dst[0], dst[1], dst[2] = byte(group), byte(group>>8), byte(group>>16)
	}
	return bad < notBase64
}

// notBase64 is a bit that no group has.
const notBase64 = 1 << 63

var base64Bits = func() (t groupBits) {
	for place := range t {
		for c := range t[place] {
			t[place][c] = notBase64
		}
		for value, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
			t[place][c] = bits.ReverseBytes64(uint64(value) << (58 - 6*place))
		}
	}
	return t
}()

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
