package text

import (
	"strings"
	"unicode"
)

// renderer writes text as a browser would lay it out, with white space folded.
type renderer struct {
	out strings.Builder

	pending int    // line feeds to write before the next text: 2 is a blank line
	space   bool   // a space to write before it
	cell    bool   // it begins another cell of a row
	row     int    // state of the row: rowEmpty and so on
	pre     int    // depth of preformatted text
	quotes  int    // depth of quotes
	quoted  int    // depth of the line before
	lists   []int  // the number of each list's next item; 0 where unnumbered
	marker  string // of an item that has no text yet
	link    *link  // the link that is open
	marks   marker // what stands out, and how that is written
}

type link struct {
	href  string
	start int      // of its text in out
	words []string // its text, where the dialect writes links
	image bool
}

// A row whose cells hold one line each is written as one line.
const (
	noRow = iota
	rowEmpty
	rowOneLine
	rowBroken
)

// Deeper quotes and lists than these are not told apart.
const (
	maxQuotes = 20
	maxIndent = 10
)

// block ends a line; with n 2 a blank line follows.
func (r *renderer) block(n int) {
	r.space = false
	if r.marker != "" || r.row == rowEmpty {
		n = 1 // what begins an item or a row stands in its first line
	}
	if !r.cell {
		r.pending = max(r.pending, n)
	}
}

// endRow begins or ends a row; blank lines after a paragraph in its last cell
// fall away.
func (r *renderer) endRow(next int) {
	r.cell = false
	r.block(1)
	if r.row == rowOneLine {
		r.pending = 1
	}
	r.row = next
}

func (r *renderer) startCell() {
	r.space = false
	switch r.row {
	case rowOneLine:
		r.cell = true
		r.pending = 0
	case rowBroken:
		r.block(1)
	}
}

// text writes s, folding white space unless it is preformatted.
func (r *renderer) text(s string) {
	if r.pre > 0 {
		for i, line := range strings.Split(s, "\n") {
			if i > 0 {
				r.pending = min(r.pending+1, 2)
			}
			if line != "" {
				r.words(line)
			}
		}
		return
	}
	for s != "" {
		n := r.run(s)
		if n > 0 {
			r.words(strings.ReplaceAll(s[:n], "\u00a0", " "))
		} else {
			r.space = true
			n = 1
		}
		s = s[n:]
	}
}

// run returns the length of what s begins with and that is written as it is: a
// word, or in plain text, where a word says nothing by itself, all up to white
// space that is more than one space.
func (r *renderer) run(s string) int {
	plain := r.marks.dialect == nil
	for i := range len(s) {
		if !folding(s[i]) {
			continue
		}
		if !plain || s[i] != ' ' || i == 0 || i+1 == len(s) || folding(s[i+1]) {
			return i
		}
	}
	return len(s)
}

// folding is true for the white space of HTML.
func folding(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' && c != '\v' }

// words writes words of one line; those of a link are kept until it ends.
func (r *renderer) words(s string) {
	if l := r.link; l != nil && r.marks.writes(l.href) {
		if len(l.words) == 0 {
			r.flush()
		} else if r.space || r.pending > 0 {
			l.words = append(l.words, " ")
			r.space, r.pending = false, 0
		}
		l.words = append(l.words, r.marks.escaped(s))
		return
	}
	r.flush()
	r.marks.word(&r.out, s, r.marks.escaped(s))
}

// flush writes what has to stand before the next text.
func (r *renderer) flush() {
	r.marks.close(&r.out, r.marks.isWanted)
	first := r.out.Len() == 0
	quotes := min(r.quotes, maxQuotes)
	switch {
	case r.cell && !first:
		r.out.WriteString(" | ")
	case r.pending > 0 || first:
		if !first {
			r.marks.close(&r.out, r.marks.overLines)
			if r.pending > 1 {
				r.out.WriteString("\n" + strings.TrimRight(strings.Repeat(r.marks.quoteMark(), min(r.quoted, quotes)), " "))
			}
			r.out.WriteByte('\n')
			if r.row == rowOneLine {
				r.row = rowBroken
			}
		}
		r.out.WriteString(strings.Repeat(r.marks.quoteMark(), quotes))
		r.indent()
	case r.space:
		r.out.WriteByte(' ')
	}
	if r.row == rowEmpty {
		r.row = rowOneLine
	}
	r.quoted = quotes
	r.pending, r.space, r.cell, r.marker = 0, false, false, ""
}

// indent begins a line in a list.
func (r *renderer) indent() {
	depth := min(len(r.lists), maxIndent)
	if r.marker != "" {
		depth--
	}
	r.out.WriteString(strings.Repeat("  ", max(depth, 0)) + r.marker)
}

func (r *renderer) image(alt string) {
	if r.link != nil {
		r.link.image = true
	}
	if alt != "" {
		r.text("[" + alt + "]")
	}
}

// endLink writes the address of the open link behind its text.
func (r *renderer) endLink() {
	l := r.link
	r.link = nil
	if l == nil || !readableLink(l.href) {
		return
	}
	if len(l.words) > 0 {
		words := strings.Join(l.words, "")
		r.marks.word(&r.out, words, r.marks.link(words, l.href))
		return
	}
	words := strings.TrimSpace(r.out.String()[l.start:])
	switch {
	case words == "" && l.image:
		r.text(l.href)
	case words != "" && !sameAddress(words, l.href):
		space := r.space
		r.space = true
		r.pending = 0
		r.text("(" + l.href + ")")
		r.space = space
	}
}

func webLink(href string) bool { return hasScheme(href, "http://", "https://") }

func readableLink(href string) bool { return webLink(href) || hasScheme(href, "mailto:", "tel:") }

func hasScheme(href string, schemes ...string) bool {
	for _, scheme := range schemes {
		if len(href) > len(scheme) && strings.EqualFold(href[:len(scheme)], scheme) {
			return true
		}
	}
	return false
}

// sameAddress is true where the words of a link are its address already.
func sameAddress(words, href string) bool {
	bare := func(s string) string {
		for _, prefix := range []string{"https://", "http://", "mailto:", "tel:"} {
			s = strings.TrimPrefix(s, prefix)
		}
		return strings.TrimSuffix(strings.TrimPrefix(s, "www."), "/")
	}
	return strings.EqualFold(bare(words), bare(href))
}

// tidy takes white space off the ends of lines, and folds blank lines.
func tidy(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	blank := false
	for line := range strings.SplitSeq(s, "\n") {
		if allInvisible(line) {
			blank = true
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
			if blank {
				b.WriteByte('\n')
			}
		}
		blank = false
		b.WriteString(strings.TrimRightFunc(line, unicode.IsSpace))
	}
	return b.String()
}

// allInvisible is true for a line that shows nothing.
func allInvisible(line string) bool {
	for _, r := range line {
		if !invisible(r) {
			return false
		}
	}
	return true
}

// invisible is true for what newsletters fill their hidden previews with.
func invisible(r rune) bool {
	if r > ' ' && r < 0x7f {
		return false
	}
	switch r {
	case '\u00ad', '\u034f', '\u200b', '\u200c', '\u200d', '\u2060', '\ufeff':
		return true
	}
	return unicode.IsSpace(r)
}
