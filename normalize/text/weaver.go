package text

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxDepth bounds how deep the elements of a sanitised body nest. Those below
// are left out, their text is not.
const maxDepth = 200

// weaver writes sanitised tokens so that every element that begins also ends,
// each where a browser would end it.
type weaver struct {
	out  strings.Builder
	open []atom.Atom
	full bool // no more fits; only end tags may follow
	cid  func(contentID string) (url string, ok bool)
}

// write writes s if that leaves room for what ends the body.
func (w *weaver) write(s string) {
	const tail = maxDepth*len("</blockquote>") + len("<p>"+cutMark+"</p>")
	w.full = w.full || w.out.Len()+len(s)+tail > maxHTML
	if !w.full {
		w.out.WriteString(s)
	}
}

func (w *weaver) text(s string) {
	const piece = 32 << 10 // escaping makes text longer: fill up to the brim
	for s = Clean(s); s != ""; {
		head, _ := firstBytes(s, piece)
		s = s[len(head):]
		w.write(html.EscapeString(head))
	}
}

func (w *weaver) start(t html.Token) {
	attrs, ok := w.attributes(t)
	if !ok || t.DataAtom == 0 {
		return
	}
	w.imply(t.DataAtom)
	if len(w.open) >= maxDepth || !w.hasParent(t.DataAtom) {
		return
	}
	tag := html.Token{Type: html.StartTagToken, DataAtom: t.DataAtom, Data: t.DataAtom.String(), Attr: attrs}
	w.write(tag.String())
	if !void[t.DataAtom] && !w.full {
		w.open = append(w.open, t.DataAtom)
	}
}

// end closes the innermost element a, and all within it. No end tag reaches
// out of a table's cell, but that of the table's own parts.
func (w *weaver) end(a atom.Atom) {
	var barrier []atom.Atom
	switch a {
	case atom.Table:
	case atom.Td, atom.Th, atom.Tr, atom.Tbody, atom.Thead, atom.Tfoot, atom.Caption, atom.Colgroup:
		barrier = []atom.Atom{atom.Table}
	default:
		barrier = []atom.Atom{atom.Td, atom.Th, atom.Caption, atom.Table}
	}
	w.closeFirst([]atom.Atom{a}, barrier)
}

// imply closes what ends where an element a begins, tag or no tag.
func (w *weaver) imply(a atom.Atom) {
	if endsParagraph[a] {
		w.closeFirst([]atom.Atom{atom.P}, []atom.Atom{atom.Td, atom.Th, atom.Caption, atom.Table})
	}
	switch a {
	case atom.A:
		w.end(atom.A)
	case atom.Li:
		w.closeFirst([]atom.Atom{a}, []atom.Atom{atom.Ul, atom.Ol, atom.Table})
	case atom.Dt, atom.Dd:
		w.closeFirst([]atom.Atom{atom.Dt, atom.Dd}, []atom.Atom{atom.Dl, atom.Table})
	case atom.Td, atom.Th:
		w.closeFirst([]atom.Atom{atom.Td, atom.Th, atom.Caption}, []atom.Atom{atom.Tr, atom.Table})
	case atom.Tr:
		w.closeFirst([]atom.Atom{atom.Tr, atom.Caption}, []atom.Atom{atom.Tbody, atom.Thead, atom.Tfoot, atom.Table})
	case atom.Tbody, atom.Thead, atom.Tfoot:
		w.closeFirst([]atom.Atom{atom.Tbody, atom.Thead, atom.Tfoot, atom.Caption, atom.Colgroup}, []atom.Atom{atom.Table})
	}
}

// hasParent is false for a part of a table or a list outside of one: it could
// end the table or list of the page around the mail.
func (w *weaver) hasParent(a atom.Atom) bool {
	switch a {
	case atom.Td, atom.Th, atom.Tr, atom.Tbody, atom.Thead, atom.Tfoot, atom.Caption, atom.Col, atom.Colgroup:
		return slices.Contains(w.open, atom.Table)
	case atom.Li:
		return slices.Contains(w.open, atom.Ul) || slices.Contains(w.open, atom.Ol)
	case atom.Dt, atom.Dd:
		return slices.Contains(w.open, atom.Dl)
	}
	return true
}

// closeFirst closes the innermost open element that is one of names, unless
// one of barrier stands within it.
func (w *weaver) closeFirst(names, barrier []atom.Atom) {
	for i, a := range slices.Backward(w.open) {
		switch {
		case slices.Contains(names, a):
			w.closeTo(i)
			return
		case slices.Contains(barrier, a):
			return
		}
	}
}

// closeTo closes all but the n outermost elements.
func (w *weaver) closeTo(n int) {
	for i := len(w.open) - 1; i >= n; i-- {
		w.out.WriteString("</" + w.open[i].String() + ">")
	}
	w.open = w.open[:n]
}

var void = map[atom.Atom]bool{atom.Br: true, atom.Hr: true, atom.Img: true, atom.Col: true, atom.Wbr: true}

var endsParagraph = map[atom.Atom]bool{
	atom.Blockquote: true, atom.Center: true, atom.Div: true, atom.Dl: true, atom.Figure: true,
	atom.Figcaption: true, atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true,
	atom.H6: true, atom.Hr: true, atom.Ol: true, atom.P: true, atom.Pre: true, atom.Table: true, atom.Ul: true,
	atom.Li: true, atom.Dt: true, atom.Dd: true,
}
