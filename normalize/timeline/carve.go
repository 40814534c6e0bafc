package timeline

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"

	"github.com/deskbridge/deskbridge/normalize/timeline/pack"
)

const (
	// carveFrom is the size in bytes from which a file is cut out of the input
	// that carries it: below, its base64 costs less than the reference.
	carveFrom = 4 << 10
	// carveMisses bounds how often an input is searched in vain for its files,
	// some of which are written in other ways.
	carveMisses = 8
	// carveSample is how many bytes of a file it is searched by: as many as
	// stand on one line wherever lines are of a usual length.
	carveSample = 36
)

// carried is a file of the media store that came within an input.
type carried struct {
	data   []byte
	digest [32]byte
}

// reference stands in a carved input for the base64 of a file.
type reference struct {
	digest [32]byte
	size   int // of the file
	gap    int // bytes that stand between the reference before and this one
	lines  layout
}

// layout is how base64 is broken into lines.
type layout struct {
	width int // characters of a line, whole groups; 0 where all stands on one
	crlf  bool
}

func (l layout) ending() string {
	if l.crlf {
		return "\r\n"
	}
	return "\n"
}

// length is how many bytes a file of that size takes in base64.
func (l layout) length(size int) int {
	n := base64.StdEncoding.EncodedLen(size)
	if l.width > 0 && n > 0 {
		n += (n - 1) / l.width * len(l.ending())
	}
	return n
}

// carve finds the files whose base64 stands in raw, in their order, and
// returns references to them and what is left without them; nothing where
// there are none. A file is found by its beginning, and counts where encoding
// it anew gives the very bytes.
func carve(raw []byte, files []carried) (found []reference, rest []byte) {
	at, cut, misses := 0, 0, 0 // at is where the last file ends
	for _, f := range files {
		if len(f.data) < carveFrom {
			continue
		}
		sample := base64.StdEncoding.AppendEncode(nil, f.data[:carveSample])
		for from := at; misses < carveMisses; from++ {
			i := bytes.Index(raw[from:], sample)
			if i < 0 {
				misses++
				break
			}
			from += i
			if lines, ok := written(raw[from:], f.data); ok {
				size := lines.length(len(f.data))
				found = append(found, reference{f.digest, len(f.data), from - at, lines})
				at, cut = from+size, cut+size
				break
			}
			misses++
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	rest, at = make([]byte, 0, len(raw)-cut), 0
	for _, f := range found {
		rest = append(rest, raw[at:at+f.gap]...)
		at += f.gap + f.lines.length(f.size)
	}
	return found, append(rest, raw[at:]...)
}

// written reports whether raw begins with the base64 of data, and in what
// lines.
func written(raw, data []byte) (lines layout, ok bool) {
	n := base64.StdEncoding.EncodedLen(len(data))
	if i := bytes.IndexByte(raw[:min(len(raw), n)], '\n'); i > 0 {
		lines.crlf = raw[i-1] == '\r'
		if lines.width = i; lines.crlf {
			lines.width--
		}
		if lines.width == 0 || lines.width%4 != 0 {
			return lines, false
		}
	}
	if len(raw) < lines.length(len(data)) {
		return lines, false
	}
	step, ending := len(data), lines.ending()
	if lines.width > 0 {
		step = lines.width / 4 * 3
	}
	for step < len(data) {
		if !encodes(raw, data[:step]) || string(raw[lines.width:lines.width+len(ending)]) != ending {
			return lines, false
		}
		raw, data = raw[lines.width+len(ending):], data[step:]
	}
	return lines, encodes(raw, data)
}

// encodes reports whether raw begins with the base64 of data. The standard
// library's letters, to be compared afterwards, would take three times as long.
func encodes(raw, data []byte) bool {
	wrong := uint64(0)
	for len(data) >= 24 && len(raw) >= 32 {
		d, r := (*[24]byte)(data), (*[32]byte)(raw)
		wrong |= letters(binary.BigEndian.Uint64(d[0:8])>>16) ^ binary.LittleEndian.Uint64(r[0:8])
		wrong |= letters(binary.BigEndian.Uint64(d[6:14])>>16) ^ binary.LittleEndian.Uint64(r[8:16])
		wrong |= letters(binary.BigEndian.Uint64(d[12:20])>>16) ^ binary.LittleEndian.Uint64(r[16:24])
		wrong |= letters(binary.BigEndian.Uint64(d[16:24])) ^ binary.LittleEndian.Uint64(r[24:32])
		data, raw = data[24:], raw[32:]
	}
	for len(data) >= 3 && len(raw) >= 4 {
		bits := uint64(data[0])<<16 | uint64(data[1])<<8 | uint64(data[2])
		wrong |= letters(bits)>>32 ^ uint64(binary.LittleEndian.Uint32(raw))
		data, raw = data[3:], raw[4:]
	}
	if wrong != 0 || len(data) == 0 {
		return wrong == 0
	}
	var tail [4]byte
	return bytes.HasPrefix(raw, base64.StdEncoding.AppendEncode(tail[:0], data))
}

// letters returns the eight letters of the lower 48 bits, the first one lowest.
func letters(bits uint64) uint64 {
	return uint64(base64Pairs[bits>>36&0xfff]) | uint64(base64Pairs[bits>>24&0xfff])<<16 |
		uint64(base64Pairs[bits>>12&0xfff])<<32 | uint64(base64Pairs[bits&0xfff])<<48
}

// base64Pairs are the two letters of each twelve bits, the first one lower.
var base64Pairs = func() (t [1 << 12]uint16) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for bits := range t {
		t[bits] = uint16(letters[bits>>6]) | uint16(letters[bits&0x3f])<<8
	}
	return t
}()

// appendReferences writes down how many references there are, and each: digest,
// size, gap, width and whether lines end with CR LF. All numbers are uvarints.
func appendReferences(b []byte, list []reference) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, r := range list {
		b = append(b, r.digest[:]...)
		crlf := uint64(0)
		if r.lines.crlf {
			crlf = 1
		}
		for _, n := range []uint64{uint64(r.size), uint64(r.gap), uint64(r.lines.width), crlf} {
			b = binary.AppendUvarint(b, n)
		}
	}
	return b
}

