package text

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// markup names by id and class what mail programs put a quote or a signature
// in, in small letters. headOnly are the elements that hold no more than the
// head of a quote, which goes on to the end.
var markup = struct {
	quote, headOnly, signature map[string]bool
}{
	quote: set(
		"gmail_quote", "gmail_quote_container", // Gmail
		"yahoo_quoted", "ydp-quoted", // Yahoo
		"protonmail_quote", "tutanota_quote", "zmail_extra", "mailru-blockquote", // Proton, Tuta, Zoho, Mail.ru
		"isreplycontent", "ntes_reply", // 163
		"original-content", "xm_original_content", // QQ Mail
		"mail-editor-reference-message-container", // Outlook of today
		"reply-intro-block", "bluemail_quote", "aolmail_quote",
	),
	headOnly:  set("divrplyfwdmsg", "appendonsend", "moz-cite-prefix", "gmail_attr", "olk_src_body_section", "x_divrplyfwdmsg", "reply-intro"),
	signature: set("gmail_signature", "moz-signature", "applemailsignature", "ms-outlook-mobile-signature", "protonmail_signature_block", "signature", "ymail_android_signature", "yahoo_signature"),
}

func set(list ...string) map[string]bool {
	m := map[string]bool{}
	for _, s := range list {
		m[s] = true
	}
	return m
}

// NewlyWrittenHTML returns the text of an HTML mail that its sender wrote now,
// as FromHTML shows it: lines of that as
// NewlyWritten returns them. It goes by the elements
// that mail programs put quotes and signatures in, and by their words as
// NewlyWritten does. An indented text of which neither tells that it is a
// quote counts as the sender's own.
func NewlyWrittenHTML(s string) (visible string) {
	_, visible = newlyWrittenHTML(s)
	return visible
}

// newlyWrittenHTML returns what FromHTML and NewlyWrittenHTML do.
func newlyWrittenHTML(s string) (all, visible string) {
	w := watcher{}
	raw := render(s, w.watch)
	if out := Clean(raw); out != raw {
		w.list, raw = nil, out // the lines may be others
	}
	all = tidy(raw)
	lines := strings.Split(raw, "\n")
	if len(lines) > maxLines {
		return all, all
	}
	kept := fresh(lines, w.marks(raw, len(lines)))
	if len(kept) == len(lines) {
		return all, all
	}
	return all, tidy(strings.Join(kept, "\n"))
}

// watcher notes where in the text the elements lie that tell of quotes.
type watcher struct {
	list  []watched
	depth int       // of elements of the same name in the one that is open
	open  atom.Atom // 0 where none is
}

type watched struct {
	what       markKind
	start, end int  // in bytes
	rest       bool // it goes on to the end of the mail
}

// maxWatched bounds the elements that are looked at.
const maxWatched = 1000

func (w *watcher) watch(kind html.TokenType, t *html.Token, written int) {
	switch {
	case w.open != 0 && t.DataAtom == w.open && kind == html.StartTagToken:
		w.depth++
	case w.open != 0 && t.DataAtom == w.open && kind == html.EndTagToken:
		if w.depth--; w.depth == 0 {
			w.list[len(w.list)-1].end = written
			w.open = 0
		}
	case w.open == 0 && kind == html.StartTagToken && len(w.list) < maxWatched:
		what, rest := marked(t)
		if what == noMark {
			return
		}
		w.list = append(w.list, watched{what, written, -1, rest})
		w.open, w.depth = t.DataAtom, 1
	}
}

// marked tells what an element says by its names.
func marked(t *html.Token) (what markKind, rest bool) {
	if len(t.Attr) == 0 && t.DataAtom != atom.Blockquote {
		return noMark, false
	}
	names := strings.ToLower(attribute(t, "id") + " " + attribute(t, "class"))
	for name := range strings.FieldsSeq(names) {
		switch {
		case markup.quote[name] && t.DataAtom == atom.Blockquote:
			return noMark, false // its lines say so
		case markup.quote[name]:
			return markQuote, false
		case markup.headOnly[name]:
			return markQuote, true
		case markup.signature[name]:
			return markSignature, false
		}
	}
	if t.DataAtom == atom.Blockquote && !strings.EqualFold(attribute(t, "type"), "cite") && attribute(t, "cite") == "" &&
		!strings.Contains(names, "quote") && !strings.Contains(names, "cite") {
		return markOwn, false
	}
	return noMark, false
}

// marks turns places in the text into lines.
func (w *watcher) marks(raw string, count int) map[int]mark {
	m := map[int]mark{}
	at, line := 0, 0
	lineOf := func(place int) int {
		line += strings.Count(raw[at:place], "\n")
		at = place
		return line
	}
	for _, e := range w.list {
		start := e.start
		for start < len(raw) && strings.IndexByte("\n> ", raw[start]) >= 0 {
			start++ // what is written before the element's first word
		}
		if start < at || e.end >= 0 && e.end <= start {
			continue // it shows nothing
		}
		if head := raw[strings.LastIndexByte(raw[:start], '\n')+1 : start]; strings.Trim(head, "> ") != "" {
			continue // it begins within a line
		}
		first, end := lineOf(start), count
		if e.end >= 0 && !e.rest {
			end = lineOf(e.end) + 1
		}
		m[first] = mark{e.what, end}
	}
	return m
}
