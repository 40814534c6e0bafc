package text

import (
	"html"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/normalize"
)

// Render writes an answer in a channel's markup: from its rich form where it
// has one, which is sanitised HTML, else from its plain one. What the markup
// cannot say stays as words: a link has its address behind it. Characters that
// the markup can escape are escaped; Slack and WhatsApp have no escape for an
// asterisk that somebody wrote.
func Render(plain, rich string, m normalize.Markup) string {
	d := dialects[m]
	switch {
	case rich != "":
		return tidy(Clean(renderIn(rich, d, nil)))
	case d == nil:
		return plain
	}
	return d.escape(plain)
}

// dialect is a way to write what plain text cannot.
type dialect struct {
	escape func(string) string
	// marks are what stands before and after words of a style.
	marks map[style][2]string
	// link writes words that lead somewhere; nil where addresses stand behind
	// their words.
	link func(words, address string) string
	// web: only links to web pages are written, since others get lost.
	web bool
	// quote begins a quoted line.
	quote string
	// byLine: marks end with their line and stand at the edge of words.
	byLine bool
}

type style uint8

const (
	bold style = iota
	italic
	struck
	code
	block // preformatted lines
	styles
)

// dialects, but for plain text.
var dialects = map[normalize.Markup]*dialect{
	normalize.MarkupSlack: {
		escape: strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace,
		marks:  map[style][2]string{bold: {"*", "*"}, italic: {"_", "_"}, struck: {"~", "~"}, code: {"`", "`"}, block: {"```\n", "\n```"}},
		link: func(words, address string) string {
			address = strings.NewReplacer("<", "%3C", ">", "%3E", "|", "%7C", "&", "&amp;").Replace(address)
			return "<" + address + "|" + strings.NewReplacer("|", "¦").Replace(words) + ">"
		},
		quote: "> ", byLine: true,
	},
	normalize.MarkupTelegram: {
		escape: html.EscapeString,
		marks: map[style][2]string{
			bold: {"<b>", "</b>"}, italic: {"<i>", "</i>"}, struck: {"<s>", "</s>"}, code: {"<code>", "</code>"}, block: {"<pre>", "</pre>"},
		},
		link: func(words, address string) string {
			return `<a href="` + html.EscapeString(address) + `">` + words + "</a>"
		},
		web: true, quote: "&gt; ",
	},
	normalize.MarkupWhatsApp: {
		escape: func(s string) string { return s },
		marks:  map[style][2]string{bold: {"*", "*"}, italic: {"_", "_"}, struck: {"~", "~"}, code: {"`", "`"}, block: {"```\n", "\n```"}},
		quote:  "> ", byLine: true,
	},
}

// marker writes a renderer's words in a dialect, or plain where it has none.
// Marks are written as late as can be, right before a word and right behind
// one, so that no white space stands between a mark and its words.
type marker struct {
	*dialect
	wanted [styles]int // how often a style has been begun and not ended
	open   []style     // those whose mark has been written, in order
	after  bool        // the last thing written is a closing mark
}

// writes reports whether words that lead to an address are written as a link.
func (k *marker) writes(address string) bool {
	return k.dialect != nil && k.link != nil && readableLink(address) && !(k.web && !webLink(address))
}

func (k *marker) escaped(s string) string {
	if k.dialect == nil {
		return s
	}
	return k.escape(s)
}

func (k *marker) quoteMark() string {
	if k.dialect == nil {
		return "> "
	}
	return k.quote
}

func (k *marker) wants(s style, n int) { k.wanted[s] = max(k.wanted[s]+n, 0) }

// What an open mark may be kept for.
func (k *marker) isWanted(s style) bool  { return k.wanted[s] > 0 }
func (k *marker) overLines(s style) bool { return !k.byLine || s == block }
func never(style) bool                   { return false }

// close writes the closing marks of open styles down to the first that keep
// refuses.
func (k *marker) close(out *strings.Builder, keep func(style) bool) {
	first := slices.IndexFunc(k.open, func(s style) bool { return !keep(s) })
	if first < 0 {
		return
	}
	for _, s := range slices.Backward(k.open[first:]) {
		out.WriteString(k.marks[s][1])
	}
	k.open, k.after = k.open[:first], true
}

// word writes words of one line, as they are and as they are written.
func (k *marker) word(out *strings.Builder, words, written string) {
	if k.dialect != nil {
		for s := range styles {
			if k.isWanted(s) && !k.has(s) && !k.inCode() && !(k.byLine && inWord(lastRune(out.String()))) {
				out.WriteString(k.marks[s][0])
				k.open, k.after = append(k.open, s), false
			}
		}
		if k.byLine && k.after && inWord(firstRune(words)) && !endsInSpace(out.String()) {
			out.WriteRune('\u200b') // a mark within a word would be shown as it is
		}
	}
	k.after = false
	out.WriteString(written)
}

func (k *marker) has(s style) bool { return slices.Contains(k.open, s) }

// inCode: nothing is marked up within code.
func (k *marker) inCode() bool { return k.has(code) || k.has(block) }

// inWord reports whether a mark beside r would stand within a word.
func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func endsInSpace(s string) bool { return unicode.IsSpace(lastRune(s)) }

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}
