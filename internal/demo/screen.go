package demo

import (
	"io"
	"strings"
	"sync"

	"github.com/deskbridge/deskbridge/internal/cli"
)

// screen writes lines to the terminal. It may be used by several at once.
type screen struct {
	mu  sync.Mutex
	out io.Writer
	o   cli.Options
}

// print writes lines. A terminal that has gone takes none, and nobody misses
// them.
func (s *screen) print(lines ...string) {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(l, " "))
		b.WriteByte('\n')
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.out, b.String())
}
