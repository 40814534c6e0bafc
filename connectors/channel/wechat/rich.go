package wechat

import (
	"net/url"
	"strings"

	"github.com/silenceper/wechat/v2/officialaccount/message"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	maxMenu     = 10 // items; the vendor documents no limit
	maxRichHTML = 16 << 10
	menuScheme  = "menu:"
)

// articleOf returns the article that a rich text is which consists of one link
// with words of its own, and nil for any other.
func articleOf(rich string) *message.MediaArticles {
	t, ok := take(rich)
	if !ok || len(t.links) != 1 || t.before+t.after != "" {
		return nil
	}
	l := t.links[0]
	u, err := url.Parse(l.address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || l.words == "" || strings.Contains(l.words, "://") {
		return nil
	}
	return &message.MediaArticles{Title: text.Truncate(l.words, 64), URL: l.address}
}

// menuOf returns the menu that a rich text is: links of the form menu:ID, with
// words before and after them at most. What the customer picks comes back as a
// text with these words.
func menuOf(rich string) *message.MediaMsgmenu {
	t, ok := take(rich)
	if !ok || len(t.links) == 0 || len(t.links) > maxMenu {
		return nil
	}
	menu := &message.MediaMsgmenu{HeadContent: t.before, TailContent: t.after}
	for _, l := range t.links {
		id, is := strings.CutPrefix(l.address, menuScheme)
		if !is || id == "" || l.words == "" {
			return nil
		}
		menu.List = append(menu.List, message.MsgmenuItem{ID: id, Content: l.words})
	}
	return menu
}

// taken apart: the words before the first link, the links, the words after the
// last one.
type linked struct {
	before, after string
	links         []link
}

type link struct{ words, address string }

// take finds the links of a short rich text. It is not ok where there are
// words between them.
func take(rich string) (l linked, ok bool) {
	if rich == "" || len(rich) > maxRichHTML {
		return l, false
	}
	inside := false
	var words, between strings.Builder
	for z := html.NewTokenizer(strings.NewReader(rich)); ; {
		switch z.Next() {
		case html.ErrorToken:
			l.after = text.CleanLine(between.String())
			return l, !inside && len(l.links) > 0
		case html.TextToken:
			if s := string(z.Text()); inside {
				words.WriteString(s)
			} else {
				between.WriteString(s)
			}
		case html.StartTagToken:
			t := z.Token()
			if t.DataAtom != atom.A {
				between.WriteByte(' ')
				continue
			}
			if said := text.CleanLine(between.String()); len(l.links) == 0 {
				l.before = said
			} else if said != "" {
				return l, false
			}
			between.Reset()
			words.Reset()
			inside = true
			l.links = append(l.links, link{address: hrefOf(t)})
		case html.EndTagToken:
			if name, _ := z.TagName(); inside && atom.Lookup(name) == atom.A {
				inside = false
				l.links[len(l.links)-1].words = text.CleanLine(words.String())
			}
		}
	}
}

func hrefOf(t html.Token) string {
	for _, a := range t.Attr {
		if a.Key == "href" {
			return a.Val
		}
	}
	return ""
}
