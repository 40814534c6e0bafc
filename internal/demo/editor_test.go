package demo

import (
	"slices"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/cli"
)

func TestTyping(t *testing.T) {
	for _, tc := range []struct {
		name  string
		keys  []string // as the terminal hands them over
		lines []string
		left  string
		end   bool
	}{
		{name: "a line, key by key", keys: []string{"1", " ", "h", "i", "\n"}, lines: []string{"1 hi"}},
		{name: "two lines pasted and a rest", keys: []string{"a\rb\nc"}, lines: []string{"a", "b"}, left: "c"},
		{name: "a character in two pieces", keys: []string{"\xe4\xbd", "\xa0\n"}, lines: []string{"你"}},
		{name: "backspace takes a character, not a byte", keys: []string{"ä你\x7f\x7fok\n"}, lines: []string{"ok"}},
		{name: "backspace on nothing", keys: []string{"\x7f\x7fx\n"}, lines: []string{"x"}},
		{name: "Ctrl-U and Ctrl-W", keys: []string{"abc\x151 two words\x17", "w\n"}, lines: []string{"1 two w"}},
		{name: "arrows do nothing, however they are cut", keys: []string{"a\x1b", "[", "1;5", "Cb\x1bOAc\n"}, lines: []string{"abc"}},
		{name: "Ctrl-D ends an empty line", keys: []string{"\x04"}, end: true},
		{name: "Ctrl-D does not lose a line", keys: []string{"a\x04"}, left: "a"},
		{name: "bytes that are no text", keys: []string{"\xffa\x00\n"}, lines: []string{"\uFFFDa"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var e editor
			var lines []string
			end := false
			for _, k := range tc.keys {
				l, stop := e.feed([]byte(k))
				lines, end = append(lines, l...), end || stop
			}
			if !slices.Equal(lines, tc.lines) || string(e.line) != tc.left || end != tc.end {
				t.Errorf("got %q, left %q, end %v", lines, string(e.line), end)
			}
		})
	}
}

func TestPromptStaysOnOneLine(t *testing.T) {
	var out strings.Builder
	s := &screen{out: &out, o: cli.Options{Width: 40}, editor: &editor{}}
	s.editor.feed([]byte(strings.Repeat("很长", 60) + "end"))
	s.print("news")
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 3 || lines[0] != "news" || lines[1] != "" {
		t.Fatalf("drawn: %q", lines)
	}
	if prompt := lines[2]; cli.Width(prompt) >= 40 || !strings.HasSuffix(prompt, "很长end") {
		t.Errorf("the prompt does not fit or hides what is being typed: %q", prompt)
	}
	out.Reset()
	s.print("more")
	if got := out.String(); !strings.HasPrefix(got, "\r\x1b[2K\x1b[1A\x1b[2Kmore\n") {
		t.Errorf("the prompt is not taken away before more is written: %q", got)
	}
}
