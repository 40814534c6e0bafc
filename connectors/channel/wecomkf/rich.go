package wecomkf

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// rich is the rich form of an answer, as far as WeCom has something better for
// it than words.
type rich struct{ body *html.Node }

// link is words that lead somewhere.
type link struct{ words, address string }

// menu is links to tap, between two texts.
type menu struct {
	head, tail string
	links      []link
}

func parseRich(s string) rich {
	if !strings.Contains(s, "<a ") {
		return rich{}
	}
	doc, err := html.Parse(strings.NewReader(s))
	if err != nil {
		return rich{}
	}
	for n := range doc.Descendants() {
		if n.DataAtom == atom.Body {
			return rich{inner(n)}
		}
	}
	return rich{}
}

// inner steps into elements that hold nothing but one other block.
func inner(n *html.Node) *html.Node {
	for {
		var only *html.Node
		for c := range n.ChildNodes() {
			if c.Type == html.TextNode && strings.TrimSpace(c.Data) == "" {
				continue
			}
			if only != nil || c.DataAtom != atom.Div {
				return n
			}
			only = c
		}
		if only == nil {
			return n
		}
		n = only
	}
}

// onlyLink returns the link that the answer consists of. One whose words are
// its address is left as it is.
func (r rich) onlyLink() (link, bool) {
	if r.body == nil {
		return link{}, false
	}
	l, ok := soleLink(r.body)
	return l, ok && l.words != l.address
}

// menu returns the links to tap that the answer is, with what stands before and
// after them: a list of links, or choices of the form menu:ID, in a list or not.
// All has to fit into what WeCom takes; in bytes.
func (r rich) menu() (menu, bool) {
	if r.body == nil {
		return menu{}, false
	}
	if m, ok := r.list(); ok {
		return m, true
	}
	return r.choices()
}

// choices returns a menu of nothing but choices, with no words between them.
func (r rich) choices() (m menu, ok bool) {
	var between strings.Builder
	for n := range r.body.Descendants() {
		switch {
		case n.DataAtom == atom.Img:
			return menu{}, false
		case n.DataAtom == atom.A:
			said := text.CleanLine(between.String())
			if len(m.links) > 0 && said != "" {
				return menu{}, false
			}
			m.head += said
			between.Reset()
			l := link{words: strings.TrimSpace(wordsOf(n)), address: hrefOf(n)}
			if l.words == "" || len(l.words) > maxClick || l.choice() == "" {
				return menu{}, false
			}
			m.links = append(m.links, l)
		case n.Type == html.ElementNode:
			between.WriteByte(' ')
		case n.Type == html.TextNode && !withinLink(n, r.body):
			between.WriteString(n.Data)
		}
	}
	m.tail = text.CleanLine(between.String())
	return m, m.fits()
}

// choice returns the ID of a link of the form menu:ID, or "".
func (l link) choice() string {
	id, is := strings.CutPrefix(l.address, "menu:")
	if !is || len(id) > maxClickID {
		return ""
	}
	return id
}

func (m *menu) fits() bool {
	return len(m.links) > 0 && len(m.links) <= maxMenu && len(m.head) <= maxMenuHead && len(m.tail) <= maxMenuHead
}

// list returns the list of links that the answer is.
func (r rich) list() (menu, bool) {
	var m menu
	var before, after strings.Builder
	found := false
	for n := range r.body.ChildNodes() {
		isList := n.DataAtom == atom.Ul || n.DataAtom == atom.Ol
		switch {
		case isList && found:
			return menu{}, false
		case isList:
			found = true
			if !m.add(n) {
				return menu{}, false
			}
		case found:
			_ = html.Render(&after, n) // a Builder does not fail
		default:
			_ = html.Render(&before, n)
		}
	}
	m.head = text.Render("", before.String(), normalize.MarkupPlain)
	m.tail = text.Render("", after.String(), normalize.MarkupPlain)
	return m, found && m.fits()
}

// add takes the items of a list, if each is a link.
func (m *menu) add(list *html.Node) bool {
	for item := range list.ChildNodes() {
		if item.Type == html.TextNode && strings.TrimSpace(item.Data) == "" {
			continue
		}
		l, ok := soleLink(item)
		if !ok || len(l.words) > maxMenuContent || l.choice() != "" && len(l.words) > maxClick {
			return false
		}
		m.links = append(m.links, l)
	}
	return true
}

// soleLink returns the link that is all that n says.
func soleLink(n *html.Node) (l link, ok bool) {
	for d := range n.Descendants() {
		switch {
		case d.DataAtom == atom.Img:
			return link{}, false
		case d.DataAtom == atom.A:
			if ok {
				return link{}, false
			}
			l, ok = link{words: strings.TrimSpace(wordsOf(d)), address: hrefOf(d)}, true
		case d.Type == html.TextNode && strings.TrimSpace(d.Data) != "" && !withinLink(d, n):
			return link{}, false
		}
	}
	return l, ok && l.words != "" && len(l.address) <= maxURL && (webAddress(l.address) || l.choice() != "")
}

func withinLink(n, top *html.Node) bool {
	for ; n != nil && n != top; n = n.Parent {
		if n.DataAtom == atom.A {
			return true
		}
	}
	return false
}

func wordsOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func hrefOf(a *html.Node) string {
	for _, attr := range a.Attr {
		if attr.Key == "href" {
			return attr.Val
		}
	}
	return ""
}
