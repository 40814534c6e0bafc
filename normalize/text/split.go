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
// Put together, the pieces are s without the white space at the cuts. No piece
// is white space alone. A limit of 0 or less is none.
func Split(s string, limit int) []string {
	var pieces []string
	for s != "" {
		end := len(s)
		window, whole := s, true
		if limit > 0 {
			window, whole = firstRunes(s, limit+1)
		}
		if !whole || limit > 0 && utf8.RuneCountInString(window) > limit {
			var piece string
			piece, end = cut(window, limit)
			if piece != "" {
				pieces = append(pieces, piece)
			}
			s = trimClusters(s[end:])
			continue
		}
		if len(pieces) == 0 || strings.TrimSpace(s) != "" {
			pieces = append(pieces, s)
		}
		s = s[end:]
	}
	return pieces
}

// firstRunes returns the first n runes of s and whether that is all of it. A
// byte that is not UTF-8 counts as a rune.
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
	var best [ranks]struct{ end, runes int }
	var last string      // the last cluster that is not white space
	end, gap := 0, 0     // end of the last such cluster; line feeds since
	spaced := false      // white space since
	runes, endRunes := 0, 0 // runes up to here, and up to end
	for it := graphemes.FromString(window); it.Next(); {
		c := it.Value()
		if isSpace(c) {
			runes += utf8.RuneCountInString(c)
			spaced = true
			gap += strings.Count(c, "\n")
			// The white space after the last cluster may go on for ever;
			// what is before it is the piece.
			if rank := rankOf(last, "", spaced, gap); endRunes <= limit {
				best[rank].end, best[rank].runes = end, endRunes
			}
			continue
		}
		if rank := rankOf(last, c, spaced, gap); endRunes <= limit {
			best[rank].end, best[rank].runes = end, endRunes
		}
		runes += utf8.RuneCountInString(c)
		last, end, endRunes = c, it.End(), runes
		spaced, gap = false, 0
	}
	for rank := ranks - 1; rank >= 0; rank-- {
		b := best[rank]
		if b.end > 0 && (rank <= atWord || b.runes*2 >= limit) {
			return window[:b.end], b.end
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
