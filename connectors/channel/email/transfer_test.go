package email

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A blank in front makes decodeBase64 go letter by letter, so both of its ways
// must come to the same end, whatever was done to the lines.
func TestBase64IsReadTheSameInBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b []byte
		for range rapid.IntRange(0, 6).Draw(t, "lines") {
			line := rapid.SampledFrom([]string{
				base64.StdEncoding.EncodeToString(rapid.SliceOfN(rapid.Byte(), 0, 57).Draw(t, "data")),
				rapid.StringMatching(`[A-Za-z0-9+/=_. -]{0,40}`).Draw(t, "odd"),
				strings.Repeat("QUJD", 19), "This footer was added by a list, and is no part.", "",
			}).Draw(t, "line")
			b = append(append(b, line...), rapid.SampledFrom([]string{"\n", "\r\n", "\r", " \n", ""}).Draw(t, "end")...)
		}
		data, rest := decodeBase64(b)
		slowly, slowRest := decodeBase64(append([]byte(" "), b...))
		if !bytes.Equal(data, slowly) || !bytes.Equal(bytes.TrimLeft(rest, " "), bytes.TrimLeft(slowRest, " ")) {
			t.Fatalf("of %q:\n%q, %q at once\n%q, %q letter by letter", b, data, rest, slowly, slowRest)
		}
	})
}

func BenchmarkBase64(b *testing.B) {
	var lines bytes.Buffer
	if err := writeBase64(&lines, bytes.NewReader(bytes.Repeat([]byte("a file\xff"), 20_000))); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(lines.Len()))
	for b.Loop() {
		decodeBase64(lines.Bytes())
	}
}
