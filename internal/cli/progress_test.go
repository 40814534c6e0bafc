package cli

import (
	"strings"
	"testing"
)

func TestProgress(t *testing.T) {
	var out strings.Builder
	p := &Progress{Out: &out, Width: 100}
	for _, part := range []float64{0, 0.05, 0.31, 0.35, 2} {
		if err := p.Show(part, "words"); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.End(); err != nil || out.String() != " 31 %  words\n100 %  words\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	out.Reset()
	p = &Progress{Out: &out, Width: 60, Terminal: true}
	for _, part := range []float64{0.5, 1} {
		if err := p.Show(part, strings.Repeat("many words ", 9)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.End(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimPrefix(out.String(), "\r\x1b[K"), "\r\x1b[K")
	if len(lines) != 2 || !strings.Contains(lines[0], "█░") || !strings.Contains(lines[1], "100 %") || !strings.HasSuffix(lines[1], "\n") {
		t.Errorf("%q", lines)
	}
	for _, l := range lines {
		if Width(strings.TrimSpace(l)) > 59 {
			t.Errorf("%q is %d columns wide", l, Width(l))
		}
	}
}
