package text

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// pattern is a text with the name of a device or program in it.
type pattern struct {
	before, after string
	open          bool // has a name at all
}

func newPattern(s string) pattern {
	before, after, open := strings.Cut(s, "%")
	return pattern{before, after, open}
}

// matches allows of a name what is none of a sentence.
func (p pattern) matches(s string) bool {
	if !p.open {
		return s == p.before
	}
	if len(s) < len(p.before)+len(p.after) || !strings.HasPrefix(s, p.before) || !strings.HasSuffix(s, p.after) {
		return false
	}
	name := s[len(p.before) : len(s)-len(p.after)]
	return (name != "" || p.after == "") && utf8.RuneCountInString(name) <= 40 &&
		len(strings.Fields(name)) <= 6 && !strings.ContainsAny(name, ",;:?!。，？！、…")
}

// patterns are looked up by the byte that they begin with.
type patterns struct {
	by    [256][]pattern
	named []pattern // that begin with a name; each has letters that are not ASCII
}

func (l *patterns) add(p pattern) {
	if p.before == "" {
		l.named = append(l.named, p)
		return
	}
	l.by[p.before[0]] = append(l.by[p.before[0]], p)
}

// match reports whether any of the patterns matches.
func (l *patterns) match(s string) bool {
	matches := func(p pattern) bool { return p.matches(s) }
	return s != "" && slices.ContainsFunc(l.by[s[0]], matches) || slices.ContainsFunc(l.named, matches)
}

// may reports whether any of the patterns may match s once words were taken
// off its end.
func (l *patterns) may(s string) bool {
	s = strings.TrimLeft(s, " ")
	return s != "" && (slices.ContainsFunc(l.by[s[0]], func(p pattern) bool { return strings.HasPrefix(s, p.before) }) ||
		plainPrefix(s) < len(s) && slices.ContainsFunc(l.named, func(p pattern) bool { return strings.Contains(s, p.after) }))
}
