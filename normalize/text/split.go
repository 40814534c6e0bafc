package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// Split cuts s into pieces of at most limit runes, in order, for a channel
// whose messages are bounded. It cuts at the end of a paragraph, else of a
// line, else of a sentence, where that leaves no piece less than half full;
// else between words, else between grapheme clusters. Only a cluster that is
// itself longer than limit is cut in two.
//
// Put together, the pieces are s without the white space at the cuts, and with
// U+FFFD for what is not UTF-8. No piece is white space alone. A limit of 0 or
// less is none.
func Split(s string, limit int) []string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	var pieces []string
	for s != "" {
		if _, fits := firstRunes(s, limit); fits || limit <= 0 {
			return append(pieces, s)
		}
		window, _ := firstRunes(s, limit+1)
		piece, rest := cut(window, limit)
		if piece != "" {
			pieces = append(pieces, piece)
		}
		s = trimClusters(s[rest:])
	}
	return pieces
}

// firstRunes returns the first n runes of s and whether that is all of it.
func firstRunes(s string, n int) (string, bool) {
	for i := range s {
		if n == 0 {
			return s[:i], false
		}
		n--
	}
	return s, true
}

// How good a place is for a cut.
const (
	atCluster = iota
	atWord
	atSentence
	atLine
	atParagraph
	ranks
)

// cut finds the best place in window, which holds limit+1 runes. It returns
// the piece before it and where the rest begins.
func cut(window string, limit int) (piece string, rest int) {
	var best [ranks]int           // where to cut: the last place of a rank or better
	last, end := "", 0            // the last cluster that is not white space
	spaced, lineFeeds := false, 0 // what came after it
	for it := graphemes.FromString(window); it.Next(); {
		c := it.Value()
		space := isSpace(c)
		if space {
			spaced = true
			lineFeeds += strings.Count(c, "\n")
		}
		for rank := range rankOf(last, c, spaced, lineFeeds) + 1 {
			best[rank] = end
		}
		if space {
			continue
		}
		last, end = c, it.End()
		spaced, lineFeeds = false, 0
	}
	for rank := ranks - 1; rank >= 0; rank-- {
		end := best[rank]
		if end > 0 && (rank <= atWord || utf8.RuneCountInString(window[:end])*2 >= limit) {
			return window[:end], end
		}
	}
	// White space alone, or white space and then one cluster that does not
	// fit: drop the former, cut the latter.
	if lead := len(window) - len(trimClusters(window)); lead > 0 {
		return "", lead
	}
	hard, _ := firstRunes(window, limit)
	return hard, len(hard)
}

// rankOf says how good the place between two clusters is.
func rankOf(before, after string, spaced bool, lineFeeds int) int {
	switch {
	case before == "":
		return atCluster
	case lineFeeds > 1:
		return atParagraph
	case lineFeeds == 1:
		return atLine
	case endsSentence(before, spaced):
		return atSentence
	case spaced, isIdeographic(before) && isIdeographic(after), isIdeographic(after) && isWideStop(before):
		return atWord
	}
	return atCluster
}

func endsSentence(cluster string, spaced bool) bool {
	switch cluster {
	case "。", "！", "？", "｡":
		return true
	case ".", "!", "?", "…", "؟", "।":
		return spaced
	}
	return false
}

func isWideStop(cluster string) bool {
	return cluster == "，" || cluster == "、" || cluster == "；" || cluster == "："
}

// isIdeographic is true for scripts that are written without spaces between
// words, where a line may break between any two characters.
func isIdeographic(cluster string) bool {
	r, _ := utf8.DecodeRuneInString(cluster)
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

func isSpace(cluster string) bool {
	return strings.TrimFunc(cluster, unicode.IsSpace) == ""
}

// trimClusters takes white space off the beginning of s, but no space that
// carries a combining mark.
func trimClusters(s string) string {
	for s != "" {
		// Two runes show whether the first one stands alone.
		pair, _ := firstRunes(s, 2)
		c := graphemes.FromString(pair).First()
		if !isSpace(c) {
			break
		}
		s = s[len(c):]
	}
	return s
}

// Truncate returns s as one clean line of at most n grapheme clusters, the
// last of which is an ellipsis where something was cut off: for subjects and
// names in terminals and logs.
func Truncate(s string, n int) string {
	s = CleanLine(s)
	if n <= 0 {
		return ""
	}
	if len(s) <= n {
		return s // there are no more clusters than bytes
	}
	kept, count := 0, 0
	for it := graphemes.FromString(s); it.Next(); count++ {
		if count == n {
			return strings.TrimRightFunc(s[:kept], unicode.IsSpace) + "…"
		}
		if count < n-1 {
			kept = it.End()
		}
	}
	return s
}
