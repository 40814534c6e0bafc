package cli

import (
	"fmt"
	"io"
	"strings"
)

// Table is a listing. Its cells may hold anything; they are made safe here.
type Table struct {
	Head []string
	Rows [][]string
	// Flex is the column that gives way where the terminal is narrow.
	Flex int
	// Empty is said where there is no row.
	Empty string
}

const (
	tableGap     = 2
	tableFlexMin = 12
	tableCellMax = 32
)

// Write draws the table.
func (t Table) Write(w io.Writer, o Options) error {
	if len(t.Rows) == 0 {
		_, err := fmt.Fprintln(w, t.Empty)
		return err
	}
	widths := make([]int, len(t.Head))
	rows := append([][]string{t.Head}, t.Rows...)
	for y, row := range rows {
		clean := make([]string, len(row))
		for x, cell := range row {
			clean[x] = o.line(cell)
			if x != t.Flex {
				clean[x] = Fit(clean[x], tableCellMax)
			}
			widths[x] = max(widths[x], Width(clean[x]))
		}
		rows[y] = clean
	}
	total := tableGap * (len(widths) - 1)
	for _, n := range widths {
		total += n
	}
	if over := total - o.Width; over > 0 {
		widths[t.Flex] = max(min(tableFlexMin, widths[t.Flex]), widths[t.Flex]-over)
	}
	var b strings.Builder
	for y, row := range rows {
		var line strings.Builder
		for x, cell := range row {
			if x > 0 {
				line.WriteString(strings.Repeat(" ", tableGap))
			}
			line.WriteString(pad(Fit(cell, widths[x]), widths[x]))
		}
		text := strings.TrimRight(line.String(), " ")
		if y == 0 {
			text = o.paint(dim, text)
		}
		b.WriteString(text)
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
