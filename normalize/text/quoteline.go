package text

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarker bounds the lines that are looked at as a program's own, in bytes:
// no header of a quote is longer.
const maxMarker = 500

// kind is what a line of a copied header tells.
type kind int

const (
	noLabel kind = iota
	labelFrom
	labelDate
	labelTo
	labelSubject
	labelOther
)

// vocabulary is what all languages say, for looking up.
type vocabulary struct {
	labels                                map[string]kind
	original, forwarded, regards, subject map[string]bool
	wrote, opens, excuses, within, answer []string
	self                                  []string
	mobile, loose, greetings              []pattern
}

// words is what languages say, put together for looking up.
var words = func() vocabulary {
	var w vocabulary

	w.labels = map[string]kind{}
	w.original, w.forwarded, w.regards, w.subject = map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	add := func(m map[string]bool, list []string) {
		for _, s := range list {
			m[s] = true
		}
	}
	for _, l := range languages {
		for k, list := range [][]string{labelFrom: l.from, labelDate: l.date, labelTo: l.to, labelSubject: l.subject, labelOther: l.other} {
			for _, s := range list {
				w.labels[s] = kind(k)
			}
		}
		add(w.original, l.original)
		add(w.forwarded, l.forwarded)
		add(w.regards, l.regards)
		add(w.subject, l.subjects)
		w.wrote, w.opens = append(w.wrote, l.wrote...), append(w.opens, l.opens...)
		w.excuses, w.within = append(w.excuses, l.excuses...), append(w.within, l.within...)
		w.answer, w.self = append(w.answer, l.answer...), append(w.self, l.self...)
		for _, s := range l.mobile {
			w.mobile = append(w.mobile, newPattern(s))
		}
		for _, s := range l.loose {
			w.loose = append(w.loose, newPattern(s))
		}
		for _, s := range l.greetings {
			w.greetings = append(w.greetings, newPattern(s))
		}
	}
	return w
}()

// pattern is a text with the name of a device or program in it.
type pattern struct {
	before, after string
	open          bool // has a name at all
}

func newPattern(s string) pattern {
	before, after, open := strings.Cut(s, "%")
	return pattern{before, after, open}
}

// matches allows of a name what is none of a sentence.
func (p pattern) matches(s string) bool {
	if !p.open {
		return s == p.before
	}
	if len(s) < len(p.before)+len(p.after) || !strings.HasPrefix(s, p.before) || !strings.HasSuffix(s, p.after) {
		return false
	}
	name := s[len(p.before) : len(s)-len(p.after)]
	return (name != "" || p.after == "") && utf8.RuneCountInString(name) <= 40 &&
		len(strings.Fields(name)) <= 6 && !strings.ContainsAny(name, ",;:?!。，？！、…")
}

// fold returns a line for comparing: small letters, plain spaces, no marks of
// direction, half-width colons and no emphasis of Markdown. Of a long line
// nothing is left, since no program writes one around a quote.
func fold(line string) string {
	if len(line) > maxMarker {
		return ""
	}
	s, ok := foldASCII(line)
	if !ok {
		s = strings.Map(foldRune, line)
	}
	return strings.TrimSpace(strings.ReplaceAll(s, "&nbsp;", " ")) // as QQ Mail writes it in plain text
}

func foldRune(r rune) rune {
	switch {
	case r == '：':
		return ':'
	case r == '，':
		return ','
	case r == '*' || r == '\u200e' || r == '\u200f' || r == '\u061c' || turnsDirection(r):
		return -1
	case unicode.IsSpace(r):
		return ' '
	case invisible(r):
		return -1
	}
	return unicode.ToLower(r)
}

// foldASCII does what foldRune does for the letters of most lines at once; ok
// is false where there are others.
func foldASCII(line string) (s string, ok bool) {
	b := make([]byte, 0, maxMarker)
	for i := range len(line) {
		if line[i] >= utf8.RuneSelf {
			return "", false
		}
		if c := foldedASCII[line[i]]; c != 0xff {
			b = append(b, c)
		}
	}
	return string(b), true
}

// foldedASCII is foldRune as a table; 0xff is for what is left out.
var foldedASCII = func() (t [utf8.RuneSelf]byte) {
	for c := range t {
		t[c] = byte(foldRune(rune(c)))
	}
	return t
}()

// quotedLine is true for the lines of a quote in plain text.
func quotedLine(line string) bool {
	s := strings.TrimLeft(line, " \u00a0")
	return len(line)-len(s) <= 4 && (strings.HasPrefix(s, ">") || strings.HasPrefix(s, "＞"))
}

