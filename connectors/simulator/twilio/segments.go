package twilio

import (
	"strings"
	"unicode/utf16"
)

// The characters of GSM 03.38 that take one septet, and those of its extension
// table, which take two.
const (
	gsm7 = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsm7Two = "\f^{}\\[~]|€"
)

// segments returns how many SMS Twilio bills for a text: 160 septets or 70
// units of UCS-2 fit into one, 153 and 67 into each of several.
func segments(text string) int {
	units := 0
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsm7, r):
			units++
		case strings.ContainsRune(gsm7Two, r):
			units += 2
		default:
			return fill(len(utf16.Encode([]rune(text))), 70, 67)
		}
	}
	return fill(units, 160, 153)
}

func fill(units, one, each int) int {
	if units <= one {
		return 1
	}
	return (units + each - 1) / each
}
