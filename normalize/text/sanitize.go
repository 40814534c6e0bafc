package text

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxInlineImage bounds a data: image, in bytes of its address. Larger ones
// belong in a part of their own.
const maxInlineImage = 64 << 10

// RemoteImage is the attribute that keeps the address of an image which would
// have been loaded from outside, so that a reader may ask for it.
const RemoteImage = "data-remote-src"

// SanitizeHTML returns the body of a stranger's mail as HTML that may stand in
// a page of ours. Formatting, tables and links stay; links open in a new
// window and tell nothing of us. Nothing in it runs, nothing is a form, and
// nothing loads from outside when it is shown: the address of a remote image
// moves to the attribute RemoteImage, single-pixel images go, and styles can
// name no address. Tags are balanced, so that it cannot break out of the div
// it is put in. Of more than 2 MiB only the beginning is kept.
//
// An image of the mail itself ("cid:") gets the address that cid returns for
// its Content-ID, without angle brackets; where ok is false, only its alt text
// stays. With a nil cid such references stay, to be mapped when they are shown
// by sanitising once more. The address that cid returns is trusted.
func SanitizeHTML(s string, cid func(contentID string) (url string, ok bool)) string {
	if s == "" {
		return ""
	}
	s, long := firstBytes(Clean(s), maxHTML)
	var clean bytes.Buffer
	clean.Grow(len(s))
	if policy.SanitizeReaderToWriter(strings.NewReader(dropUnseen(s)), &clean) != nil {
		clean.Reset() // of a token that it does not know
	}
	w := weaver{cid: cid}
	w.out.Grow(clean.Len())
	z := html.NewTokenizer(&clean)
	for !w.full && z.Next() != html.ErrorToken {
		switch t := z.Token(); t.Type {
		case html.TextToken:
			w.text(t.Data)
		case html.StartTagToken, html.SelfClosingTagToken:
			w.start(t)
		case html.EndTagToken:
			w.end(t.DataAtom)
		}
	}
	w.closeTo(0)
	if long || w.full {
		w.out.WriteString("<p>" + cutMark + "</p>")
	}
	return w.out.String()
}

// dropUnseen takes out scripts, styles and the like with what is in them. The
// policy would do so as well, but after a stray end tag of one it would take
// the rest of the mail along.
func dropUnseen(s string) string {
	if !mayHide(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	hidden := false
	for z := html.NewTokenizer(strings.NewReader(s)); ; {
		kind := z.Next()
		raw := z.Raw()
		switch kind {
		case html.ErrorToken:
			return b.String()
		case html.TextToken:
			if !hidden {
				b.Write(raw)
			}
			hidden = false
		default:
			hidden = false
			if name, _ := z.TagName(); unseen[atom.Lookup(name)] {
				hidden = kind == html.StartTagToken
			} else {
				b.Write(raw)
			}
		}
	}
}

// mayHide is true where any of the elements unseen may begin or end.
func mayHide(s string) bool {
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			return false
		}
		s = strings.TrimPrefix(s[i+1:], "/")
		if s != "" && strings.IndexByte("sStTnNiI", s[0]) >= 0 {
			name := s[:min(len(s), longestUnseen)]
			if end := strings.IndexAny(name, "> \t\n\f\r/"); end >= 0 {
				name = name[:end]
			}
			if unseen[atom.Lookup([]byte(strings.ToLower(name)))] {
				return true
			}
		}
	}
}

// longestUnseen is the length of the longest name of those, and of what ends it.
const longestUnseen = len("noframes") + 1

