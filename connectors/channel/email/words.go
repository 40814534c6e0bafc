package email

import "strings"

// maxCharsetName bounds the label within an encoded word.
const maxCharsetName = 60

// word is an RFC 2047 encoded word as it stands in a string.
type word struct {
	start, end    int
	charset, text string
	base64        bool
}

// nextWord finds the first encoded word of s at or after from. Blanks within
// the text, which RFC 2047 forbids and programs write, are let pass; a word at
// the very end may lack its closing mark, as in a subject that was cut off.
func nextWord(s string, from int) (word, bool) {
	for {
		i := strings.Index(s[from:], "=?")
		if i < 0 {
			return word{}, false
		}
		start := from + i
		from = start + 2
		name := s[from:min(len(s), from+maxCharsetName)]
		q := strings.IndexByte(name, '?')
		if q < 1 || strings.ContainsAny(name[:q], " \t=\"") || len(s) < from+q+3 || s[from+q+2] != '?' {
			continue
		}
		encoding := s[from+q+1] | 0x20
		if encoding != 'b' && encoding != 'q' {
			continue
		}
		text := from + q + 3
		w := word{start: start, base64: encoding == 'b'}
		w.charset, _, _ = strings.Cut(strings.ToLower(name[:q]), "*") // RFC 2231: a language may follow
		end, closed := wordEnd(s[text:])
		if closed {
			w.text, w.end = s[text:text+end], text+end+2
			return w, true
		}
		if text+end < len(s) {
			from = text + end // another word begins: this one is none
			continue
		}
		w.text, w.end = strings.TrimSuffix(s[text:], "?"), len(s)
		return w, w.text != "" && !strings.ContainsAny(w.text, " \t?<>\"")
	}
}

// wordEnd finds the closing mark, or where the next word begins or s ends
// without one.
func wordEnd(s string) (end int, closed bool) {
	for i := range len(s) - 1 {
		switch {
		case s[i] == '?' && s[i+1] == '=':
			return i, true
		case s[i] == '=' && s[i+1] == '?' && !strings.HasPrefix(s[i+2:], "="):
			return i, false
		}
	}
	return len(s), false
}

// decodeHeader returns a header value with its RFC 2047 words decoded. It
// differs from mime.WordDecoder as real mail needs it: neighbouring words of
// one charset are joined before their bytes are decoded, since a character may
// be split over two of them; raw 8-bit text is understood; it never fails and
// never returns invalid UTF-8.
func decodeHeader(s string) string {
	if isPlain(s) && !strings.Contains(s, "=?") {
		return s // nearly all there are
	}
	var out strings.Builder
	var run [][]byte // neighbouring words of one charset
	var label string
	flush := func() {
		if run != nil {
			out.WriteString(joinWords(run, label))
			run = nil
		}
	}
	last := 0
	for {
		w, ok := nextWord(s, last)
		if !ok {
			break
		}
		gap := s[last:w.start]
		if strings.TrimSpace(gap) != "" || last == 0 {
			flush()
			out.WriteString(toUTF8([]byte(gap), ""))
		} else if w.charset != label {
			flush()
		}
		run, label, last = append(run, w.bytes()), w.charset, w.end
	}
	flush()
	out.WriteString(toUTF8([]byte(s[last:]), ""))
	return out.String()
}

// joinWords decodes the bytes of neighbouring words: as one, or each by itself
// where that makes more sense, since a program that cuts characters in half may
// also drop the other half.
func joinWords(run [][]byte, label string) string {
	var all []byte
	for _, b := range run {
		all = append(all, b...)
	}
	joined := toUTF8(all, label)
	if bad := strings.Count(joined, "\uFFFD"); bad > 0 && len(run) > 1 {
		var each strings.Builder
		for _, b := range run {
			each.WriteString(toUTF8(b, label))
		}
		if s := each.String(); strings.Count(s, "\uFFFD") < bad {
			return s
		}
	}
	return joined
}

func (w word) bytes() []byte {
	if w.base64 {
		b, _ := decodeBase64([]byte(strings.ReplaceAll(w.text, " ", "")))
		return b
	}
	return decodeQuoted([]byte(strings.ReplaceAll(w.text, "_", " ")))
}
