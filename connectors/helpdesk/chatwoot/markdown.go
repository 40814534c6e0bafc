package chatwoot

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/normalize/text"
)

// markdown returns what an agent wrote, which Chatwoot keeps as Markdown, as
// plain words and as HTML, which is empty where there is no more to say. It
// knows what Chatwoot's editor writes: strong, emphasised, struck words and
// code, links, lists, quotes, headings, escapes and hard line breaks.
func markdown(s string) (plain, rich string) {
	w := writer{}
	w.blocks(strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n"), 0)
	rich = w.b.String()
	if !w.marked {
		return strings.TrimSpace(unescape(s)), ""
	}
	return text.FromHTML(rich), rich
}

const (
	maxDepth = 6    // quotes and lists within each other, and marks
	maxSpan  = 4000 // bytes of a link, or of code within a line
)

type writer struct {
	b      strings.Builder
	marked bool // there is something that plain words cannot say
}

var (
	bullet  = regexp.MustCompile(`^ {0,3}[*+-] +`)
	ordered = regexp.MustCompile(`^ {0,3}[0-9]{1,9}[.)] +`)
	heading = regexp.MustCompile(`^#{1,6} +`)
)

// blocks writes lines as paragraphs, lists, quotes and code.
func (w *writer) blocks(lines []string, depth int) {
	for len(lines) > 0 {
		line := lines[0]
		switch {
		case strings.TrimSpace(line) == "":
			lines = lines[1:]
		case strings.HasPrefix(line, "```"):
			lines = w.code(lines[1:])
		case strings.HasPrefix(line, ">") && depth < maxDepth:
			lines = w.quote(lines, depth)
		case bullet.MatchString(line) && depth < maxDepth:
			lines = w.list("ul", bullet, lines, depth)
		case ordered.MatchString(line) && depth < maxDepth:
			lines = w.list("ol", ordered, lines, depth)
		case heading.MatchString(line):
			w.marked = true
			w.b.WriteString("<p><strong>")
			w.inline(heading.ReplaceAllString(line, ""), 0)
			w.b.WriteString("</strong></p>\n")
			lines = lines[1:]
		default:
			lines = w.paragraph(lines)
		}
	}
}

func (w *writer) code(lines []string) []string {
	w.marked = true
	w.b.WriteString("<pre><code>")
	for i, line := range lines {
		if strings.HasPrefix(line, "```") {
			w.b.WriteString("</code></pre>\n")
			return lines[i+1:]
		}
		w.b.WriteString(html.EscapeString(line) + "\n")
	}
	w.b.WriteString("</code></pre>\n")
	return nil
}

func (w *writer) quote(lines []string, depth int) []string {
	w.marked = true
	var inner []string
	for len(lines) > 0 && strings.HasPrefix(lines[0], ">") {
		inner = append(inner, strings.TrimPrefix(lines[0][1:], " "))
		lines = lines[1:]
	}
	w.b.WriteString("<blockquote>")
	w.blocks(inner, depth+1)
	w.b.WriteString("</blockquote>\n")
	return lines
}

// list writes items; what is indented below one belongs to it.
func (w *writer) list(tag string, mark *regexp.Regexp, lines []string, depth int) []string {
	w.marked = true
	w.b.WriteString("<" + tag + ">")
	for len(lines) > 0 && mark.MatchString(lines[0]) {
		inner := []string{mark.ReplaceAllString(lines[0], "")}
		lines = lines[1:]
		for len(lines) > 0 && (strings.HasPrefix(lines[0], "  ") || lines[0] == "" && len(lines) > 1 && strings.HasPrefix(lines[1], "  ")) {
			inner = append(inner, strings.TrimPrefix(strings.TrimPrefix(lines[0], "  "), "  "))
			lines = lines[1:]
		}
		for len(lines) > 1 && lines[0] == "" && mark.MatchString(lines[1]) {
			lines = lines[1:]
		}
		w.b.WriteString("<li>")
		if len(inner) == 1 {
			w.inline(inner[0], 0)
		} else {
			w.blocks(inner, depth+1)
		}
		w.b.WriteString("</li>")
	}
	w.b.WriteString("</" + tag + ">\n")
	return lines
}

// paragraph writes lines up to a blank one or another block. Line breaks stay:
// agents mean them.
func (w *writer) paragraph(lines []string) []string {
	n := 1
	for n < len(lines) && strings.TrimSpace(lines[n]) != "" && !strings.HasPrefix(lines[n], "```") && !strings.HasPrefix(lines[n], ">") &&
		!bullet.MatchString(lines[n]) && !heading.MatchString(lines[n]) {
		n++
	}
	w.b.WriteString("<p>")
	for i, line := range lines[:n] {
		if i > 0 {
			w.b.WriteString("<br>\n")
		}
		if i < n-1 {
			line = strings.TrimSuffix(line, `\`)
		}
		w.inline(strings.TrimRight(line, " "), 0)
	}
	w.b.WriteString("</p>\n")
	return lines[n:]
}

// marks are the delimiters, longer ones first, and their elements.
var marks = [...]struct{ mark, tag string }{{"**", "strong"}, {"__", "strong"}, {"~~", "s"}, {"*", "em"}, {"_", "em"}}

// inline writes the words of a line.
func (w *writer) inline(s string, depth int) {
	var none [len(marks)]bool
	for i := 0; i < len(s); {
		n := 0
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && escapable(s[i+1]):
			w.b.WriteString(html.EscapeString(s[i+1 : i+2]))
			n = 2
		case c == '`':
			n = w.ticks(s[i:])
		case c == '[' && depth < maxDepth:
			n = w.link(s[i:], depth)
		case c == '<':
			n = w.address(s[i:])
		case (c == '*' || c == '_' || c == '~') && depth < maxDepth:
			n = w.span(s, i, depth, &none)
		}
		if n == 0 {
			_, n = utf8.DecodeRuneInString(s[i:])
			w.b.WriteString(html.EscapeString(s[i : i+n]))
		}
		i += n
	}
}

func (w *writer) ticks(s string) int {
	end := strings.IndexByte(s[1:min(len(s), maxSpan)], '`')
	if end < 1 {
		return 0
	}
	w.marked = true
	w.b.WriteString("<code>" + html.EscapeString(s[1:1+end]) + "</code>")
	return end + 2
}

// link writes [words](address "title"), with an address of the web, of mail or
// of a telephone.
func (w *writer) link(s string, depth int) int {
	s = s[:min(len(s), maxSpan)]
	words, rest, ok := strings.Cut(s[1:], "](")
	address, _, closed := strings.Cut(rest, ")")
	if !ok || !closed || words == "" || strings.Contains(words, "[") {
		return 0
	}
	n := len("[") + len(words) + len("](") + len(address) + len(")")
	address, _, _ = strings.Cut(address, ` "`)
	if !leads.MatchString(address) {
		return 0
	}
	w.marked = true
	w.b.WriteString(`<a href="` + html.EscapeString(unescape(address)) + `">`)
	w.inline(words, depth+1)
	w.b.WriteString("</a>")
	return n
}

var leads = regexp.MustCompile(`^(?:https?://|mailto:|tel:)[^\s<>"]+$`)

// address writes <address>.
func (w *writer) address(s string) int {
	s = s[:min(len(s), maxSpan)]
	a, _, closed := strings.Cut(s[1:], ">")
	if !closed || !leads.MatchString(a) {
		return 0
	}
	w.marked = true
	shown := html.EscapeString(a)
	w.b.WriteString(`<a href="` + shown + `">` + shown + "</a>")
	return len(a) + 2
}

// span writes what stands between two marks, which touch their words; an
// underscore within a word is none. none are the marks that nothing ends from
// here on.
func (w *writer) span(s string, i, depth int, none *[len(marks)]bool) int {
	for k, m := range marks {
		if none[k] || !strings.HasPrefix(s[i:], m.mark) {
			continue
		}
		from := i + len(m.mark)
		next, _ := utf8.DecodeRuneInString(s[from:])
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		if from >= len(s) || unicode.IsSpace(next) || m.mark[0] == '_' && word(before) {
			continue
		}
		for to := from + 1; to < len(s); to++ {
			if s[to] != m.mark[0] || !ends(s, to, m.mark) {
				continue
			}
			w.marked = true
			w.b.WriteString("<" + m.tag + ">")
			w.inline(s[from:to], depth+1)
			w.b.WriteString("</" + m.tag + ">")
			return to + len(m.mark) - i
		}
		none[k] = true
	}
	return 0
}

// ends reports whether a mark at a place can end a span.
func ends(s string, at int, mark string) bool {
	if s[at-1] == '\\' || !strings.HasPrefix(s[at:], mark) {
		return false
	}
	last, _ := utf8.DecodeLastRuneInString(s[:at])
	after, _ := utf8.DecodeRuneInString(s[at+len(mark):])
	return !unicode.IsSpace(last) && !(mark[0] == '_' && word(after)) && (len(mark) == 2 || s[at-1] != mark[0] && !strings.HasPrefix(s[at+1:], mark))
}

func word(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

func escapable(c byte) bool { return strings.IndexByte("\\`*_{}[]()#+-.!~<>|\"'&:/=$^%,;?@", c) >= 0 }

// unescape takes out the backslashes that protect what would be a mark, and
// those of hard line breaks.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (escapable(s[i+1]) || s[i+1] == '\n') {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