// policy says which elements and attributes stay. What their addresses and
// styles may be is seen to by the weaver.
var policy = func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements(
		"abbr", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup",
		"dd", "del", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "h1", "h2", "h3", "h4", "h5", "h6",
		"hr", "i", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike", "strong",
		"sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var", "wbr")
	p.AllowNoAttrs().OnElements("font", "span")
	p.AllowElementsContent("frame", "frameset", "nostyle", "object") // often without an end tag

	p.AllowAttrs("style", "title").Globally()
	p.AllowAttrs("dir").Matching(regexp.MustCompile(`(?i)^(ltr|rtl|auto)$`)).Globally()
	p.AllowAttrs("lang").Matching(regexp.MustCompile(`^[a-zA-Z0-9-]{1,35}$`)).Globally()
	p.AllowAttrs("align").Matching(regexp.MustCompile(`(?i)^(left|right|center|justify|char)$`)).Globally()
	p.AllowAttrs("valign").Matching(regexp.MustCompile(`(?i)^(top|middle|bottom|baseline)$`)).Globally()
	p.AllowAttrs("bgcolor", "color").Matching(regexp.MustCompile(`^(#[0-9a-fA-F]{3,8}|[a-zA-Z]{1,30})$`)).Globally()
	p.AllowAttrs("face").Matching(regexp.MustCompile(`^[\w ,'"-]{1,200}$`)).OnElements("font")
	p.AllowAttrs("size").Matching(regexp.MustCompile(`^[+-]?[1-7]$`)).OnElements("font")
	p.AllowAttrs("width", "height").Matching(regexp.MustCompile(`^[0-9]{1,4}(px|%)?$`)).
		OnElements("img", "table", "td", "th", "col", "colgroup", "tr", "hr")
	p.AllowAttrs("border", "cellpadding", "cellspacing").Matching(regexp.MustCompile(`^[0-9]{1,3}$`)).OnElements("table", "img")
	p.AllowAttrs("colspan", "rowspan", "span").Matching(regexp.MustCompile(`^[0-9]{1,3}$`)).OnElements("td", "th", "col", "colgroup")
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^[0-9]{1,6}$`)).OnElements("ol")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`(?i)^(1|a|i|cite|disc|circle|square)$`)).OnElements("ol", "ul", "blockquote")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("src", "alt").OnElements("img")
	p.AllowAttrs(RemoteImage).Matching(regexp.MustCompile(`^https?://`)).OnElements("img")

	p.RequireParseableURLs(true)
	p.AllowURLSchemes("http", "https", "mailto", "tel", "cid", "data", "menu")
	p.AllowRelativeURLs(true) // "//host/pixel.gif" is a remote image too
	return p
}()

// attributes returns those of t that stay, made safe. ok is false where the
// whole element goes.
func (w *weaver) attributes(t html.Token) (attrs []html.Attribute, ok bool) {
	for _, a := range t.Attr {
		a.Val = Clean(a.Val) // a character reference may name anything
		switch a.Key {
		case "style":
			a.Val = safeStyle(a.Val)
		case "href":
			if !readableLink(a.Val) && !choice.MatchString(a.Val) {
				continue
			}
		case "src", RemoteImage:
			a = w.source(a)
		}
		if a.Val != "" || a.Key == "alt" {
			attrs = append(attrs, a)
		}
	}
	switch t.DataAtom {
	case atom.A:
		if attributeOf(attrs, "href") == "" {
			return nil, false
		}
		attrs = append(attrs, html.Attribute{Key: "target", Val: "_blank"},
			html.Attribute{Key: "rel", Val: "noopener noreferrer nofollow"})
	case atom.Img:
		return attrs, len(attrs) > 0 && !isPixel(attrs)
	}
	return attrs, true
}

// source decides on the address of an image.
func (w *weaver) source(a html.Attribute) html.Attribute {
	u, err := url.Parse(a.Val)
	if err != nil {
		return html.Attribute{}
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host != "" {
			return html.Attribute{Key: RemoteImage, Val: a.Val}
		}
	case "":
		if a.Key == "src" && u.Host != "" {
			return html.Attribute{Key: RemoteImage, Val: "https:" + a.Val}
		}
	case "cid":
		if w.cid == nil {
			return a
		}
		id, err := url.PathUnescape(u.Opaque)
		if err != nil {
			id = u.Opaque
		}
		if mapped, ok := w.cid(strings.Trim(id, "<>")); ok {
			return html.Attribute{Key: "src", Val: mapped}
		}
	case "data":
		if a.Key == "src" && len(a.Val) <= maxInlineImage && inlineImage.MatchString(a.Val) {
			return a
		}
	}
	return html.Attribute{}
}

// choice is the address of an item of a menu, "menu:ID", for channels on which
// an answer can offer choices. It leads nowhere: elsewhere its words stay.
var choice = regexp.MustCompile(`^menu:[A-Za-z0-9_-]{1,60}$`)

var inlineImage = regexp.MustCompile(`(?i)^data:image/(png|jpeg|jpg|gif|webp);base64,[a-z0-9+/=%]+$`)

// isPixel is true for an image that is there to be counted, not to be seen.
func isPixel(attrs []html.Attribute) bool {
	tiny := func(s string) bool { return s == "0" || s == "1" || s == "0px" || s == "1px" }
	return tiny(attributeOf(attrs, "width")) && tiny(attributeOf(attrs, "height"))
}

func attributeOf(attrs []html.Attribute, name string) string {
	for _, a := range attrs {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
