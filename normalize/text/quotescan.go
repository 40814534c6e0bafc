package text

import (
	"strings"
	"unicode"
)

// mark is what the markup of a mail tells of the lines from one on.
type mark struct {
	what markKind
	end  int // the line behind the last
}

type markKind int

const (
	noMark        markKind = iota
	markQuote              // a mail that is answered
	markSignature          // a signature
	markOwn                // an indented text of which nothing says that it is a quote
)

// scanner divides lines into what is new and what is quoted.
type scanner struct {
	lines   []string
	folds   folds     // of the lines
	list    []stretch // in order, none empty or blank; blank lines stand between them
	forward bool      // the mail passes on another one
}

func scan(lines []string, marks map[int]mark) *scanner {
	s := &scanner{lines: lines, folds: newFolds(lines)}
	begin := 0 // of what is new
	divider := -1
	for i := 0; i < len(lines); {
		if blank(lines[i]) {
			i++
			continue
		}
		if m := marks[i]; m.what == markOwn && m.end > i {
			if s.headerWithin(i, m.end) {
				s.add(begin, i, false, false)
				s.add(i, m.end, true, true)
				begin = m.end
			}
			i = m.end
			continue
		}
		if s.quoted(i) {
			if overForward(fold(strings.TrimLeft(lines[i], "> "))) {
				s.forward = true
				return s
			}
			s.add(begin, i, false, false)
			next := s.quotedTo(i)
			s.add(i, next, true, false)
			i, begin = next, next
			continue
		}
		if s.forwards(i, marks) {
			s.forward = true
			return s
		}
		first, next, ok := s.quoteAt(i, begin, marks)
		if !ok {
			if divider < 0 && s.divides(i, begin) {
				divider = i
			}
			i++
			continue
		}
		s.add(begin, first, false, false)
		s.add(first, next, true, true)
		i, begin = next, next
	}
	s.add(begin, len(lines), false, false)
	if divider >= 0 && len(s.list) == 1 {
		// A program's signature is the only thing between what it stands under
		// and what it was put over.
		s.list = nil
		s.add(0, divider, false, false)
		s.add(divider, len(lines), true, true)
	}
	return s
}

// add appends a stretch without the blank lines at its ends.
func (s *scanner) add(first, end int, quoted, named bool) {
	if first, end = trimBlank(s.lines, first, end); first < end {
		s.list = append(s.list, stretch{first, end, quoted, named})
	}
}

// quoted is true for a line with ">" before it, but not where that closes an
// address which the line above opened.
func (s *scanner) quoted(i int) bool {
	if !quotedLine(s.lines[i]) {
		return false
	}
	if i == 0 || quotedLine(s.lines[i-1]) {
		return true
	}
	above := s.lines[i-1]
	return len(above) > maxMarker || strings.LastIndexByte(above, '<') <= strings.LastIndexByte(above, '>')
}

// wrapAt is the shortest line that programs break, in bytes.
const wrapAt = 66

// broken is true for the rest of a quoted line that was too long: it goes on
// in the middle of a sentence, and the quote goes on below.
func (s *scanner) broken(i int) bool {
	if i == 0 || i+1 == len(s.lines) || !quotedLine(s.lines[i-1]) || !quotedLine(s.lines[i+1]) || len(s.lines[i-1]) < wrapAt {
		return false
	}
	last := s.lines[i-1][len(s.lines[i-1])-1]
	for _, r := range s.lines[i] {
		return unicode.IsLower(r) && !strings.ContainsRune(".!?:", rune(last))
	}
	return false
}

// quotedTo returns where the quoted lines that begin with i end.
func (s *scanner) quotedTo(i int) int {
	end := i
	for ; i < len(s.lines); i++ {
		if s.quoted(i) || i == end && s.broken(i) {
			end = i + 1
		} else if !blank(s.lines[i]) {
			break
		}
	}
	return end
}

// forwards is true where a mail begins that is passed on: at the line, or
// where a program marked a quote, in one of the next.
func (s *scanner) forwards(i int, marks map[int]mark) bool {
	if marks[i].what != markQuote {
		return overForward(s.folds.at(i))
	}
	for j := i; j < min(i+4, len(s.lines)); j++ {
		if overForward(s.folds.at(j)) {
			return true
		}
	}
	return false
}

