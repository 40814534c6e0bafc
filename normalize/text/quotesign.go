package text

import (
	"strings"
	"unicode/utf8"
)

// Bounds of signatures, in lines that are not blank.
const (
	maxSignature = 25
	maxSignOff   = 5
	maxFooter    = 6
)

// dropSignatures takes the signatures off the last words that are new. Where
// a stretch is nothing else, it goes, and the one above it counts as the last.
func (s *scanner) dropSignatures(marks map[int]mark) {
	for i := len(s.list) - 1; i >= 0; i-- {
		p := &s.list[i]
		if p.quoted {
			continue
		}
		end := s.unsigned(p.first, p.end, marks)
		if _, end = trimBlank(s.lines, p.first, end); end > p.first {
			p.end = end
			return
		}
		s.list = append(s.list[:i], s.list[i+1:]...)
	}
}

// unsigned returns where the signatures of lines[first:end] begin.
func (s *scanner) unsigned(first, end int, marks map[int]mark) int {
	const kinds = 4 // one of each may follow another
	for range kinds {
		_, end = trimBlank(s.lines, first, end)
		cut := s.signature(first, end, marks)
		if cut == end {
			break
		}
		end = cut
	}
	return end
}

// signature returns where the last signature begins, or end.
func (s *scanner) signature(first, end int, marks map[int]mark) int {
	if first == end {
		return end
	}
	last := s.folds.at(end - 1)
	if found, sure := programSignature(last); found && (sure || end-1 == first || blank(s.lines[end-2])) {
		return end - 1
	}
	count, names := 0, true
	for i := end - 1; i >= first && count < maxSignature; i-- {
		if blank(s.lines[i]) {
			continue
		}
		line := s.folds.at(i)
		switch {
		case s.signed(marks[i], end), strings.TrimRight(s.lines[i], " ") == "--":
			return i
		case count <= maxFooter && strings.HasPrefix(line, "__") && rule(line+"_") && s.listFooter(i+1, end):
			return i
		case names && count > 0 && count <= maxSignOff && words.regards[strings.TrimRight(line, ",.!。 ")]:
			return i
		}
		names = names && nameLine(line)
		count++
	}
	return end
}

// signed is true where a signature of the markup reaches to the end.
func (s *scanner) signed(m mark, end int) bool {
	if m.what != markSignature {
		return false
	}
	first, end := trimBlank(s.lines, min(m.end, end), end)
	return first >= end
}

// listFooter is true for what a mailing list adds to each mail.
func (s *scanner) listFooter(first, end int) bool {
	for i := first; i < end; i++ {
		if l := s.folds.at(i); strings.Contains(l, "mailing list") || strings.Contains(l, "listinfo") {
			return true
		}
	}
	return false
}

// nameLine is true for a line that says who somebody is and where to find
// them, and nothing that an agent would have to answer.
func nameLine(folded string) bool {
	if folded == "" || utf8.RuneCountInString(folded) > 60 || strings.ContainsAny(folded, "?？;；") {
		return false
	}
	if strings.Contains(folded, "@") || strings.Contains(folded, "www.") || strings.Contains(folded, "://") {
		return len(strings.Fields(folded)) <= 5
	}
	if digits := strings.IndexFunc(folded, func(r rune) bool { return r >= '0' && r <= '9' }); digits >= 0 {
		return strings.HasPrefix(folded, "tel") || strings.HasPrefix(folded, "phone") || strings.HasPrefix(folded, "mob") ||
			strings.HasPrefix(folded, "fax") || strings.HasPrefix(folded, "+")
	}
	return len(strings.Fields(folded)) <= 7 && !strings.HasSuffix(folded, ".")
}
