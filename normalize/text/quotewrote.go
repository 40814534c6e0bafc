package text

import (
	"regexp"
	"strings"
	"unicode"
)

// Evidence that a line says when and by whom a quote was written.
var (
	clock    = regexp.MustCompile(`\p{Nd}{1,2} ?[:.h時时点시] ?\p{Nd}{2}`)
	calendar = regexp.MustCompile(`\p{Nd}{1,4}[-/.年년] ?\p{Nd}{1,2}[-/.月월]|(?:19|20|٢٠)\p{Nd}{2}|月 ?\p{Nd}{1,2} ?日`)
	mailbox  = regexp.MustCompile(`[^\s<>()"']@[^\s<>()"']`)
	boxed    = regexp.MustCompile(`[<(\[＜] ?[^\s<>]{0,200}@[^<>]{0,300}[>)\]＞]`)
)

// trust is how sure a line is to be the first of a quote.
type trust int

const (
	none  trust = iota
	maybe       // where lines with ">" follow
	sure        // whatever follows
)

// maxWrapped bounds over how many lines an attribution may run.
const maxWrapped = 4

// mayEnd is true for a line that an attribution may end with.
func mayEnd(folded string) bool {
	end := strings.TrimRight(folded, "- ")
	if verb := lastVerb(end); verb {
		return true
	}
	return strings.HasSuffix(end, ":") && label(end) == noLabel
}

// attribution weighs a line that mayEnd words such as "On Monday, Ann wrote:",
// and returns where these begin, some lines above perhaps. What is not sure by
// the last lines alone may be so by one above that a program broke.
func attribution(lines *folds, last, floor int) (first int, t trust) {
	verb := lastVerb(strings.TrimRight(lines.at(last), "- "))
	joined, broken := "", true
	for i := last; i >= floor && last-i < maxWrapped; i-- {
		line := lines.at(i)
		if line == "" || i < last && quotedLine(lines.lines[i]) {
			break
		}
		if i < last {
			broken = broken && brokenOff(line, joined)
		}
		if t != none && !broken {
			break
		}
		joined = line + " " + joined
		switch wrote(joined, last == i || verb || broken) {
		case sure:
			return wider(lines, i, last, floor), sure
		case maybe:
			if t == none {
				first, t = i, maybe
			}
		}
	}
	if t == none {
		return last, undated(lines.at(last))
	}
	return wider(lines, first, last, floor), t
}

// undated weighs a line that names whom and not when, as some programs write
// it: "Ann <ann@shop.test> writes:".
func undated(s string) trust {
	s = strings.Trim(s, "- ")
	if boxed.MatchString(s) && !ownWords(s) && (lastVerb(s) || opens(s) && strings.IndexByte(">)]", lastByte(s)) >= 0) {
		return maybe
	}
	return none
}

// minWrap is the width at which programs break lines at the least, in bytes.
const minWrap = 60

// brokenOff is true where the next line's first word did not fit into a line.
func brokenOff(line, next string) bool {
	word, _, _ := strings.Cut(next, " ")
	return len(line)+len(word) >= minWrap && !strings.ContainsAny(line[len(line)-1:], ".!?:") &&
		!strings.HasSuffix(line, "。") && !strings.HasSuffix(line, "！") && !strings.HasSuffix(line, "？")
}

// wider takes the beginning of a wrapped line in as well, where that line is
// what such lines begin with.
func wider(lines *folds, first, last, floor int) int {
	best := first
	for i := first - 1; i >= floor && last-i < maxWrapped; i-- {
		line := lines.at(i)
		if line == "" || quotedLine(lines.lines[i]) {
			break
		}
		if opens(line) && strings.IndexFunc(line, unicode.IsDigit) >= 0 && !strings.HasSuffix(line, ".") {
			best = i
		}
	}
	return best
}

func opens(folded string) bool {
	for _, s := range words.opens {
		if strings.HasPrefix(folded, s) {
			return true
		}
	}
	return false
}

// lastVerb is true where the line's last words say that someone wrote.
func lastVerb(folded string) bool {
	s := strings.TrimRight(folded, ":- ")
	if s == "" {
		return false
	}
	for _, verb := range words.wroteBy[s[len(s)-1]] {
		if rest, ok := strings.CutSuffix(s, verb); ok && begins(rest, verb) {
			return true
		}
	}
	return false
}

// begins is true where a word of an alphabet may begin behind rest.
func begins(rest, verb string) bool {
	if rest == "" || verb[0] >= 0xE3 { // no spaces between words there
		return true
	}
	return strings.HasSuffix(rest, " ") || strings.HasSuffix(rest, ">") || strings.HasSuffix(rest, ")") || strings.HasSuffix(rest, ",")
}

// hasVerb is true where any of the verbs stands in the line.
func hasVerb(folded string) bool {
	for _, verb := range words.wrote {
		if i := strings.Index(folded, verb); i >= 0 && begins(folded[:i], verb) {
			return true
		}
	}
	return false
}

// wrote weighs a whole attribution, in one line.
func wrote(s string, whole bool) trust {
	s = strings.Trim(s, "- ")
	if len(s) > 3*maxMarker || ownWords(s) {
		return none
	}
	if strings.IndexFunc(s, unicode.IsDigit) < 0 {
		return none
	}
	if strings.ContainsAny(s, "?!？！。") && !boxed.MatchString(s) {
		return none
	}
	day, hour := calendar.MatchString(s), clock.MatchString(s)
	ends := lastVerb(s)
	said := ends || hasVerb(s)
	switch {
	case !day && !hour:
		if said && (mailbox.MatchString(s) || opens(s)) {
			return maybe
		}
		return none
	case boxed.MatchString(s) && (said || whole && unworded(s)) && (ends || opens(s) || strings.IndexByte(">)]", lastByte(s)) >= 0):
		return sure
	case ends && mailbox.MatchString(s):
		return sure
	case ends && opens(s) && (hour || day):
		return sure
	case said || hour && day || mailbox.MatchString(s):
		return maybe
	}
	return none
}

// unworded is true for a date, a time and a name alone, as programs write them
// in languages that need no verb. A sentence has more words.
func unworded(s string) bool {
	const before, name = 2, 4 // words: a weekday and what leads to it; a name
	loc := boxed.FindStringIndex(s)
	if loc == nil || opens(s) {
		return false
	}
	s = s[:loc[0]]
	first, last := strings.IndexFunc(s, unicode.IsDigit), strings.LastIndexFunc(s, unicode.IsDigit)
	return first >= 0 && len(strings.Fields(s[:first])) <= before && len(strings.Fields(s[last:])) <= name+1
}

// ownWords is true where the sender speaks of themselves: no program does.
func ownWords(folded string) bool {
	return says(words.self, " "+withoutCommas.Replace(folded)+" ")
}

var withoutCommas = strings.NewReplacer(",", " ", "(", " ")

// lastByte returns what stands before the colon at the end, 0 for nothing.
func lastByte(s string) byte {
	if s = strings.TrimRight(s, ": "); s == "" {
		return 0
	}
	return s[len(s)-1]
}