// quoteAt looks for the beginning of a quote in line i: lines[first:next] are
// it. Nothing before begin belongs to it.
func (s *scanner) quoteAt(i, begin int, marks map[int]mark) (first, next int, ok bool) {
	folded := s.folds.at(i)
	if marks[i].what == markQuote {
		return s.fenced(i, begin), s.below(i, marks[i].end), true
	}
	if overQuote(folded) || s.headerAt(i) {
		return s.fenced(i, begin), len(s.lines), true
	}
	if !mayEnd(folded) {
		return 0, 0, false
	}
	first, t := attribution(&s.folds, i, begin)
	if t == none {
		return 0, 0, false
	}
	j := i + 1
	for j < len(s.lines) && blank(s.lines[j]) {
		j++
	}
	switch {
	case j < len(s.lines) && s.quoted(j):
		return s.fenced(first, begin), s.quotedTo(j), true
	case t == sure && s.alone(first, begin):
		return s.fenced(first, begin), len(s.lines), true
	}
	return 0, 0, false
}

// below returns the end of a quote that the markup tells of: of its lines with
// ">", if those follow its first few lines, or else where the markup ends.
func (s *scanner) below(i, end int) int {
	const headLines = 6
	for j := i; j < min(i+headLines, end); j++ {
		if s.quoted(j) {
			return s.quotedTo(j)
		}
	}
	return max(i+1, end)
}

// fenced moves the beginning of a quote up over the rules above it, and over
// what else a program may put there: the words "original message" without any
// dashes, who wrote it, and to whom and on what.
func (s *scanner) fenced(first, begin int) int {
	for i := first - 1; i >= begin; i-- {
		folded := s.folds.at(i)
		if rule(folded) || words.original[title(folded)] || undated(folded) != none || i == first-1 && addressed(folded) {
			first = i
		} else if !blank(s.lines[i]) {
			break
		}
	}
	return first
}

// alone is true where no line of the same paragraph stands above, but for what
// a program added.
func (s *scanner) alone(first, begin int) bool {
	if first == begin || blank(s.lines[first-1]) {
		return true
	}
	above := s.folds.at(first - 1)
	found, _ := programSignature(above)
	return found || rule(above) || addressed(above) || opens(s.folds.at(first))
}

// addressed is true for a line of a header on to whom a mail is, or on what.
func addressed(folded string) bool {
	k := label(folded)
	return k == labelTo || k == labelSubject
}

// headerWithin is true where an indented text begins with the header of a mail.
func (s *scanner) headerWithin(first, end int) bool {
	const before = 3 // lines that may be blank or a rule
	inner := scanner{}
	for _, line := range s.lines[first:min(end, first+before+maxHeader)] {
		inner.lines = append(inner.lines, strings.TrimPrefix(strings.TrimPrefix(line, ">"), " "))
	}
	inner.folds = newFolds(inner.lines)
	for i := range min(before, len(inner.lines)) {
		if overQuote(inner.folds.at(i)) || inner.headerAt(i) {
			return true
		}
	}
	return false
}

// maxHeader bounds a copied header, in lines.
const maxHeader = 16

// headerAt is true where the header of a mail was copied to line i and below:
// who it is from and two more things, with an address, or the subject and the date, among them.
func (s *scanner) headerAt(i int) bool {
	if label(s.folds.at(i)) == noLabel {
		return false
	}
	var seen [labelOther + 1]bool
	address, wrapped, gap := false, 0, 0
	for j := i; j < min(i+maxHeader, len(s.lines)); j++ {
		folded := s.folds.at(j)
		k := label(folded)
		switch {
		case folded == "":
			gap++
		case k != noLabel && gap <= 1:
			seen[k] = true
			wrapped, gap = 0, 0
		case gap > 0 || wrapped == 2:
			j = len(s.lines)
			continue
		default:
			wrapped++
		}
		if k != noLabel || wrapped > 0 {
			address = address || mailbox.MatchString(folded)
		}
	}
	count := 0
	for _, k := range []kind{labelFrom, labelDate, labelTo, labelSubject} {
		if seen[k] {
			count++
		}
	}
	return seen[labelFrom] && count >= 3 && (address || seen[labelSubject] && seen[labelDate])
}

// divides is true for a signature that only a program writes, in a paragraph
// of its own below other words.
func (s *scanner) divides(i, begin int) bool {
	if i == begin || !blank(s.lines[i-1]) || i+1 >= len(s.lines) || !blank(s.lines[i+1]) {
		return false
	}
	_, sure := programSignature(s.folds.at(i))
	return sure
}
