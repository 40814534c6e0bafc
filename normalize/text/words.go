package text

import (
	"strings"
	"unicode"
)

const (
	// maxWordsOf is how much of a text Words looks at, in bytes, and maxWords
	// how many it returns.
	maxWordsOf = 64 << 10
	maxWords   = 4000
)

// wordLengths are the lengths, in characters, at which a word is cut, so that
// its beginning finds it.
var wordLengths = []int{3, 4, 6, 9}

// Words returns by which words a text can be found: the beginnings of its
// words, in lower case, and the characters and pairs of characters of scripts
// that put no space between words. Each is there once.
func Words(s string) []string {
	if len(s) > maxWordsOf {
		s = strings.ToValidUTF8(s[:maxWordsOf], "")
	}
	seen := map[string]bool{}
	var out []string
	add := func(w string) {
		if !seen[w] && len(out) < maxWords {
			seen[w] = true
			out = append(out, w)
		}
	}
	split(s, func(word []rune, dense bool) {
		if dense {
			for i := range word {
				add(string(word[i]))
				if i > 0 {
					add(string(word[i-1 : i+1]))
				}
			}
			return
		}
		if len(word) < wordLengths[0] {
			add(string(word))
			return
		}
		for _, n := range wordLengths {
			if n <= len(word) {
				add(string(word[:n]))
			}
		}
	})
	return out
}

// WordsToFind returns those of Words that every text has in which all words of
// a query begin words. Such a text need not have them: it has to be looked at.
func WordsToFind(query string) []string {
	seen := map[string]bool{}
	var out []string
	add := func(w string) {
		if !seen[w] {
			seen[w] = true
			out = append(out, w)
		}
	}
	split(query, func(word []rune, dense bool) {
		switch {
		case dense && len(word) == 1, !dense && len(word) < wordLengths[0]:
			add(string(word))
		case dense:
			for i := range len(word) - 1 {
				add(string(word[i : i+2]))
			}
		default:
			most := 0
			for _, n := range wordLengths {
				if n <= len(word) {
					most = n
				}
			}
			add(string(word[:most]))
		}
	})
	return out
}

// split calls f for each word, in lower case. A run of a script without spaces
// is one word, and dense.
func split(s string, f func(word []rune, dense bool)) {
	var word []rune
	was := false
	flush := func() {
		if len(word) > 0 {
			f(word, was)
		}
		word = word[:0]
	}
	for _, r := range s {
		if r < unicode.MaxASCII { // most of most texts
			switch {
			case 'A' <= r && r <= 'Z':
				r += 'a' - 'A'
			case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			default:
				flush()
				continue
			}
			if was {
				flush()
			}
			word, was = append(word, r), false
			continue
		}
		if !unicode.In(r, unicode.L, unicode.N, unicode.M) {
			flush()
			continue
		}
		dense := unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
		if dense != was {
			flush()
		}
		word, was = append(word, unicode.ToLower(r)), dense
	}
	flush()
}
