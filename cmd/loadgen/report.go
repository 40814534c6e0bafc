package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// sums is what became of the messages of a line, or of all.
type sums struct {
	written, arrived, refused, lost, doubled int
	// Of answers: those that the API took, and what became of them.
	asked, reached, uncertain, failed, open, answersLost, answersDoubled int
	heard                                                                []time.Duration
}

// count compares what was written with the daemon's events, and what it says of
// its answers with what the vendor has taken.
func (l *load) count(line int) (s sums) {
	got := map[int]int{}
	for _, g := range l.town.Lines[line].Got() {
		if kind, id, ok := l.tally.read(g.Text); ok && kind == "answer" {
			got[id]++
		}
	}
	for n, e := range l.tally.of(line) {
		if e.written.IsZero() {
			continue // it was ended before
		}
		s.written++
		s.doubled += e.doubled
		switch {
		case e.message != "":
			s.arrived++
			s.heard = append(s.heard, e.heard)
		case e.refused != nil:
			s.refused++
		default:
			s.lost++
		}
		if !e.asked {
			continue
		}
		s.asked++
		times := got[line*l.o.perChannel()+n]
		s.answersDoubled += max(0, times-1)
		s.reached += min(1, times)
		switch {
		case e.status == "uncertain":
			s.uncertain++
		case e.status == "failed":
			s.failed++
		case !final[e.status]:
			s.open++
		case times == 0:
			s.answersLost++
		}
	}
	return s
}

// report prints what was measured.
func (l *load) report(out io.Writer) error {
	var table tabwriter.Writer
	table.Init(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := "\nchannel\twritten\tarrived\tnot taken\tlost\tdoubled\t"
	if l.o.Answers {
		head += "answers\treached\tuncertain\tfailed\topen\tlost\tdoubled\t"
	}
	fmt.Fprintln(&table, head)
	flawed, written := false, 0
	all := make([]sums, len(l.town.Lines))
	for i, line := range l.town.Lines {
		s := l.count(i)
		all[i] = s
		written += s.written
		flawed = flawed || s.lost+s.doubled+s.answersLost+s.answersDoubled > 0
		fmt.Fprintf(&table, "%s\t%d\t%d\t%d\t%d\t%d\t", line.Name, s.written, s.arrived, s.refused, s.lost, s.doubled)
		if l.o.Answers {
			fmt.Fprintf(&table, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t", s.asked, s.reached, s.uncertain, s.failed, s.open, s.answersLost, s.answersDoubled)
		}
		fmt.Fprintln(&table)
	}
	fmt.Fprintln(&table, "\nmilliseconds\tp50\tp95\tp99\tmost\tof\t")
	for i, line := range l.town.Lines {
		row(&table, line.Name+", from writing to the event", all[i].heard)
	}
	for _, line := range l.town.Lines {
		took, refused := l.gauge.calls(line.Name)
		if len(took)+refused == 0 {
			continue // this vendor is asked, it does not call
		}
		row(&table, line.Name+", until its call is acknowledged", took)
		if refused > 0 {
			fmt.Fprintf(&table, "%s, calls not answered with 2xx\t\t\t\t\t%d\t\n", line.Name, refused)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	switch {
	case written == 0:
		return fmt.Errorf("nothing was written")
	case flawed:
		return errFlawed
	}
	return nil
}

func row(w io.Writer, name string, took []time.Duration) {
	if len(took) == 0 {
		fmt.Fprintf(w, "%s\t-\t-\t-\t-\t0\t\n", name)
		return
	}
	slices.Sort(took)
	at := func(p float64) float64 {
		return float64(took[min(len(took)-1, int(p*float64(len(took))))].Microseconds()) / 1000
	}
	fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%d\t\n", name, at(0.50), at(0.95), at(0.99), at(1), len(took))
}
