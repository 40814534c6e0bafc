package cli

import (
	"fmt"
	"io"
	"strings"
)

// Level is the result of a check.
type Level string

const (
	OK   Level = "ok"
	Warn Level = "warn"
	Fail Level = "fail"
)

// Check is one line of the doctor's.
type Check struct {
	Name  string `json:"name"`
	Level Level  `json:"level"`
	// Text is what was found, Advice what to do about it.
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

// RenderChecks draws checks and a count at the end.
func RenderChecks(w io.Writer, checks []Check, o Options) error {
	var b strings.Builder
	marks := map[Level]mark{OK: {"ok  ", green}, Warn: {"warn", yellow}, Fail: {"FAIL", red}}
	name, count := 0, map[Level]int{}
	for _, c := range checks {
		name = max(name, Width(o.line(c.Name)))
		count[c.Level]++
	}
	for _, c := range checks {
		m := marks[c.Level]
		lead := "  " + pad(o.line(c.Name), name) + "  "
		indent := strings.Repeat(" ", 4+Width(lead))
		for i, l := range Wrap(o.line(c.Text), max(o.Width-len(indent), 16)) {
			if i == 0 {
				b.WriteString(o.paint(m.color, m.sign) + lead + l + "\n")
				continue
			}
			b.WriteString(indent + l + "\n")
		}
		if c.Advice != "" {
			for i, l := range Wrap(o.line(c.Advice), max(o.Width-len(indent)-2, 16)) {
				arrow := "→ "
				if i > 0 {
					arrow = "  "
				}
				b.WriteString(indent + o.paint(m.color, arrow) + l + "\n")
			}
		}
	}
	fmt.Fprintf(&b, "\n%d ok, %d warnings, %d failures\n", count[OK], count[Warn], count[Fail])
	_, err := io.WriteString(w, b.String())
	return err
}
