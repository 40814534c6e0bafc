package timeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/normalize/timeline/pack"
)

// shelf is a media store in memory.
type shelf map[string][]byte

func (s shelf) Batch() FileBatch { panic("nothing is written here") }

func (s shelf) Read(_ context.Context, digest string) ([]byte, error) {
	if b, ok := s[digest]; ok {
		return b, nil
	}
	return nil, fs.ErrNotExist
}

func (s shelf) put(data []byte) carried {
	sum := sha256.Sum256(data)
	s[hex.EncodeToString(sum[:])] = data
	return carried{data, sum}
}

// lines breaks base64 into lines; there is no break after the last one.
func lines(data []byte, width int, ending string) string {
	s := base64.StdEncoding.EncodeToString(data)
	if width == 0 {
		return s
	}
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + ending)
		s = s[width:]
	}
	return b.String() + s
}

func picture(seed byte, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	return b
}

// keep carves an input, puts it together again and returns how many files were
// cut out.
func keep(t *testing.T, files shelf, raw []byte, carries []carried) (cut int) {
	t.Helper()
	found, rest := carve(raw, carries)
	if len(found) == 0 {
		return 0
	}
	r := Raw{Size: int64(len(raw))}
	if !r.carved(found, rest) {
		data, sum := packCarved(found, rest)
		r.Encoding, r.Data, r.Digest = RawCarved, data, sha256.Sum256(sum)
	}
	got, err := Unpack(t.Context(), files, r)
	if err != nil || !bytes.Equal(got, raw) {
		t.Fatalf("%d bytes came back of %d, or others: %v", len(got), len(raw), err)
	}
	return len(found)
}

func TestFilesAreCutOutHoweverTheyAreWritten(t *testing.T) {
	const head, tail = "Subject: x\r\n\r\n--b\r\n\r\n", "\r\n--b--\r\n"
	a, b := picture(1, 20_000), picture(2, 30_001)
	alike := append(bytes.Clone(a[:6000]), b[:9001]...)
	zeros := make([]byte, 10_000)
	broken := []byte(lines(a, 76, "\n"))
	broken[len(broken)/2]++
	for name, c := range map[string]struct {
		raw   string
		files [][]byte
		want  int
	}{
		"76, CR LF":              {head + lines(a, 76, "\r\n") + tail, [][]byte{a}, 1},
		"76, LF":                 {head + lines(a, 76, "\n") + tail, [][]byte{a}, 1},
		"64":                     {head + lines(a, 64, "\n") + tail, [][]byte{a}, 1},
		"60":                     {head + lines(a, 60, "\n") + tail, [][]byte{a}, 1},
		"998":                    {head + lines(b, 996, "\r\n") + tail, [][]byte{b}, 1},
		"one line":               {head + lines(a, 0, "") + tail, [][]byte{a}, 1},
		"JSON":                   {`{"file":"` + lines(b, 0, "") + `","x":1}`, [][]byte{b}, 1},
		"nothing around it":      {lines(b, 76, "\n"), [][]byte{b}, 1},
		"one padding":            {head + lines(a[:19_001], 76, "\n") + tail, [][]byte{a[:19_001]}, 1},
		"two paddings":           {head + lines(a[:19_000], 76, "\n") + tail, [][]byte{a[:19_000]}, 1},
		"whole lines":            {head + lines(a[:57*300], 76, "\n") + tail, [][]byte{a[:57*300]}, 1},
		"a text below":           {head + lines(a, 76, "\n") + "\n\nScanned by X\n", [][]byte{a}, 1},
		"two":                    {head + lines(a, 76, "\n") + tail + lines(b, 76, "\r\n") + tail, [][]byte{a, b}, 2},
		"the same twice":         {head + lines(a, 76, "\n") + tail + lines(a, 64, "\r\n") + tail, [][]byte{a, a}, 2},
		"one of two":             {head + lines(a, 76, "\n") + tail + "8bit" + tail, [][]byte{[]byte(strings.Repeat("8bit", 2000)), a}, 1},
		"the same beginning":     {head + lines(alike, 76, "\n") + tail + lines(a, 76, "\n") + tail, [][]byte{a}, 1},
		"zeros":                  {head + lines(zeros, 76, "\n") + tail, [][]byte{zeros}, 1},
		"small":                  {head + lines(a[:carveFrom-1], 76, "\n") + tail, [][]byte{a[:carveFrom-1]}, 0},
		"another file":           {head + lines(a, 76, "\n") + tail, [][]byte{b}, 0},
		"one letter wrong":       {string(broken), [][]byte{a}, 0},
		"longer than is there":   {head + lines(a[:15_000], 76, "\n"), [][]byte{a}, 0},
		"cut off within a line":  {head + lines(a, 76, "\n")[:20_000], [][]byte{a}, 0},
		"lines of 75":            {head + lines(a, 75, "\n") + tail, [][]byte{a}, 0},
		"blanks at line ends":    {head + lines(a, 76, " \n") + tail, [][]byte{a}, 0},
		"blanks from the middle": {head + lines(a[:57*100], 76, "\n") + "\n" + lines(a[57*100:], 76, " \n") + tail, [][]byte{a}, 0},
		"one empty line within":  {head + lines(a[:57*100], 76, "\n") + "\n\n" + lines(a[57*100:], 76, "\n") + tail, [][]byte{a}, 0},
		"an empty input":         {"", [][]byte{a}, 0},
		"many that are not here": {head + lines(a, 76, "\n") + tail, append(slicesOf(b, carveMisses), a), 0},
	} {
		files := shelf{}
		var carries []carried
		for _, f := range c.files {
			carries = append(carries, files.put(f))
		}
		if got := keep(t, files, []byte(c.raw), carries); got != c.want {
			t.Errorf("%s: %d files cut out, want %d", name, got, c.want)
		}
	}
}

