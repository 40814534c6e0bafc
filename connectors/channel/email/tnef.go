package email

import (
	"encoding/binary"
	"strings"

	"github.com/deskbridge/deskbridge/normalize/text"
)

// Outlook's transport-neutral format, [MS-OXTNEF]: what a winmail.dat holds.
// Read here are the files and the text; the rest concerns Exchange only.
const (
	tnefSignature = 0x223e9f78

	tnefAttachRender = 0x9002 // begins an attachment
	tnefAttachTitle  = 0x8010
	tnefAttachData   = 0x800f
	tnefAttachProps  = 0x9005
	tnefMessageBody  = 0x800c
	tnefMessageProps = 0x9003
	tnefCodepage     = 0x9007

	// Properties, [MS-OXPROPS].
	mapiLongFilename = 0x3707
	mapiFilename     = 0x3704
	mapiDisplayName  = 0x3001
	mapiMIMEType     = 0x370e
	mapiContentID    = 0x3712
	mapiAttachData   = 0x3701
	mapiBody         = 0x1000
	mapiBodyHTML     = 0x1013
	mapiRTF          = 0x1009 // compressed, [MS-OXRTFCP]
)

// tnef is what was found in a winmail.dat.
type tnef struct {
	plain, html string
	files       []tnefFile
	codepage    string
}

type tnefFile struct {
	name, kind, id string
	data           []byte
}

// addTNEF takes the files out of a winmail.dat. It is kept itself where that
// does not go through to its end or brings nothing, so that nothing is lost.
func (b *body) addTNEF(n *node, name string) error {
	data := n.content()
	t, whole := readTNEF(data)
	if !whole || len(t.files) == 0 && t.plain == "" && t.html == "" {
		if err := b.attach(n, name, data, ""); err != nil || !whole {
			return err
		}
	}
	for _, f := range t.files {
		part := &node{kind: either(strings.ToLower(f.kind), typeByName(f.name))}
		if f.id != "" {
			part.header = header{{"content-id", f.id}}
		}
		if err := b.attach(part, f.name, f.data, ""); err != nil {
			return err
		}
	}
	if words := either(text.Clean(t.plain), text.FromHTML(t.html)); words != "" {
		b.spare = either(b.spare, cut(words))
	}
	return nil
}

// readTNEF walks the attributes once. whole reports whether all of it made
// sense.
func readTNEF(b []byte) (t tnef, whole bool) {
	if len(b) < 6 || binary.LittleEndian.Uint32(b) != tnefSignature {
		return t, false
	}
	for b = b[6:]; len(b) > 0; {
		if len(b) < 11 {
			return t, false
		}
		id, size := binary.LittleEndian.Uint16(b[1:]), uint64(binary.LittleEndian.Uint32(b[5:]))
		if size+11 > uint64(len(b)) || len(t.files) > maxParts {
			return t, false
		}
		if !t.attribute(id, b[9:9+size]) {
			return t, false
		}
		b = b[9+size+2:] // a checksum follows
	}
	return t, true
}

func (t *tnef) attribute(id uint16, v []byte) bool {
	if id == tnefAttachRender {
		t.files = append(t.files, tnefFile{})
		return true
	}
	var f *tnefFile
	if n := len(t.files); n > 0 {
		f = &t.files[n-1]
	}
	switch {
	case id == tnefCodepage && len(v) >= 4:
		t.codepage = codepage(binary.LittleEndian.Uint32(v))
	case id == tnefMessageBody:
		t.plain = t.text(v)
	case id == tnefMessageProps:
		return readMAPI(v, func(tag uint16, wide bool, v []byte) {
			switch tag {
			case mapiBody:
				t.plain = either(t.plain, t.property(wide, v))
			case mapiBodyHTML:
				t.html = either(t.html, t.property(wide, v))
			case mapiRTF:
				plain, html := readRTF(unpackRTF(v))
				t.plain, t.html = either(t.plain, plain), either(t.html, html)
			}
		})
	case f == nil:
	case id == tnefAttachTitle:
		f.name = either(f.name, t.text(v))
	case id == tnefAttachData:
		f.data = v
	case id == tnefAttachProps:
		names := map[uint16]string{}
		ok := readMAPI(v, func(tag uint16, wide bool, v []byte) {
			switch tag {
			case mapiLongFilename, mapiFilename, mapiDisplayName, mapiMIMEType, mapiContentID:
				names[tag] = t.property(wide, v)
			case mapiAttachData:
				if f.data == nil && len(v) > 16 {
					f.data = v[16:] // an embedded object, below its class id
				}
			}
		})
		f.name = either(names[mapiLongFilename], either(f.name, either(names[mapiFilename], names[mapiDisplayName])))
		f.kind, f.id = names[mapiMIMEType], names[mapiContentID]
		return ok
	}
	return true
}

// text decodes a value in the codepage of the file.
func (t *tnef) text(v []byte) string {
	return strings.TrimRight(toUTF8([]byte(strings.TrimRight(string(v), "\x00")), t.codepage), "\x00")
}

func (t *tnef) property(wide bool, v []byte) string {
	if wide {
		s, _ := decodeAs(v, "utf-16le")
		return strings.TrimRight(s, "\x00")
	}
	return t.text(v)
}

func codepage(n uint32) string {
	switch n {
	case 936:
		return "gb18030"
	case 950:
		return "big5"
	case 932:
		return "shift_jis"
	case 949:
		return "euc-kr"
	case 874:
		return "windows-874"
	case 65001:
		return "utf-8"
	case 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258:
		return "windows-125" + string(rune('0'+n%10))
	}
	return ""
}
