package cli

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestWrap(t *testing.T) {
	tests := map[string]struct {
		text  string
		width int
		want  []string
	}{
		"at spaces":                   {"the quick brown fox", 10, []string{"the quick", "brown fox"}},
		"a word that is too long":     {"see https://example.com/a/long/path now", 12, []string{"see", "https://exam", "ple.com/a/lo", "ng/path now"}},
		"Chinese anywhere":            {"您好我上周订购了咖啡机", 8, []string{"您好我上", "周订购了", "咖啡机"}},
		"no stop at the line's start": {"订单是这样的。谢谢", 12, []string{"订单是这样", "的。谢谢"}},
		"emoji stay whole":            {"👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 4, []string{"👨‍👩‍👧👨‍👩‍👧", "👨‍👩‍👧"}},
		"lines and indentation stay":  {"a\n\n  b\n", 10, []string{"a", "", "  b"}},
		"nothing":                     {"", 10, []string{""}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Wrap(tt.text, tt.width)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever a stranger writes, wrapping loses nothing but space, keeps to the
// width and leaves nothing that a terminal obeys.
func FuzzWrap(f *testing.F) {
	for _, s := range []string{hostile, "您好 hello", "👨‍👩‍👧", "\xff\xfe", "a\tb\rc"} {
		f.Add(s, 20)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = 4 + max(width, -width)%200
		if width < 4 || len(s) > 10_000 {
			t.Skip("no width, or more than a test needs")
		}
		safe := Safe(s)
		lines := Wrap(safe, width)
		for _, l := range lines {
			if Width(l) > width {
				t.Errorf("%d columns of %d: %q", Width(l), width, l)
			}
			if strings.ContainsFunc(l, unicode.IsControl) {
				t.Errorf("a control character is left: %q", l)
			}
		}
		strip := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got, want := strip(strings.Join(lines, "")), strip(safe); got != want {
			t.Errorf("text was changed:\n%q\n%q", want, got)
		}
	})
}

func TestHuman(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 4300: "4.2 KiB", 25 << 20: "25 MiB", 3 << 40: "3 TiB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 9 * time.Millisecond: "9ms", 1200 * time.Millisecond: "1.2s",
		90 * time.Second: "1m30s", 2 * time.Hour: "2h", 50 * time.Hour: "2d2h", -time.Minute: "-1m",
	} {
		if got := Span(d); got != want {
			t.Errorf("Span(%s) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 parts", 1: "1 part", 2: "2 parts"} {
		if got := Count(n, "part"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	o := Options{Now: t0}
	for at, want := range map[time.Time]string{t0: "now", t0.Add(-5 * time.Minute): "5m ago", t0.Add(30 * time.Second): "in 30s", {}: "-"} {
		if got := o.Ago(at); got != want {
			t.Errorf("Ago(%s) = %q, want %q", at, got, want)
		}
	}
}

func TestColorNeedsATerminalThatWantsIt(t *testing.T) {
	o := Detect(&strings.Builder{}, func(name string) string { return map[string]string{"COLUMNS": "72"}[name] }, nil, t0)
	if o.Color || o.Width != 72 {
		t.Errorf("a pipe got colour %v and width %d", o.Color, o.Width)
	}
}