func blank(line string) bool { return strings.TrimFunc(line, invisible) == "" }

// rule is true for a line that only divides.
func rule(folded string) bool {
	return utf8.RuneCountInString(folded) >= 3 && strings.Trim(folded, "-_=—–─━ ") == ""
}

// titled returns what stands between the dashes of "--- Original Message ---",
// and whether there are any. Only one end of the line needs them.
func titled(folded string) (string, bool) {
	s := strings.Trim(folded, "-_=—–─━<> ")
	lead := strings.HasPrefix(folded, "--") || strings.HasPrefix(folded, "__") || strings.HasPrefix(folded, "==") ||
		strings.HasPrefix(folded, "──") || strings.HasPrefix(folded, "——")
	return strings.TrimSpace(strings.TrimRight(s, ": ")), lead
}

// overQuote is true for the line over a quoted mail, overForward for that over
// one that is passed on.
func overQuote(folded string) bool {
	s, dashes := titled(folded)
	return dashes && words.original[s]
}

func overForward(folded string) bool {
	s, dashes := titled(folded)
	return words.forwarded[s] && (dashes || strings.HasSuffix(folded, ":"))
}

// label tells what the line of a copied header is about.
func label(folded string) kind {
	folded = strings.TrimLeft(folded, "| ") // from a table's cells
	end := strings.IndexAny(folded, ":|")
	if end <= 0 || end > 60 || folded[0] == ' ' {
		return noLabel
	}
	name := strings.TrimSpace(folded[:end])
	if name[0] >= 0xE3 {
		name = strings.ReplaceAll(name, " ", "") // "主 题", spaced out to the width of the others
	}
	return words.labels[name]
}

// IsForward is true where the subject says that the mail passes on another
// one: what follows a header in it is what the sender wanted to show.
func IsForward(subject string) bool {
	subject, _ = firstBytes(subject, maxMarker)
	prefix, _, found := strings.Cut(fold(subject), ":")
	return found && words.subject[strings.TrimSpace(prefix)]
}

var withoutBrackets = strings.NewReplacer("[", "", "]", "")

// programSignature is true for what a program adds by itself; sure is false
// where a sender may well have said it.
func programSignature(folded string) (found, sure bool) {
	s := strings.TrimRight(withoutBrackets.Replace(withoutLinks(folded)), ". ")
	if s == "" || len(s) > 150 {
		return false, false
	}
	if says(words.excuses, s) {
		if i := strings.IndexAny(s, ".,;!-–"); i > 0 && says(words.excuses, s[i:]) {
			s = strings.TrimSpace(s[:i])
		}
	}
	for _, p := range words.mobile {
		if p.matches(s) {
			return true, true
		}
	}
	if strings.TrimRight(folded, " .!?。") != folded {
		return false, false // a sentence
	}
	for _, p := range words.loose {
		if p.matches(s) {
			return true, false
		}
	}
	return false, false
}

// greeting is true for a line that says no more than whom it is to. A name may
// stand before it: "Ann, hello".
func greeting(folded string) bool {
	s := strings.TrimRight(folded, ",.!:;、。！، -–—")
	if i := strings.LastIndexAny(s, ",、،"); i > 0 && i <= 40 {
		_, n := utf8.DecodeRuneInString(s[i:])
		s = strings.TrimSpace(s[i+n:])
	}
	return len(strings.Fields(s)) <= 5 && slices.ContainsFunc(words.greetings, func(p pattern) bool { return p.matches(s) })
}

// says is true where any of the phrases stands in the text.
func says(phrases []string, folded string) bool {
	return slices.ContainsFunc(phrases, func(p string) bool { return strings.Contains(folded, p) })
}

// withoutLinks takes out addresses in brackets, as they stand behind the words
// of a link: "Outlook<https://aka.ms/x>".
func withoutLinks(s string) string {
	if !strings.Contains(s, "http") && !strings.Contains(s, "mailto:") {
		return s
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "<([")
		if i < 0 {
			break
		}
		end := strings.IndexAny(s[i:], ">)]")
		if end < 0 {
			break
		}
		b.WriteString(s[:i])
		if in := strings.TrimSpace(s[i+1 : i+end]); strings.HasPrefix(in, "http") || strings.HasPrefix(in, "mailto:") {
			b.WriteByte(' ')
		} else {
			b.WriteString(s[i : i+end+1])
		}
		s = s[i+end+1:]
	}
	b.WriteString(s)
	return strings.Join(strings.Fields(b.String()), " ")
}
