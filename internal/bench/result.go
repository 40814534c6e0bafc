package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Result is one line of the table.
type Result struct {
	// Goal is the number of the goal, 0 for context; see goalNames for those that
	// have a name instead.
	Goal int    `json:"goal,omitempty"`
	What string `json:"what"`
	// Reference is the bare limit measured in the same run, in words; empty
	// where the goal is a number of its own.
	Reference string `json:"reference,omitempty"`
	Measured  string `json:"measured"`
	// Ratio is measured to reference, or to the goal's own number.
	Ratio float64 `json:"ratio,omitempty"`
	Want  string  `json:"want,omitempty"`
	Met   bool    `json:"met"`
	// Scaled says how the run is smaller than the goal asks for; empty for the
	// full size.
	Scaled string `json:"scaled,omitempty"`
	Note   string `json:"note,omitempty"`
}

// Goals that have a name instead of a number.
const (
	mailGoal = 100
	ackGoal  = 101
)

var goalNames = map[int]string{mailGoal: "mail", ackGoal: "ack"}

// printTable writes the table, and below it what is to be known of single lines.
func printTable(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "goal\twhat\treference\tmeasured\tratio\tgoal value\tmet")
	var notes []string
	for _, r := range results {
		goal, ratio, met := strconv.Itoa(r.Goal), fmt.Sprintf("%.3f", r.Ratio), "NO"
		if r.Met {
			met = "yes"
		}
		if r.Goal == 0 {
			goal, met = "-", ""
		} else if name := goalNames[r.Goal]; name != "" {
			goal = name
		}
		if r.Ratio == 0 {
			ratio = ""
		}
		what := r.What
		if r.Scaled != "" || r.Note != "" {
			notes = append(notes, strings.TrimPrefix(strings.Join([]string{scaledText(r.Scaled), r.Note}, "; "), "; "))
			what += fmt.Sprintf(" [%d]", len(notes))
		}
		fmt.Fprintln(t, strings.Join([]string{goal, what, r.Reference, r.Measured, ratio, r.Want, met}, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i, n := range notes {
		if _, err := fmt.Fprintf(w, "[%d] %s\n", i+1, strings.TrimSuffix(n, "; ")); err != nil {
			return err
		}
	}
	return nil
}

func scaledText(s string) string {
	if s == "" {
		return ""
	}
	return "SCALED: " + s
}

// median of an odd or even number of values; 0 for none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// pairs holds what rounds measured side by side.
type pairs struct{ ref, got []float64 }

func (p *pairs) add(ref, got float64) { p.ref, p.got = append(p.ref, ref), append(p.got, got) }

// ratio is the median of the rounds' own ratios: what disturbs the machine
// for a while disturbs both sides of a round.
func (p *pairs) ratio() float64 {
	r := make([]float64, len(p.ref))
	for i := range r {
		r[i] = p.got[i] / p.ref[i]
	}
	return median(r)
}

func perSecond(v float64) string { return fmt.Sprintf("%.0f/s", v) }

func millis(d float64) string { return fmt.Sprintf("%.2f ms", d/float64(time.Millisecond)) }

func mega(b float64) string { return fmt.Sprintf("%.1f MB", b/1e6) }