// readReferences is the inverse of appendReferences. It takes nothing that
// carve cannot have written.
func readReferences(b []byte) (list []reference, after []byte, ok bool) {
	number := func(most uint64) int {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > most {
			ok = false
			return 0
		}
		b = b[size:]
		return int(n)
	}
	ok = true
	for range number(uint64(len(b) / 32)) {
		var r reference
		if !ok || len(b) < len(r.digest) {
			return nil, nil, false
		}
		b = b[copy(r.digest[:], b):]
		r.size, r.gap, r.lines.width, r.lines.crlf = number(carveMost), number(carveMost), number(carveMost), number(1) == 1
		if ok = ok && r.lines.width%4 == 0; !ok {
			return nil, nil, false
		}
		list = append(list, r)
	}
	return list, b, ok
}

// carveMost bounds what damaged numbers can ask for; no input is as large.
const carveMost = 1 << 30

// packCarved makes the form in which a carved input is kept: the references,
// a byte that says how the rest is packed, the rest. sum is what its digest is
// taken of, which fixes every byte since it holds the files' digests.
func packCarved(list []reference, rest []byte) (data, sum []byte) {
	sum = appendReferences(nil, list)
	head := len(sum)
	sum = append(sum, rest...)
	data = append(make([]byte, 0, head+1+len(rest)/2), sum[:head]...)
	data = append(data, byte(pack.Plain))
	if len(rest) < rawCompressFrom {
		return append(data, rest...), sum
	}
	data, format := pack.Append(data, rest)
	data[head] = byte(format)
	return data, sum
}