func slicesOf(b []byte, n int) (list [][]byte) {
	for range n {
		list = append(list, b)
	}
	return list
}

// However an input is written and whatever a decoder made of it, the same bytes
// come back.
func FuzzCarve(f *testing.F) {
	f.Add([]byte("head"), []byte("tail"), uint16(5000), uint8(76), true, uint16(0), false)
	f.Add([]byte("head"), []byte(""), uint16(4097), uint8(0), false, uint16(3000), false)
	f.Add([]byte(""), []byte("AAAA"), uint16(60_000), uint8(64), true, uint16(9000), true)
	f.Fuzz(func(t *testing.T, head, tail []byte, size uint16, width uint8, crlf bool, spoil uint16, twice bool) {
		ending := "\n"
		if crlf {
			ending = "\r\n"
		}
		data := picture(byte(size), int(size))
		written := []byte(lines(data, int(width), ending))
		if spoil > 0 && len(written) > 0 {
			written[int(spoil)%len(written)] ^= byte(size)>>3 | 1
		}
		raw := append(append(bytes.Clone(head), written...), tail...)
		if twice {
			raw = append(raw, written...)
		}
		files := shelf{}
		carries := []carried{files.put(data), files.put(tail), files.put(data)}
		cut := keep(t, files, raw, carries)
		whole := len(data) >= carveFrom && spoil == 0 && (width == 0 || width%4 == 0 && width >= 48) && len(head) == 0
		if whole && cut == 0 {
			t.Error("the file was not found")
		}
	})
}

// What was damaged, or never was ours, is an error and no panic, and takes no
// memory that it has not.
func FuzzUnpackCarved(f *testing.F) {
	files := shelf{}
	c := files.put(picture(3, 5000))
	raw := []byte("head " + lines(c.data, 76, "\r\n") + " tail")
	found, rest := carve(raw, []carried{c})
	data, _ := packCarved(found, rest)
	f.Add(data, int64(len(raw)))
	f.Add(data[:40], int64(len(raw)))
	f.Add([]byte{1}, int64(1))
	f.Add(append(append([]byte{1}, c.digest[:]...), 0xff, 0xff, 0xff, 0xff, 3, 0, 4, 1, 0), int64(100))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		r := Raw{Encoding: RawCarved, Data: data, Size: size % (1 << 20)}
		if list, packed, ok := readReferences(data); ok && len(packed) > 0 {
			if rest, err := pack.Unpack(packed[1:], pack.Format(packed[0])); err == nil {
				sum := append(bytes.Clone(data[:len(data)-len(packed)]), rest...)
				r.Digest = sha256.Sum256(sum) // as if it had been written so
			}
			if again := appendReferences(nil, list); len(again) > len(data)-len(packed) {
				t.Errorf("%d bytes of references were read from %d", len(again), len(data)-len(packed))
			}
		}
		if got, err := Unpack(t.Context(), files, r); err == nil && int64(len(got)) != r.Size {
			t.Errorf("%d bytes for %d", len(got), r.Size)
		}
	})
}

func TestDamagedFilesOfAnInputAreNamed(t *testing.T) {
	files := shelf{}
	c := files.put(picture(4, 9000))
	raw := []byte("head\n" + lines(c.data, 76, "\n") + "\ntail")
	found, rest := carve(raw, []carried{c})
	r := Raw{Size: int64(len(raw))}
	if !r.carved(found, rest) || len(r.Files) != 1 || len(r.Data) > 100 {
		t.Fatalf("kept as %d bytes with %d files", len(r.Data), len(r.Files))
	}
	name := hex.EncodeToString(c.digest[:])
	delete(files, name)
	if _, err := Unpack(t.Context(), files, r); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("its file is missing: %v", err)
	}
	files[name] = c.data[1:]
	if _, err := Unpack(t.Context(), files, r); err == nil {
		t.Error("its file was cut short, and it is taken for whole")
	}
	files[name] = c.data
	r.Data[len(r.Data)-1]++
	if _, err := Unpack(t.Context(), files, r); err == nil {
		t.Error("the rest was changed, and it is taken for whole")
	}
}
