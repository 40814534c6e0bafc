package text

import (
	"slices"
	"strings"
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
	wroteBy                               [256][]string // those of wrote by their last bytes
	mobile, loose, greetings              patterns
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
			w.mobile.add(newPattern(s))
		}
		for _, s := range l.loose {
			w.loose.add(newPattern(s))
		}
		for _, s := range l.greetings {
			w.greetings.add(newPattern(s))
		}
	}
	for _, verb := range w.wrote {
		last := verb[len(verb)-1]
		w.wroteBy[last] = append(w.wroteBy[last], verb)
	}
	return w
}()

// quotedLine is true for the lines of a quote in plain text.
func quotedLine(line string) bool {
	if line == "" || line[0] > ' ' && line[0] < utf8.RuneSelf && line[0] != '>' {
		return false
	}
	s := strings.TrimLeft(line, " \u00a0")
	return len(line)-len(s) <= 4 && (strings.HasPrefix(s, ">") || strings.HasPrefix(s, "＞"))
}

func blank(line string) bool { return allInvisible(line) }

// rule is true for a line that only divides.
func rule(folded string) bool {
	return utf8.RuneCountInString(folded) >= 3 && strings.Trim(folded, "-_=—–─━ ") == ""
}

// title returns what stands between the dashes of "--- Original Message ---".
// Only one end of the line needs them.
func title(folded string) string {
	return strings.TrimSpace(strings.TrimRight(strings.Trim(folded, "-_=—–─━<> "), ": "))
}

func dashed(folded string) bool {
	return strings.HasPrefix(folded, "--") || strings.HasPrefix(folded, "__") || strings.HasPrefix(folded, "==") ||
		strings.HasPrefix(folded, "──") || strings.HasPrefix(folded, "——")
}

// overQuote is true for the line over a quoted mail, overForward for that over
// one that is passed on.
func overQuote(folded string) bool { return dashed(folded) && words.original[title(folded)] }

func overForward(folded string) bool {
	return (dashed(folded) || strings.HasSuffix(folded, ":")) && words.forwarded[title(folded)]
}

// label tells what the line of a copied header is about.
func label(folded string) kind {
	folded = strings.TrimLeft(folded, "| ") // from a table's cells
	head := folded[:min(len(folded), 61)]
	end := strings.IndexByte(head, ':')
	if bar := strings.IndexByte(head, '|'); bar >= 0 && (end < 0 || bar < end) {
		end = bar
	}
	if end <= 0 {
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
	if len(s) > 150 || !words.mobile.may(s) && !words.loose.may(s) {
		return false, false
	}
	if says(words.excuses, s) {
		if i := strings.IndexAny(s, ".,;!-–"); i > 0 && says(words.excuses, s[i:]) {
			s = strings.TrimSpace(s[:i])
		}
	}
	if words.mobile.match(s) {
		return true, true
	}
	if strings.TrimRight(folded, " .!?。") != folded {
		return false, false // a sentence
	}
	return words.loose.match(s), false
}

// greeting is true for a line that says no more than whom it is to. A name may
// stand before it: "Ann, hello".
func greeting(folded string) bool {
	s := strings.TrimRight(folded, ",.!:;、。！، -–—")
	if i := strings.LastIndexAny(s, ",、،"); i > 0 && i <= 40 {
		_, n := utf8.DecodeRuneInString(s[i:])
		s = strings.TrimSpace(s[i+n:])
	}
	return len(strings.Fields(s)) <= 5 && words.greetings.match(s)
}

// says is true where any of the phrases stands in the text.
func says(phrases []string, folded string) bool {
	return slices.ContainsFunc(phrases, func(p string) bool { return strings.Contains(folded, p) })
}

// withoutLinks takes out addresses in brackets, as they stand behind the words
// of a link: "Outlook<https://aka.ms/x>".
func withoutLinks(s string) string {
	if strings.IndexByte(s, '<') < 0 && strings.IndexByte(s, '(') < 0 && strings.IndexByte(s, '[') < 0 && !strings.Contains(s, "  ") {
		return s // nearly all there are
	}
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
