package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a configuration file.
type Problem struct {
	File string
	// Line and Column count from 1; 0 where the file as a whole is meant.
	Line, Column int
	Msg          string
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Msg
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Msg)
}

// Problems are all mistakes of a file, in the order of their places. No
// message holds the value of a secret.
type Problems []Problem

// Error returns a line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Types are the kinds of account that a file may use: for each type name a
// constructor of its settings, a pointer to a struct with the tags described
// above.
type Types struct {
	Channels, Helpdesks map[string]func() Settings
	// Route checks the rule of a helpdesk; nil for no mistake. Without it rules
	// are taken as they are.
	Route func(rule string) *RouteError
}

// RouteError is a mistake in a rule. Line and Column count from 1, in
// characters of the rule.
type RouteError struct {
	Line, Column int
	Msg          string
}

// maxProblems is how many problems are reported; a file with more is no
// configuration.
const maxProblems = 100

// sorted orders problems by place and bounds their number.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	ps = slices.Compact(ps)
	if n := len(ps) - maxProblems; n > 0 {
		ps = append(ps[:maxProblems:maxProblems], Problem{File: ps[0].File, Msg: fmt.Sprintf("%d more problems", n)})
	}
	return ps
}
