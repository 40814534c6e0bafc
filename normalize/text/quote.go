package text

import (
	"slices"
	"strings"
)

// maxPasses bounds how often what is left is looked at once more. A mail that
// changes each time was made to; of it nothing is cut.
const maxPasses = 4

// maxLines bounds the mails that are looked at. A longer one is a table or a
// protocol rather than a letter, and all of it counts as new.
const maxLines = 20_000

// NewlyWritten returns of the text of a mail what its sender wrote now,
// without the mail that is answered and without signature. It is a run of the
// mail's own lines, with a greeting before it where a quote stood between the
// two. Where it is not plain what is new, all of it is: a quote between new
// words stays, since these answer it; so does a mail that was passed on, and
// one that holds nothing new. What was returned once is returned again when it
// is asked for.
//
// It knows what the common mail programs write around a quote in the
// languages of the table languages, and ">" in any. Of a mail with more than
// 20,000 lines all is new.
func NewlyWritten(plain string) (visible string) {
	lines := strings.Split(plain, "\n")
	if len(lines) > maxLines {
		return plain
	}
	left := lines
	for range maxPasses {
		kept := fresh(left, nil)
		if len(kept) == len(left) {
			if len(left) == len(lines) {
				return plain
			}
			return strings.Join(left, "\n")
		}
		left = kept
	}
	return plain
}

// fresh returns the lines that are new, without blank lines at their ends.
// Where all is new, or nothing, that is all lines as they are.
func fresh(lines []string, marks map[int]mark) []string {
	s := scan(lines, marks)
	if s.forward {
		return lines
	}
	s.dropSignatures(marks)
	if kept := s.greeted(); kept != nil {
		return kept
	}
	first, end, ok := s.visible()
	if !ok || s.answersWithin(first, end) {
		return lines
	}
	return lines[first:end]
}

// stretch is a run of lines, all new or all quoted.
type stretch struct {
	first, end int
	quoted     bool
	named      bool // it is a quote with a line that says whose
}

// visible returns the lines from the first to the last new one. One quote
// above all that is new goes as well, where a program put it there: the
// sender only wrote below instead of above it.
func (s *scanner) visible() (first, end int, ok bool) {
	from, to := -1, -1
	for i, p := range s.list {
		if !p.quoted {
			if from < 0 {
				from = i
			}
			to = i
		}
	}
	if from < 0 {
		return 0, 0, false
	}
	first = s.list[0].first
	if from == 1 && to == len(s.list)-1 && to == from && s.list[0].named {
		first = s.list[1].first
	}
	first, end = trimBlank(s.lines, first, s.list[to].end)
	return first, end, first < end
}

// greeted returns the lines around the one quote that a program put below the
// greeting, nil where there is more above the quote or below: then it stands
// between words that need it.
func (s *scanner) greeted() []string {
	if len(s.list) != 3 || s.list[0].quoted || !s.list[1].quoted || !s.list[1].named || s.list[2].quoted {
		return nil
	}
	above, quote, below := s.list[0], s.list[1], s.list[2]
	if above.end-above.first != 1 || !greeting(s.folds.at(above.first)) {
		return nil
	}
	first, end := trimBlank(s.lines, below.first, below.end)
	return slices.Concat(s.lines[above.first:quote.first], s.lines[first:end])
}

// maxPointer bounds the words that only point to others, in bytes.
const maxPointer = 400

// answersWithin is true where few words say that more of them stand within the
// quote, as people do who colour them there: no program marks those.
func (s *scanner) answersWithin(first, end int) bool {
	if s.lineQuoted(end) {
		return false // with ">", answers are seen
	}
	said := strings.Join(s.lines[first:end], " ")
	if len(said) > maxPointer {
		return false
	}
	said = fold(said)
	return says(words.within, said) && says(words.answer, said)
}

// lineQuoted is true where a quote with ">" is what follows.
func (s *scanner) lineQuoted(end int) bool {
	for _, p := range s.list {
		if p.quoted && p.first >= end {
			return quotedLine(s.lines[p.end-1])
		}
	}
	return true
}

func trimBlank(lines []string, first, end int) (int, int) {
	for first < end && blank(lines[first]) {
		first++
	}
	for first < end && blank(lines[end-1]) {
		end--
	}
	return first, end
}
