package redmine

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An installation of Redmine formats all its texts as Textile, as Markdown or
// as CommonMark, and does not tell which. So what could be markup in any of
// them is written as a character reference, which all three show as the
// character; and what Redmine looks for in the result (#12, @login,
// user:login, {{macro}}) is parted by a word joiner, which nobody sees.

// joiner is U+2060 WORD JOINER: no width, no break.
const joiner = "\u2060"

var (
	// link is an address that every formatting makes clickable by itself.
	link = regexp.MustCompile(`(?i)\b(?:(?:https?|s?ftps?)://|www\.)[\p{L}\p{N}][^\s<>"\x{2060}]*`)
	// reference is an HTML character reference.
	reference = regexp.MustCompile(`^&#?[0-9A-Za-z]{1,32};`)
	// block is what begins a heading, a paragraph of a class, a table or a
	// footnote in Textile, and an ordered list in Markdown.
	block = regexp.MustCompile(`^(?:(?:h[1-6]|p|bq|pre|bc|fn[0-9]+|table|notextile|div)[^\s.]*\.|[0-9]{1,10}[.)])`)
	// object is the beginning of a link to something within Redmine.
	object = regexp.MustCompile(`^(?i)(?:attachment|document|version|forum|news|message|project|commit|source|export|user)[:@]`)
	// revision is a link to a commit.
	revision = regexp.MustCompile(`^r[0-9]`)
)

// literal writes a text such that Redmine shows just this text, line by line,
// in which addresses can be clicked.
func literal(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(s, "\ufffd"))
	lines := strings.Split(strings.TrimRight(s, " \t\n"), "\n")
	var b strings.Builder
	empty := false
	for _, l := range lines {
		l = strings.TrimRightFunc(l, unicode.IsSpace)
		if l == "" {
			empty = true // one empty line is as good as many
			continue
		}
		switch {
		case b.Len() == 0:
		case empty:
			b.WriteString("\n\n")
		default:
			// CommonMark joins lines unless the first ends in two spaces.
			b.WriteString("  \n")
		}
		empty = false
		writeLine(&b, l)
	}
	return b.String()
}

// writeLine writes one line, not empty. What it is indented by would make code
// of it in Markdown.
func writeLine(b *strings.Builder, l string) {
	words := strings.TrimLeftFunc(l, unicode.IsSpace)
	for _, r := range l[:len(l)-len(words)] {
		if r == '\t' {
			b.WriteString("\u00a0\u00a0\u00a0")
		}
		b.WriteString("\u00a0")
	}
	bare := len(words) == len(l)
	at := 0
	for _, m := range link.FindAllStringIndex(words, -1) {
		end := m[0] + len(trimLink(words[m[0]:m[1]]))
		writeWords(b, words[at:m[0]], before(words, at), bare && at == 0)
		writeLink(b, words[m[0]:end])
		if at = end; at < len(words) && !plain(words[at:]) {
			b.WriteByte(' ') // else it would be taken for a part of the address
		}
	}
	writeWords(b, words[at:], before(words, at), bare && at == 0)
}

// plain tells that nothing but the end of a sentence follows an address before
// the next blank.
func plain(s string) bool {
	word, _, _ := strings.Cut(s, " ")
	return strings.Trim(word, ".,;:!?)\"'") == ""
}

func before(s string, i int) rune {
	if i == 0 {
		return ' '
	}
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return r
}

// trimLink leaves to the sentence what ends it.
func trimLink(s string) string {
	for i := range len(s) {
		if s[i] == '&' && reference.MatchString(s[i:]) {
			s = s[:i]
			break
		}
	}
	for {
		t := strings.TrimRight(s, ".,;:!?'*_~)]}>|`^&=-+%#@$\\")
		if strings.HasSuffix(s, ")") && strings.Count(s, "(") >= strings.Count(s, ")") {
			t = s
		}
		if t == s {
			return s
		}
		s = t
	}
}

