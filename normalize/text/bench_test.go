package text

import (
	"strings"
	"testing"
)

// letterText is about as long as a customer's longer letter, with a name that
// is not in ASCII.
var letterText = strings.Repeat("The lamp of order DE-104711 arrived on Monday, but its shade was cracked. Could you, please, send me another one to the address of Frau Müller?\n"+
	"I have attached a picture of the box as well. Thank you for looking into it so quickly.\n\n", 16)

var letterHTML = "<html><head><style>p { margin: 0 }</style></head><body><p>" +
	strings.ReplaceAll(letterText, "\n\n", "</p>\n<p>") + "</p></body></html>"

// letterAnswer is a short answer above such a letter.
var letterAnswer = "That would be fine, thank you.\n\nAnn\n\nOn Mon, 2 Nov 2026 at 10:14, Desk Support <support@example.test> wrote:\n> " +
	strings.ReplaceAll(letterText, "\n", "\n> ")

func BenchmarkNewlyWritten(b *testing.B) {
	for _, l := range []struct{ name, plain, html string }{
		{"letter", letterText, ""},
		{"answer", letterAnswer, ""},
		{"html", letterText, letterHTML},
	} {
		b.Run(l.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(l.plain) + len(l.html)))
			for b.Loop() {
				NewlyWrittenOf(l.plain, l.html)
			}
		})
	}
}

func BenchmarkClean(b *testing.B) {
	crlf := strings.ReplaceAll(letterText, "\n", "\r\n")
	for name, s := range map[string]string{"clean": letterText, "crlf": crlf} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				Clean(s)
			}
		})
	}
}

func BenchmarkSanitizeHTML(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(letterHTML)))
	for b.Loop() {
		SanitizeHTML(letterHTML, nil)
	}
}
