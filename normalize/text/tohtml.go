package text

import (
	"html"
	"regexp"
	"strings"
)

var address = regexp.MustCompile(`https?://[^\s<>"]+`)

// ToHTML returns plain text as simple safe HTML, for the rich form of an
// outgoing mail: paragraphs at blank lines, line breaks, spaces kept, web
// addresses as links.
func ToHTML(s string) string {
	var b strings.Builder
	for _, para := range paragraphs(Clean(s)) {
		b.WriteString("<p>")
		for i, line := range para {
			if i > 0 {
				b.WriteString("<br>\n")
			}
			writeLine(&b, line)
		}
		b.WriteString("</p>\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// paragraphs groups lines between blank ones.
func paragraphs(s string) [][]string {
	var paras [][]string
	var para []string
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimRight(line, " \t")
		if line != "" {
			para = append(para, line)
		} else if para != nil {
			paras, para = append(paras, para), nil
		}
	}
	if para != nil {
		paras = append(paras, para)
	}
	return paras
}

func writeLine(b *strings.Builder, line string) {
	done := 0
	for _, m := range address.FindAllStringIndex(line, -1) {
		link := trimAddress(line[m[0]:m[1]])
		if link == "" {
			continue
		}
		writeText(b, line[done:m[0]], m[0] == 0)
		done = m[0] + len(link)
		link = html.EscapeString(link)
		b.WriteString(`<a href="` + link + `">` + link + `</a>`)
	}
	writeText(b, line[done:], done == 0)
}

// trimAddress takes off the end of a web address what belongs to the sentence
// around it. It returns "" where no address is left.
func trimAddress(s string) string {
	unopened := strings.Count(s, ")") - strings.Count(s, "(")
	for strings.IndexByte(".,;:!?'*_/)", s[len(s)-1]) >= 0 {
		switch s[len(s)-1] {
		case '/':
			if strings.HasSuffix(s, "://") {
				return ""
			}
			return s
		case ')':
			if unopened <= 0 {
				return s
			}
			unopened--
		}
		s = s[:len(s)-1]
	}
	return s
}

// writeText escapes s. Browsers fold white space, so every space that would
// be lost becomes one that does not break.
func writeText(b *strings.Builder, s string, lineStart bool) {
	folds := lineStart
	for part := range strings.SplitAfterSeq(strings.ReplaceAll(s, "\t", "    "), " ") {
		word, spaced := strings.CutSuffix(part, " ")
		b.WriteString(html.EscapeString(word))
		folds = folds && word == ""
		switch {
		case spaced && folds:
			b.WriteString("&nbsp;")
		case spaced:
			b.WriteByte(' ')
			folds = true
		}
	}
}
