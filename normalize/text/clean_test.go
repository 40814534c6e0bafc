package text

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"clean text stays", "a\tb\nc é 中 👩‍👩‍👧", "a\tb\nc é 中 👩‍👩‍👧"},
		{"NUL goes", "a\x00b", "ab"},
		{"escape sequences lose their escape", "\x1b[31mred\x9b", "[31mred\uFFFD"},
		{"controls go", "a\x07\x08\x7f\u009bb", "ab"},
		{"line ends", "a\r\nb\rc\n\r\nd\u0085e", "a\nb\nc\n\nd\ne"},
		{"a run of bad bytes is one mark", "a\xff\xfe\xfdb\xc3", "a\uFFFDb\uFFFD"},
		{"a mark that was sent stays", "a\uFFFD\uFFFDb", "a\uFFFD\uFFFDb"},
		{"surrogates are no UTF-8", "a\xed\xa0\x80b", "a\uFFFDb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Clean(c.in); got != c.want {
				t.Errorf("Clean(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestCleanLine(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"folded subject", " Re:\r\n\t order \u00a0 7\u2028", "Re: order 7"},
		{"a name cannot turn the line around", "evil\u202efdp.exe\u2069", "evilfdp.exe"},
		{"marks that names need stay", "עברית\u200f (אב)", "עברית\u200f (אב)"},
		{"nothing left", "\x00\n \u202a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := CleanLine(c.in); got != c.want {
				t.Errorf("CleanLine(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\x00\r\n\xff\u202e", "\xe4\xb8", "\u0085\u2029"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, clean := range map[string]func(string) string{"Clean": Clean, "CleanLine": CleanLine} {
			got := clean(s)
			if !utf8.ValidString(got) || clean(got) != got {
				t.Errorf("%s(%q) = %q: not valid, or not clean", name, s, got)
			}
			for _, r := range got {
				if !allowed(r) || name == "CleanLine" && (r == '\n' || r == '\t' || turnsDirection(r)) {
					t.Errorf("%s(%q) keeps %q", name, s, r)
				}
			}
		}
	})
}

// Eight bytes are looked at at once, and must be found as one by one.
func TestNoByteHidesAmongOthers(t *testing.T) {
	for c := range 256 {
		for at := range 17 {
			s := []byte(strings.Repeat("~ a", 6)[:17])
			s[at] = byte(c)
			got, clean := Clean(string(s)), c >= ' ' && c <= '~' || c == '\n' || c == '\t'
			if (got == string(s)) != clean {
				t.Fatalf("%q at %d became %q", byte(c), at, got)
			}
		}
	}
}
