package route

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"
)

// located gives a mistake its place.
func located(source string, m *misuse) *Error {
	line, column := position(source, m.at.From)
	return &Error{line, column, m.msg}
}

// position counts from 1; from is a number of characters.
func position(source string, from int) (line, column int) {
	runes := []rune(source)
	before := string(runes[:min(max(from, 0), len(runes))])
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}

// plain says in our words what the language says in its own.
var plain = []struct {
	theirs *regexp.Regexp
	ours   func(m []string) string
}{
	{regexp.MustCompile(`^unknown name (\S+)$`), func(m []string) string {
		if m[1] == Otherwise {
			return Otherwise + " stands alone, as the whole rule"
		}
		return fmt.Sprintf("there is no %q: a rule can ask for %s", m[1], strings.Join(names, ", "))
	}},
	{regexp.MustCompile(`^type \S+ has no field (\S+)$`), func(m []string) string {
		return fmt.Sprintf("there is no %q here: a rule can ask for %s", m[1], strings.Join(names, ", "))
	}},
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types (.+) and (.+)\)$`), func(m []string) string {
		return fmt.Sprintf("%s cannot stand between %s and %s", m[1], kind(m[2]), kind(m[3]))
	}},
	{regexp.MustCompile(`^expected bool, but got (.+)$`), func(m []string) string {
		return fmt.Sprintf("a rule must come to yes or no, and this is %s", kind(m[1]))
	}},
	{regexp.MustCompile(`^unexpected token EOF$`), func([]string) string { return "something is missing at the end" }},
	{regexp.MustCompile(`^unexpected token \w+\((.*)\)`), func(m []string) string { return m[1] + " is not expected here" }},
	{regexp.MustCompile(`exceeds maximum allowed nodes$`), func([]string) string { return "the rule is too long" }},
	{regexp.MustCompile(`^literal not terminated$`), func([]string) string { return "a quotation mark is missing" }},
}

// kind names a type of the language.
func kind(t string) string {
	switch t {
	case "string":
		return "a text"
	case "bool":
		return "yes or no"
	case "int", "int64", "float64", "integer":
		return "a number"
	case "route.Channel":
		return "the channel as a whole (ask for channel.name or channel.type)"
	case "route.Address":
		return "the address as a whole (ask for address.kind or address.value)"
	}
	if strings.HasPrefix(t, "[]") {
		return "a list"
	}
	return t
}

// explain makes an Error of what the compiler says.
func explain(source string, err error) *Error {
	out := &Error{1, 1, err.Error()}
	if e, ok := errors.AsType[*file.Error](err); ok {
		out.Msg = e.Message
		out.Line, out.Column = position(source, e.From)
	}
	for _, p := range plain {
		if m := p.theirs.FindStringSubmatch(out.Msg); m != nil {
			out.Msg = p.ours(m)
			break
		}
	}
	return out
}
