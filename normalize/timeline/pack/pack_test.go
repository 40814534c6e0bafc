package pack

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

var prose = strings.Repeat("The lamp of order DE-104711 arrived on Monday, but its shade was cracked. ", 200)

func TestWhatIsPackedComesBack(t *testing.T) {
	noise := make([]byte, 8<<10)
	_, _ = rand.Read(noise)
	for _, c := range []struct {
		name   string
		b      []byte
		format Format
	}{
		{"empty", nil, Plain},
		{"a short text", []byte(prose[:1000]), Deflate},
		{"a mail", []byte(prose[:9000]), S2},
		{"noise", noise, Plain},
	} {
		packed, format := Append([]byte("before"), c.b)
		if format != c.format {
			t.Errorf("%s: format %d, want %d", c.name, format, c.format)
		}
		packed, ok := bytes.CutPrefix(packed, []byte("before"))
		if !ok || format != Plain && len(packed) >= len(c.b) {
			t.Errorf("%s: %d bytes became %d, prefix kept: %v", c.name, len(c.b), len(packed), ok)
		}
		if got, err := Unpack(packed, format); err != nil || !bytes.Equal(got, c.b) {
			t.Errorf("%s: %d bytes came back, %v", c.name, len(got), err)
		}
	}
}

// Stores hold what the standard library packed, and what Zstandard did.
func TestWhatWasPackedLongAgoIsRead(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Unpack(z.EncodeAll([]byte(prose), nil), Zstd); err != nil || string(got) != prose {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(prose)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := Unpack(b.Bytes(), Deflate); err != nil || string(got) != prose {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestDamagedBytesAreAnError(t *testing.T) {
	for _, size := range []int{1000, 9000} {
		packed, format := Append(nil, []byte(prose[:size]))
		for _, b := range [][]byte{packed[:len(packed)/2], append([]byte{0xff}, packed...)} {
			if got, err := Unpack(b, format); err == nil && string(got) == prose[:size] {
				t.Errorf("format %d: damage was not noticed", format)
			}
		}
	}
	if _, err := Unpack(binary.AppendUvarint(nil, 1<<31), S2); !errors.Is(err, errTooLarge) {
		t.Errorf("a length of 2 GiB: %v", err)
	}
	if _, err := Unpack([]byte("x"), Format('9')); err == nil {
		t.Error("an unknown format is no error")
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, size := range map[string]int{"short": 1000, "mail": 9000} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			dst := make([]byte, 0, size)
			for b.Loop() {
				Append(dst, []byte(prose[:size]))
			}
		})
	}
}
