package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress shows how far a long work has come: a bar that is drawn anew on a
// terminal, elsewhere a line at each tenth.
type Progress struct {
	Out      io.Writer
	Terminal bool
	Width    int

	shown time.Time
	tenth int
}

const (
	progressEvery = 100 * time.Millisecond
	progressBar   = 30 // columns
)

// Show draws that a part of 1 is done, with words on it.
func (p *Progress) Show(part float64, words string) error {
	part = min(max(part, 0), 1)
	if !p.Terminal {
		tenth := int(part * 10)
		if tenth <= p.tenth {
			return nil
		}
		p.tenth = tenth
		_, err := fmt.Fprintf(p.Out, "%3d %%  %s\n", int(part*100), words)
		return err
	}
	now := time.Now()
	if part < 1 && now.Sub(p.shown) < progressEvery {
		return nil
	}
	p.shown = now
	full := int(part * progressBar)
	line := fmt.Sprintf("%s%s %3d %%  %s", strings.Repeat("█", full), strings.Repeat("░", progressBar-full), int(part*100), words)
	_, err := fmt.Fprint(p.Out, "\r\x1b[K"+Fit(line, p.Width-1))
	return err
}

// End leaves the bar's line.
func (p *Progress) End() error {
	if !p.Terminal || p.shown.IsZero() {
		return nil
	}
	_, err := fmt.Fprintln(p.Out)
	return err
}
