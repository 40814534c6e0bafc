package text

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxHTML bounds what is read of an HTML body, in bytes.
const maxHTML = 2 << 20

// cutMark stands where a longer body was cut off.
const cutMark = "[…]"

// FromHTML returns the text of an HTML body as a reader would see it:
// paragraphs, lists, quotes ("> "), table cells side by side, links with their
// address, images by their alt text. Nothing of scripts and styles is in it.
// Of more than 2 MiB only the beginning is read, and the text says so.
//
// It works on tokens, not on a tree: so its time is bounded by the length of
// the input, however deep that nests.
func FromHTML(s string) string {
	return tidy(Clean(render(s, nil)))
}

// render writes the text of s, not yet tidy. Before each tag it calls watch,
// where there is one, with the length of what is written.
func render(s string, watch func(kind html.TokenType, t *html.Token, written int)) string {
	return renderIn(s, nil, watch)
}

// renderIn is render in a dialect; nil is plain text.
func renderIn(s string, d *dialect, watch func(kind html.TokenType, t *html.Token, written int)) string {
	s, long := firstBytes(Clean(s), maxHTML)
	r := renderer{marks: marker{dialect: d}}
	r.out.Grow(len(s))
	z := html.NewTokenizer(strings.NewReader(s))
	hidden := false // the next text is the content of a script or the like
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		if r.out.Len() > maxHTML { // quotes and lists make it longer
			long = true
			break
		}
		t := z.Token()
		if watch != nil && kind != html.TextToken {
			watch(kind, &t, r.out.Len())
		}
		switch kind {
		case html.TextToken:
			if !hidden {
				r.text(t.Data)
			}
			hidden = false
		case html.StartTagToken, html.SelfClosingTagToken:
			hidden = kind == html.StartTagToken && unseen[t.DataAtom]
			r.start(&t)
		case html.EndTagToken:
			hidden = false
			r.end(t.DataAtom)
		}
	}
	r.endLink()
	if long {
		r.block(2)
		r.text(cutMark)
	}
	r.marks.close(&r.out, never)
	return r.out.String()
}

// unseen are the elements whose content the tokenizer gives as one text that
// no reader sees.
var unseen = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Title: true, atom.Noscript: true,
	atom.Iframe: true, atom.Noembed: true, atom.Noframes: true,
}

// firstBytes returns at most n bytes of s, whole runes, and whether that is
// less than s.
func firstBytes(s string, n int) (string, bool) {
	if len(s) <= n {
		return s, false
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n], true
}

func (r *renderer) start(t *html.Token) {
	if s, ok := styleOf[t.DataAtom]; ok && t.Type == html.StartTagToken {
		r.marks.wants(s, 1)
	}
	switch t.DataAtom {
	case atom.Br:
		r.pending = min(r.pending+1, 2)
	case atom.Hr:
		r.block(1)
		r.text("---")
		r.block(1)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Dl, atom.Figure:
		r.block(2)
	case atom.Pre, atom.Textarea, atom.Xmp, atom.Plaintext, atom.Listing:
		r.block(2)
		r.pre++
	case atom.Blockquote:
		r.block(2)
		r.quotes++
	case atom.Ul, atom.Ol:
		r.startList(t)
	case atom.Li:
		r.item()
	case atom.Table:
		r.cell = false
		r.block(1)
		r.row = rowEmpty
	case atom.Tr:
		r.endRow(rowEmpty)
	case atom.Td, atom.Th:
		r.startCell()
	case atom.A:
		r.endLink()
		r.link = &link{href: strings.TrimSpace(attribute(t, "href")), start: r.out.Len()}
	case atom.Img:
		r.image(CleanLine(attribute(t, "alt")))
	default:
		if blocks[t.DataAtom] {
			r.block(1)
		}
	}
}

func (r *renderer) end(a atom.Atom) {
	if s, ok := styleOf[a]; ok {
		r.marks.wants(s, -1)
	}
	switch a {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Dl, atom.Figure:
		r.block(2)
	case atom.Pre, atom.Textarea, atom.Xmp, atom.Plaintext, atom.Listing:
		r.block(2)
		r.pre = max(r.pre-1, 0)
	case atom.Blockquote:
		r.block(2)
		r.quotes = max(r.quotes-1, 0)
	case atom.Ul, atom.Ol:
		r.endList()
	case atom.Table:
		r.endRow(rowBroken) // the row it stands in has more than one line now
	case atom.Li:
		r.block(1)
		r.pending = 1
	case atom.A:
		r.endLink()
	default:
		if blocks[a] {
			r.block(1)
		}
	}
}

// styleOf tells how the words of an element stand out.
var styleOf = map[atom.Atom]style{
	atom.B: bold, atom.Strong: bold, atom.Th: bold,
	atom.H1: bold, atom.H2: bold, atom.H3: bold, atom.H4: bold, atom.H5: bold, atom.H6: bold,
	atom.I: italic, atom.Em: italic, atom.Cite: italic, atom.Var: italic,
	atom.S: struck, atom.Strike: struck, atom.Del: struck,
	atom.Code: code, atom.Kbd: code, atom.Samp: code, atom.Tt: code, atom.Pre: block,
}

// blocks are the other elements that begin and end a line.
var blocks = map[atom.Atom]bool{
	atom.Address: true, atom.Article: true, atom.Aside: true, atom.Body: true, atom.Caption: true,
	atom.Center: true, atom.Dd: true, atom.Details: true, atom.Dir: true, atom.Div: true, atom.Dt: true,
	atom.Fieldset: true, atom.Figcaption: true, atom.Footer: true, atom.Form: true, atom.Header: true,
	atom.Legend: true, atom.Main: true, atom.Menu: true, atom.Nav: true, atom.Option: true,
	atom.Section: true, atom.Summary: true, atom.Tr: true,
}

func attribute(t *html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func (r *renderer) startList(t *html.Token) {
	r.block(1)
	if len(r.lists) == 0 {
		r.block(2)
	}
	next := 0 // not numbered
	if t.DataAtom == atom.Ol {
		next = 1
		if n, err := strconv.Atoi(attribute(t, "start")); err == nil && n > 0 && n < 1e6 {
			next = n
		}
	}
	r.lists = append(r.lists, next)
}

func (r *renderer) endList() {
	if len(r.lists) > 0 {
		r.lists = r.lists[:len(r.lists)-1]
	}
	r.marker = ""
	r.block(1)
	if len(r.lists) == 0 {
		r.block(2)
	}
}

func (r *renderer) item() {
	r.block(1)
	r.marker = "- "
	if n := len(r.lists); n > 0 && r.lists[n-1] > 0 {
		r.marker = strconv.Itoa(r.lists[n-1]) + ". "
		r.lists[n-1]++
	}
}
