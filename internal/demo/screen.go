package demo

import (
	"fmt"
	"io"
	"strings"

	"github.com/deskbridge/deskbridge/internal/cli"
)

// screen writes lines to the terminal, above the line that the visitor types.
// One goroutine uses it.
type screen struct {
	out    io.Writer
	o      cli.Options
	editor *editor // nil where nobody types
	drawn  bool    // the prompt stands on the last line
}

const promptMark = "› "

// print writes lines. A terminal that has gone shows up as an end of the input.
func (s *screen) print(lines ...string) {
	var b strings.Builder
	s.erase(&b)
	for _, l := range lines {
		b.WriteString(strings.TrimRight(l, " "))
		b.WriteByte('\n')
	}
	s.draw(&b)
	_, _ = io.WriteString(s.out, b.String())
}

// refresh draws the prompt after a key.
func (s *screen) refresh() {
	var b strings.Builder
	s.erase(&b)
	s.draw(&b)
	_, _ = io.WriteString(s.out, b.String())
}

// leave takes the prompt away for good.
func (s *screen) leave() {
	var b strings.Builder
	s.erase(&b)
	s.editor = nil
	_, _ = io.WriteString(s.out, b.String())
}

func (s *screen) erase(b *strings.Builder) {
	if s.drawn {
		b.WriteString("\r\x1b[2K\x1b[1A\x1b[2K")
		s.drawn = false
	}
}

// draw puts an empty line and the prompt below what was written.
func (s *screen) draw(b *strings.Builder) {
	if s.editor == nil {
		return
	}
	line := s.editor.view(s.o.Width - len(promptMark) - 1)
	if len(s.editor.line) == 0 {
		line = s.o.Dim("number and answer, ? for help, q to quit") + fmt.Sprintf("\r\x1b[%dC", cli.Width(promptMark))
	}
	fmt.Fprintf(b, "\n%s%s", s.o.Green(promptMark), line)
	s.drawn = true
}
