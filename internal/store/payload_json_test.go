package store

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What is written by ourselves is read by the library as what it would have
// written.
func TestPayloadsAreJSON(t *testing.T) {
	texts := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("aZ \"\\\n\t\x01\x1f\x7f!#[]é中\U0001F600\u2028"))))
	rapid.Check(t, func(t *rapid.T) {
		p := payload{
			ReceivedAt: time.Unix(1, 0).UTC(), Subject: texts.Draw(t, "subject"),
			Text: texts.Draw(t, "text"), FullText: texts.Draw(t, "full text"), HTML: texts.Draw(t, "html"),
		}
		var out bytes.Buffer
		if err := p.writeJSON(&out); err != nil {
			t.Fatal(err)
		}
		var got, want payload
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", out.Bytes(), err)
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestNoByteHidesFromQuoting(t *testing.T) {
	for c := range 128 {
		for at := range 17 {
			s := strings.Repeat("a", at) + string(rune(c)) + strings.Repeat("é", 8)
			if got, want := unescaped(s), c >= ' ' && c != '"' && c != '\\'; (got == len(s)) != want || !want && got != at {
				t.Fatalf("%q at %d: %d", rune(c), at, got)
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	text := strings.Repeat("The lamp of order DE-104711 arrived on Monday, but its \"shade\" was cracked.\n", 50)
	p := &payload{ReceivedAt: time.Unix(1, 0).UTC(), Text: text, HTML: "<p>" + text + "</p>"}
	b.ReportAllocs()
	b.SetBytes(int64(2 * len(text)))
	for b.Loop() {
		if _, err := p.encode(); err != nil {
			b.Fatal(err)
		}
	}
}
