package slack

import (
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// fromMrkdwn reads Slack's markup
// (https://docs.slack.dev/messaging/formatting-message-text) into readable text
// and HTML; the latter is empty where nothing stands out. The time grows with
// the length alone, and tags nest as HTML wants it.
func fromMrkdwn(s string) (plain, rich string) {
	w := &writer{}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	for s != "" {
		before, rest, fenced := strings.Cut(s, fence)
		code, after, closed := "", "", false
		if fenced {
			code, after, closed = strings.Cut(rest, fence)
		}
		if !closed {
			w.lines(s)
			break
		}
		w.lines(strings.TrimSuffix(before, "\n"))
		if before != "" {
			w.plain.WriteByte('\n')
		}
		code = strings.TrimPrefix(strings.TrimSuffix(code, "\n"), "\n")
		w.pre(code)
		if s = strings.TrimPrefix(after, "\n"); s != "" {
			w.plain.WriteByte('\n')
		}
	}
	if w.formatted {
		rich = w.html.String()
	}
	return strings.TrimSpace(w.plain.String()), rich
}

const fence = "```"

// written is a mention as a customer's is shown to agents: "@U0123456789".
var written = regexp.MustCompile(`(?:^|[^\pL\pN_@<|/.;-])@[UW][A-Z0-9]{7,12}\b`)

// toMrkdwn writes a part in Slack's markup. A member who is named by id, as they
// are where a customer mentions one, is mentioned. Nothing else that an agent
// writes calls anybody: "@here" stays two words.
func toMrkdwn(p *normalize.Part) string {
	words := text.Render(p.Text, p.HTML, normalize.MarkupSlack)
	return written.ReplaceAllStringFunc(words, func(found string) string {
		before, id, _ := strings.Cut(found, "@")
		if !strings.ContainsAny(id, "0123456789") {
			return found // a word in capitals
		}
		return before + "<@" + id + ">"
	})
}

// writer writes both forms side by side.
type writer struct {
	plain, html strings.Builder
	formatted   bool
}

// both writes words of the author.
func (w *writer) both(s string) {
	w.plain.WriteString(s)
	w.html.WriteString(strings.ReplaceAll(html.EscapeString(s), "\n", "<br>"))
}

func (w *writer) tag(s string) {
	w.html.WriteString(s)
	w.formatted = true
}

func (w *writer) pre(code string) {
	w.tag("<pre>")
	for t := range tokens(code) {
		w.plain.WriteString(t.plain())
		w.html.WriteString(html.EscapeString(t.plain()))
	}
	w.tag("</pre>")
}

// lines writes paragraphs and quotes.
func (w *writer) lines(s string) {
	quoted, all := false, false
	for i, line := range strings.Split(s, "\n") {
		rest, is := line, all
		if !all {
			switch {
			case strings.HasPrefix(line, "&gt;&gt;&gt;"):
				rest, is, all = line[len("&gt;&gt;&gt;"):], true, true
			case strings.HasPrefix(line, "&gt;"):
				rest, is = line[len("&gt;"):], true
			}
		}
		if i > 0 {
			w.plain.WriteByte('\n')
		}
		switch {
		case is && !quoted:
			w.tag("<blockquote>")
		case !is && quoted:
			w.tag("</blockquote>")
		case i > 0:
			w.html.WriteString("<br>")
		}
		if quoted = is; is {
			w.plain.WriteString("> ")
			rest = strings.TrimPrefix(rest, " ")
		}
		w.line(rest)
	}
	if quoted {
		w.tag("</blockquote>")
	}
}

// span is a token of a line, or a mark that may begin or end something.
type span struct {
	token
	mark       byte   // 0 for a token
	code       string // what stands in a code span, in words
	opens      bool
	closes     bool
	begin, end bool // what the mark turned out to be
}

// line writes one line, with what stands out in it.
func (w *writer) line(s string) {
	spans := cut(s)
	pair(spans)
	for i := range spans {
		switch p := &spans[i]; {
		case p.begin:
			w.tag("<" + marks[p.mark] + ">")
		case p.end:
			w.tag("</" + marks[p.mark] + ">")
		case p.mark != 0:
			w.both(string(p.mark))
		case p.code != "":
			w.plain.WriteString(p.code)
			w.tag("<code>" + html.EscapeString(p.code) + "</code>")
		default:
			w.token(p.token)
		}
	}
}

var marks = map[byte]string{'*': "b", '_': "i", '~': "s"}

// cut takes a line apart.
func cut(s string) (spans []span) {
	backticks := true // there is one ahead
	for s != "" {
		n := strings.IndexAny(s, "`*_~<")
		if n < 0 {
			return append(spans, words(s)...)
		}
		if n > 0 {
			spans, s = append(spans, words(s[:n])...), s[n:]
		}
		switch s[0] {
		case '`':
			end := -1
			if backticks {
				end = strings.IndexByte(s[1:], '`')
			}
			if end <= 0 {
				backticks = end == 0
				spans, s = append(spans, span{token: token{text: "`"}}), s[1:]
				continue
			}
			var code strings.Builder
			for t := range tokens(s[1 : 1+end]) {
				code.WriteString(t.plain())
			}
			spans, s = append(spans, span{code: code.String()}), s[end+2:]
		case '<':
			end := strings.IndexByte(s, '>')
			if end < 0 {
				return append(spans, span{token: token{text: s}})
			}
			spans, s = append(spans, span{token: token{ref: s[1:end]}}), s[end+1:]
		default:
			after, _ := utf8.DecodeRuneInString(s[1:])
			before := lastRune(spans)
			spans = append(spans, span{
				mark:   s[0],
				opens:  !word(before) && len(s) > 1 && !unicode.IsSpace(after) && after != rune(s[0]),
				closes: !unicode.IsSpace(before) && before != utf8.RuneError && before != rune(s[0]) && (len(s) == 1 || !word(after)),
			})
			s = s[1:]
		}
	}
	return spans
}

func words(s string) []span { return []span{{token: token{text: s}}} }

func word(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// lastRune is what stands before; utf8.RuneError at the beginning of a line.
func lastRune(spans []span) rune {
	if len(spans) == 0 {
		return utf8.RuneError
	}
	switch p := &spans[len(spans)-1]; {
	case p.mark != 0:
		return rune(p.mark)
	case p.code != "":
		return '`'
	case p.ref != "":
		return '>'
	default:
		r, _ := utf8.DecodeLastRuneInString(p.text)
		return r
	}
}

// pair finds which marks belong together. At most one of each kind is open, so
// the work is bounded by the length.
func pair(spans []span) {
	var open []int
	for i := range spans {
		p := &spans[i]
		if p.mark == 0 {
			continue
		}
		at := -1
		for j, o := range slices.Backward(open) {
			if spans[o].mark == p.mark {
				at = j
				break
			}
		}
		switch {
		case p.closes && at >= 0:
			spans[open[at]].begin, p.end = true, true
			open = open[:at] // what was opened in between is no mark
		case p.opens && at < 0:
			open = append(open, i)
		}
	}
}

// token is a run of text, or a reference in angle brackets.
type token struct{ text, ref string }

// tokens yields the text and the references of s.
func tokens(s string) func(yield func(token) bool) {
	return func(yield func(token) bool) {
		for s != "" {
			before, rest, found := strings.Cut(s, "<")
			ref, after, closed := strings.Cut(rest, ">")
			if !found || !closed {
				yield(token{text: s})
				return
			}
			if before != "" && !yield(token{text: before}) || ref != "" && !yield(token{ref: ref}) {
				return
			}
			s = after
		}
	}
}

// unescaper undoes the three escapes that Slack knows.
var unescaper = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// plain is what the token says, in words.
func (t token) plain() string {
	if t.ref == "" {
		return unescaper.Replace(t.text)
	}
	target, label := t.parts()
	switch kind, address, _ := strings.Cut(target, ":"); {
	case t.mention():
		return label
	case kind == "tel" || kind == "mailto" && (label == "" || label == address):
		return first(label, address)
	case label == "" || label == target || strings.EqualFold(label, bare(target)):
		return target
	}
	return label + " (" + target + ")"
}

// token writes a token outside of code.
func (w *writer) token(t token) {
	if t.ref == "" {
		w.both(withEmoji(t.plain()))
		return
	}
	target, label := t.parts()
	u, err := url.Parse(target)
	if t.mention() || err != nil || (u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "mailto" && u.Scheme != "tel") {
		w.both(t.plain())
		return
	}
	w.plain.WriteString(t.plain())
	w.tag(`<a href="` + html.EscapeString(target) + `">` + html.EscapeString(first(label, strings.TrimPrefix(target, "mailto:"))) + "</a>")
}

func (t token) mention() bool {
	return strings.HasPrefix(t.ref, "@") || strings.HasPrefix(t.ref, "#") || strings.HasPrefix(t.ref, "!")
}

// parts of a reference: where it leads to, and how it is called. A mention
// leads nowhere.
func (t token) parts() (target, label string) {
	target, label, _ = strings.Cut(t.ref, "|")
	target, label = unescaper.Replace(target), unescaper.Replace(label)
	kind := ""
	if t.mention() {
		kind, target = target[:1], target[1:]
	}
	switch kind {
	case "@", "#":
		return "", kind + strings.TrimPrefix(first(label, target), kind)
	case "!":
		name, _, _ := strings.Cut(target, "^")
		switch {
		case label != "":
			return "", label
		case name == "here" || name == "channel" || name == "everyone":
			return "", "@" + name
		}
		return "", "@" + strings.TrimPrefix(target, "subteam^")
	}
	return target, label
}

// bare is an address as it is often written as its own label.
func bare(address string) string {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	return strings.TrimSuffix(rest, "/")
}
