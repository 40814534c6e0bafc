package email

import "encoding/binary"

// mapiReader reads a property list, [MS-OXTNEF] 2.1.3.4, within its bounds.
type mapiReader struct {
	b  []byte
	ok bool
}

func (r *mapiReader) take(n uint64) []byte {
	if !r.ok || n > uint64(len(r.b)) {
		r.ok = false
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *mapiReader) number() uint64 {
	if v := r.take(4); v != nil {
		return uint64(binary.LittleEndian.Uint32(v))
	}
	return 0
}

// padded takes a value that is filled up to four bytes. The very last one may
// lack that.
func (r *mapiReader) padded(n uint64) []byte {
	v := r.take(n)
	r.take(min((4-n%4)%4, uint64(len(r.b))))
	return v
}

// Types of properties.
const (
	mapiMultiple = 0x1000
	mapiString8  = 0x001e
	mapiUnicode  = 0x001f
	mapiObject   = 0x000d
	mapiBinary   = 0x0102
)

// fixedSizes are those of the types that say no size of their own.
var fixedSizes = map[uint16]uint64{
	0x0000: 0, 0x0001: 0, 0x0002: 4, 0x0003: 4, 0x0004: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x000a: 4, 0x000b: 4, 0x0014: 8, 0x0040: 8, 0x0048: 16,
}

// readMAPI calls use for each string and binary value, and reports whether the
// list made sense to its end.
func readMAPI(b []byte, use func(tag uint16, wide bool, v []byte)) bool {
	r := &mapiReader{b: b, ok: true}
	for n := r.number(); r.ok && n > 0; n-- {
		head := r.take(4)
		if head == nil {
			return false
		}
		kind, tag := binary.LittleEndian.Uint16(head), binary.LittleEndian.Uint16(head[2:])
		if tag >= 0x8000 {
			r.named()
		}
		count := uint64(1)
		size, fixed := fixedSizes[kind&^mapiMultiple]
		if kind&mapiMultiple != 0 || !fixed {
			count = r.number()
		}
		for ; r.ok && count > 0; count-- {
			if fixed {
				if size == 0 {
					break
				}
				r.padded(size)
				continue
			}
			switch kind &^ mapiMultiple {
			case mapiString8, mapiUnicode, mapiObject, mapiBinary:
				use(tag, kind&^mapiMultiple == mapiUnicode, r.padded(r.number()))
			default:
				return false
			}
		}
	}
	return r.ok
}

// named skips the name of a named property.
func (r *mapiReader) named() {
	r.take(16)
	if r.number() == 0 {
		r.number()
		return
	}
	r.padded(r.number())
}