// writeLink writes an address in which no character is left that could be
// markup; %2A and * mean the same in it.
func writeLink(b *strings.Builder, s string) {
	scheme := strings.Index(s, "://")
	for i := range len(s) {
		c := s[i]
		if i > scheme+2 && strings.IndexByte("*~^|`{}[]\\!'()@$;", c) >= 0 ||
			i > 0 && strings.IndexByte("_-+%?=", c) >= 0 && !alphanumeric(rune(s[i-1])) && c != '%' && c != '?' && c != '=' && c != '+' {
			b.WriteString("%" + strings.ToUpper(strconv.FormatInt(int64(c), 16)))
			continue
		}
		b.WriteByte(c)
	}
}

// writeWords writes what is no address. prev is the rune before it; start
// tells that it begins a line.
func writeWords(b *strings.Builder, s string, prev rune, start bool) {
	dots := 0
	if start {
		dots = len(block.FindString(s))
	}
	for i, r := range s {
		next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		switch {
		case i < dots && (r == '.' || r == ')') || start && i == 0 && r == ':' || marks(r, prev, next, start && i == 0):
			b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
			if r == next && (r == '[' || r == '{') || r == '#' && alphanumeric(next) || r == '@' {
				b.WriteString(joiner)
			}
		case r == '&' && (reference.MatchString(s[i:]) || !unicode.IsSpace(prev) && !alphanumeric(next)):
			b.WriteString("&amp;")
		case !alphanumeric(prev) && object.MatchString(s[i:]):
			b.WriteRune(r)
			b.WriteString(joiner)
		case r == ':' && strings.HasPrefix(s[i:], "://"):
			b.WriteString(":" + joiner) // of an address that is none
		case r == 'r' && !alphanumeric(prev) && revision.MatchString(s[i:]):
			b.WriteString("r" + joiner)
		default:
			b.WriteRune(r)
		}
		prev = r
	}
}

// marks tells whether a character could be markup where it stands.
func marks(r, prev, next rune, start bool) bool {
	switch r {
	case '*', '~', '^', '|', '`', '[', ']', '{', '}', '<', '>', '\\':
		return true
	case '_':
		return !alphanumeric(prev) || !alphanumeric(next)
	case '+', '%', '!':
		return !alphanumeric(prev)
	case '-':
		return start || !alphanumeric(prev) && (prev != ' ' || next != ' ')
	case '=':
		return start || prev == '=' || next == '='
	case '?':
		return prev == '?' || next == '?'
	case '"':
		return next == ':'
	case '#':
		return start || alphanumeric(next) || next == '#'
	case '@':
		return !alphanumeric(prev) || !alphanumeric(next)
	case '(':
		return alphanumeric(prev)
	}
	return false
}

func alphanumeric(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

var (
	// tagMark is the comment that none of Textile and CommonMark shows.
	tagMark = regexp.MustCompile(`<!-- deskbridge:(\S{1,200}) -->`)
	escaped = regexp.MustCompile(`&(?:amp|#[0-9]{2,3});`)
)

// mark is how a tag stands in a text of ours. No words of a customer can look
// like it, since literal leaves no < in them.
func mark(tag string) string { return "<!-- deskbridge:" + tag + " -->" }

// tagOf returns the tag in a text of ours.
func tagOf(s string) string {
	if all := tagMark.FindAllStringSubmatch(s, -1); all != nil {
		return all[len(all)-1][1]
	}
	return ""
}

// worded undoes in the words of an agent, who may quote ours, what literal and
// mark did.
func worded(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	if strings.Contains(s, "<!-- deskbridge:") {
		s = tagMark.ReplaceAllString(s, "")
	}
	s = strings.ReplaceAll(s, joiner, "")
	s = escaped.ReplaceAllStringFunc(s, func(e string) string {
		if e == "&amp;" {
			return "&"
		}
		n, err := strconv.Atoi(e[2 : len(e)-1])
		if err != nil || n < ' ' || n > '~' {
			return e
		}
		return string(rune(n))
	})
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
