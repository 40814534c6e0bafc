package text

import "strings"

// The septets of one SMS, and of one of several, which carry a header each;
// the same in UTF-16 code units for text beyond the alphabet of GSM.
const (
	gsmOne, gsmEach = 160, 153
	ucsOne, ucsEach = 70, 67
)

// Characters of the GSM 7 bit default alphabet, and those of its extension
// table, which take two septets (3GPP TS 23.038, 6.2.1).
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmMore  = "\f^{}\\[~]|€"
)

// Segments returns how many segments of SMS carry a text: what it costs. One
// character outside of the GSM alphabet, such as an emoji, makes all of them
// less than half as long.
func Segments(s string) int {
	if s == "" {
		return 0
	}
	units, gsm := 0, true
	for _, r := range s {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			units++
		case strings.ContainsRune(gsmMore, r):
			units += 2
		default:
			gsm = false
		}
	}
	one, each, width := gsmOne, gsmEach, func(r rune) int {
		if strings.ContainsRune(gsmMore, r) {
			return 2
		}
		return 1
	}
	if !gsm {
		units = 0
		one, each, width = ucsOne, ucsEach, func(r rune) int {
			if r > 0xFFFF {
				return 2
			}
			return 1
		}
		for _, r := range s {
			units += width(r)
		}
	}
	if units <= one {
		return 1
	}
	n, used := 1, 0
	for _, r := range s { // a character is in one segment as a whole
		if used+width(r) > each {
			n, used = n+1, 0
		}
		used += width(r)
	}
	return n
}
