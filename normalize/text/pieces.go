package text

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/deskbridge/deskbridge/normalize"
)

// Piece is a part of an answer that goes out by itself, in both its forms.
// Rich is empty where it has none.
type Piece struct{ Plain, Rich string }

// Bound is how long a text may be: in runes, in code units of UTF-16, of which
// an emoji has two, and in bytes of UTF-8. Zero is no bound.
type Bound struct{ Runes, Units, Bytes int }

// over returns the size of s and what is allowed, where s is too long.
func (b Bound) over(s string) (size, allowed int, over bool) {
	if n := utf8.RuneCountInString(s); b.Runes > 0 && n > b.Runes {
		return n, b.Runes, true
	}
	if b.Units > 0 {
		units := 0
		for _, r := range s {
			units += utf16.RuneLen(r)
		}
		if units > b.Units {
			return units, b.Units, true
		}
	}
	return len(s), b.Bytes, b.Bytes > 0 && len(s) > b.Bytes
}

// Pieces cuts an answer so that no piece, rendered in m, is longer than b. Rich
// text is cut between its paragraphs, lists and the like. One that is too long
// by itself goes out as plain text, cut as Split does.
func Pieces(plain, rich string, b Bound, m normalize.Markup) []Piece {
	fits := func(p Piece) bool {
		_, _, over := b.over(Render(p.Plain, p.Rich, m))
		return !over
	}
	if whole := (Piece{plain, rich}); fits(whole) {
		return []Piece{whole}
	}
	if rich == "" {
		return plainPieces(plain, b, m)
	}
	var list []Piece
	last := ""
	flush := func() {
		if last != "" {
			list = append(list, Piece{FromHTML(last), last})
		}
		last = ""
	}
	for _, block := range topBlocks(rich) {
		switch {
		case FromHTML(block) == "":
		case fits(Piece{Rich: last + block}):
			last += block
		case fits(Piece{Rich: block}):
			flush()
			last = block
		default:
			flush()
			list = append(list, plainPieces(FromHTML(block), b, m)...)
		}
	}
	flush()
	return list
}

// plainPieces cuts plain text, and again what is too long once it is escaped or
// counted in bytes.
func plainPieces(plain string, b Bound, m normalize.Markup) (list []Piece) {
	size, allowed, over := b.over(Render(plain, "", m))
	runes := utf8.RuneCountInString(plain)
	if !over || runes <= 1 {
		return []Piece{{Plain: plain}}
	}
	for _, s := range Split(plain, max(min(runes*allowed/size, runes-1), 1)) {
		list = append(list, plainPieces(s, b, m)...)
	}
	return list
}

// topBlocks cuts sanitised HTML between its outermost elements. Words and
// inline elements between two blocks stay together.
func topBlocks(s string) (list []string) {
	var b strings.Builder
	depth, inline := 0, true
	flush := func() {
		if b.Len() > 0 {
			list = append(list, b.String())
			b.Reset()
		}
	}
	for z := html.NewTokenizer(strings.NewReader(s)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			flush()
			return list
		}
		raw := string(z.Raw())
		name, _ := z.TagName()
		a := atom.Lookup(name)
		switch {
		case kind == html.StartTagToken && !void[a]:
			if depth == 0 {
				if inline = !outermost[a] && !blocks[a]; !inline {
					flush()
				}
			}
			depth++
			b.WriteString(raw)
		case kind == html.EndTagToken:
			b.WriteString(raw)
			if depth = max(depth-1, 0); depth == 0 && !inline {
				flush()
			}
		default:
			b.WriteString(raw)
			if depth == 0 && a == atom.Br {
				flush()
			}
		}
	}
}

// outermost are the elements besides blocks that stand on lines of their own.
var outermost = map[atom.Atom]bool{
	atom.P: true, atom.Ul: true, atom.Ol: true, atom.Dl: true, atom.Table: true, atom.Blockquote: true, atom.Pre: true, atom.Figure: true,
	atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true,
}
