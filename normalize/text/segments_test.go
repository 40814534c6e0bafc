package text_test

import (
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/normalize/text"
)

func TestSegmentsOfSMS(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"nothing", "", 0},
		{"one", "Hello, Größe 5 @ £3", 1},
		{"as long as one may be", strings.Repeat("a", 160), 1},
		{"a letter more", strings.Repeat("a", 161), 2},
		{"two", strings.Repeat("a", 306), 2},
		{"three", strings.Repeat("a", 307), 3},
		{"the euro counts twice", strings.Repeat("€", 80), 1},
		{"and makes two", strings.Repeat("€", 81), 2},
		{"it is not cut in two", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), 3},
		{"Chinese", strings.Repeat("字", 70), 1},
		{"more Chinese", strings.Repeat("字", 71), 2},
		{"one emoji in Latin text", strings.Repeat("a", 69) + "😀", 2},
		{"emoji are not cut in two", strings.Repeat("字", 66) + "😀" + strings.Repeat("字", 66), 3},
	} {
		if got := text.Segments(c.text); got != c.want {
			t.Errorf("%s: %d segments, want %d", c.name, got, c.want)
		}
	}
}
