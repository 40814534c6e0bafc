package email

import "encoding/binary"

// Compressed RTF, [MS-OXRTFCP]: how Exchange and Outlook keep the body of a
// mail in a winmail.dat.
const (
	rtfCompressed   = 0x75465a4c // "LZFu"
	rtfUncompressed = 0x414c454d // "MELA"

	rtfHeader     = 16
	rtfDictionary = 4096
	// maxRTF bounds what is unpacked of one body.
	maxRTF = 4 * maxText
)

// rtfPreset is what the dictionary holds at the start, [MS-OXRTFCP] 2.1.2.1.
const rtfPreset = `{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0` +
	"\r\n" + `\par \pard\plain\f0\fs20\b\i\u\tab\tx`

// unpackRTF returns the RTF in b. It is lenient with what ends too early and
// looks at no checksum: half a text is better than none.
func unpackRTF(b []byte) []byte {
	if len(b) < rtfHeader {
		return nil
	}
	size := min(uint64(binary.LittleEndian.Uint32(b[4:])), maxRTF)
	kind := binary.LittleEndian.Uint32(b[8:])
	b = b[rtfHeader:]
	switch kind {
	case rtfUncompressed:
		return b[:min(uint64(len(b)), size)]
	case rtfCompressed:
		return inflateRTF(b, int(size))
	}
	return nil
}

// inflateRTF reads runs of eight tokens, each after a byte that tells which of
// them are letters and which refer to the dictionary.
func inflateRTF(b []byte, size int) []byte {
	var window [rtfDictionary]byte
	at := copy(window[:], rtfPreset)
	var out []byte
	put := func(c byte) {
		out = append(out, c)
		window[at] = c
		at = (at + 1) % rtfDictionary
	}
	for len(b) > 0 && len(out) < size {
		flags := b[0]
		b = b[1:]
		for bit := 0; bit < 8 && len(out) < size; bit++ {
			if flags>>bit&1 == 0 {
				if len(b) == 0 {
					return out
				}
				put(b[0])
				b = b[1:]
				continue
			}
			if len(b) < 2 {
				return out
			}
			from, n := int(b[0])<<4|int(b[1])>>4, int(b[1]&15)+2
			b = b[2:]
			if from == at {
				return out // the mark of the end
			}
			for range n {
				put(window[from])
				from = (from + 1) % rtfDictionary
			}
		}
	}
	return out[:min(len(out), size)]
}
