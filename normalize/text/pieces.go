package text

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/deskbridge/deskbridge/normalize"
)

// Piece is a part of an answer that goes out by itself, in both its forms.
// Rich is empty where it has none.
type Piece struct{ Plain, Rich string }

// Pieces cuts an answer so that no piece is, rendered in m, longer than limit
// runes; 0 is no limit. Rich text is cut between its paragraphs, lists and the
// like. One that is too long by itself goes out as plain text, cut as Split
// does.
func Pieces(plain, rich string, limit int, m normalize.Markup) []Piece {
	fits := func(p Piece) bool {
		return limit <= 0 || utf8.RuneCountInString(Render(p.Plain, p.Rich, m)) <= limit
	}
	if whole := (Piece{plain, rich}); fits(whole) {
		return []Piece{whole}
	}
	if rich == "" {
		return plainPieces(plain, limit, m)
	}
	var list []Piece
	last := ""
	flush := func() {
		if last != "" {
			list = append(list, Piece{FromHTML(last), last})
		}
		last = ""
	}
	for _, b := range topBlocks(rich) {
		switch {
		case FromHTML(b) == "":
		case fits(Piece{Rich: last + b}):
			last += b
		case fits(Piece{Rich: b}):
			flush()
			last = b
		default:
			flush()
			list = append(list, plainPieces(FromHTML(b), limit, m)...)
		}
	}
	flush()
	return list
}

// plainPieces is Split for text that grows when it is escaped.
func plainPieces(plain string, limit int, m normalize.Markup) (list []Piece) {
	for _, s := range Split(plain, limit) {
		if over := utf8.RuneCountInString(Render(s, "", m)) - limit; over > 0 && utf8.RuneCountInString(s) > 1 {
			list = append(list, plainPieces(s, max(utf8.RuneCountInString(s)/2, 1), m)...)
			continue
		}
		list = append(list, Piece{Plain: s})
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
