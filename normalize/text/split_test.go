package text

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSplit(t *testing.T) {
	family := "👩‍👩‍👧" // five runes that show as one
	for _, c := range []struct {
		name  string
		in    string
		limit int
		want  []string
	}{
		{"short enough", "hello", 5, []string{"hello"}},
		{"nothing", "", 5, nil},
		{"no limit", "hello world", 0, []string{"hello world"}},
		{"between words", "hello world again", 12, []string{"hello world", "again"}},
		{"a word fits exactly", "hello world", 5, []string{"hello", "world"}},
		{"paragraph before line", "one two\n\nthree\nfour five", 19, []string{"one two\n\nthree", "four five"}},
		{"paragraph when it fills half", "one two three\n\nfour\nfive six", 20, []string{"one two three", "four\nfive six"}},
		{"sentence before word", "It came. It broke soon", 15, []string{"It came.", "It broke soon"}},
		{"no cut in a number", "about 3.14159 all", 10, []string{"about", "3.14159", "all"}},
		{"long word", "a " + strings.Repeat("x", 7), 4, []string{"a", "xxxx", "xxx"}},
		{"emoji stay whole", family + family + family, 12, []string{family + family, family}},
		{"flags stay whole", "🇩🇪🇫🇷🇯🇵", 5, []string{"🇩🇪🇫🇷", "🇯🇵"}},
		{"accents stay on their letters", "ee\u0301e\u0301", 4, []string{"ee\u0301", "e\u0301"}},
		{"chinese sentence", "你好，我的订单。还没有到达", 10, []string{"你好，我的订单。", "还没有到达"}},
		{"chinese never begins with a comma", "我的订单，没到", 4, []string{"我的订", "单，没到"}},
		{
			"a character longer than a message", "z" + strings.Repeat("\u0301", 7), 4,
			[]string{"z\u0301\u0301\u0301", "\u0301\u0301\u0301\u0301"},
		},
		{"white space alone is no piece", "a" + strings.Repeat(" ", 9) + "b   ", 3, []string{"a", "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Split(c.in, c.limit)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// checkSplit says what must hold of every split.
func checkSplit(t interface{ Fatalf(string, ...any) }, s string, limit int) {
	s = strings.ToValidUTF8(s, "\uFFFD")
	bounds, longest := map[int]bool{0: true}, 0
	for it := graphemes.FromString(s); it.Next(); {
		bounds[it.End()] = true
		longest = max(longest, utf8.RuneCountInString(it.Value()))
	}
	pos := 0
	for _, piece := range Split(s, limit) {
		if n := utf8.RuneCountInString(piece); n > limit || n == 0 {
			t.Fatalf("a piece of %d runes, limit %d", n, limit)
		}
		// Only white space is lost between pieces.
		at := strings.Index(s[pos:], piece)
		if at < 0 || strings.TrimFunc(s[pos:pos+at], unicode.IsSpace) != "" {
			t.Fatalf("%q is not what follows in %q after byte %d", piece, s, pos)
		}
		pos += at
		if longest <= limit && !bounds[pos] {
			t.Fatalf("%q begins within a cluster of %q", piece, s)
		}
		pos += len(piece)
		if longest <= limit && !bounds[pos] {
			t.Fatalf("%q ends within a cluster of %q", piece, s)
		}
	}
	if strings.TrimFunc(s[pos:], unicode.IsSpace) != "" {
		t.Fatalf("the end of %q is missing: %q", s, s[pos:])
	}
}

func TestSplitProperties(t *testing.T) {
	alphabet := []string{
		"a", "b", ". ", " ", "\n", "\n\n", "。", "，", "中", "の", "é", "e\u0301", "👩‍👩‍👧", "🇩🇪", "🇫", "\u0301",
		"\u200d", "\r\n", "한", "ᄒ", "ᅡ", "क्", "ष", "\u0600", "\u00a0", "!", "http://x.y/z", "\xff",
	}
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 60).Draw(t, "words")
		checkSplit(t, strings.Join(words, ""), rapid.IntRange(1, 25).Draw(t, "limit"))
	})
}

func FuzzSplit(f *testing.F) {
	f.Add("hello world. again\n\nand 中文。", 7)
	f.Add("\u0600 \u0301x", 2)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < 1 || limit > 1000 || len(s) > 10_000 {
			t.Skip("outside of what is checked: limit or length")
		}
		checkSplit(t, s, limit)
	})
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"hello", 5, "hello"},
		{"hello world", 6, "hello…"},
		{"hello world", 7, "hello…"},
		{"👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 2, "👩‍👩‍👧…"},
		{"a\nb\x1b[2J", 20, "a b[2J"},
		{"hello", 1, "…"},
		{"hello", 0, ""},
		{"", 3, ""},
	} {
		if got := Truncate(c.in, c.n); got != c.want {
			t.Errorf("Truncate(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func FuzzTruncate(f *testing.F) {
	f.Add("hello wörld 👩‍👩‍👧", 4)
	f.Fuzz(func(t *testing.T, s string, n int) {
		got := Truncate(s, n)
		if count := len(slices.Collect(clusters(got))); count > max(n, 0) {
			t.Errorf("Truncate(%q, %d) = %q has %d clusters", s, n, got, count)
		}
	})
}

func clusters(s string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for it := graphemes.FromString(s); it.Next(); {
			if !yield(it.Value()) {
				return
			}
		}
	}
}
