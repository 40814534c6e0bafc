package text

import (
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for s, want := range map[string]string{
		"":                       "",
		"My KETTLE leaks":        "my ket kett kettle lea leak",
		"kettles, kettle":        "ket kett kettle",
		"order AB-12345":         "ord orde ab 123 1234",
		"退款请求":                   "退 款 退款 请 款请 求 请求",
		"iPhone手机":               "iph ipho iphone 手 机 手机",
		"Größe":                  "grö größ",
		"!?… \U0001F600":         "",
		"internationalisation":   "int inte intern internati",
		strings.Repeat("ha ", 9): "ha",
	} {
		if have := strings.Join(Words(s), " "); have != want {
			t.Errorf("%.20q: %q, want %q", s, have, want)
		}
	}
	if n := len(Words(strings.Repeat("\U00020000\u4e00", 1<<20))); n > 10 {
		t.Errorf("%d words", n)
	}
}

// Whatever a query asks for is among the words of the texts that have it.
func FuzzWords(f *testing.F) {
	f.Add("The kettle, 退款请求 and iPhone手机", "kett")
	f.Add("ab-12 é", "é")
	f.Fuzz(func(t *testing.T, s, query string) {
		if len(s) > 1000 {
			return
		}
		all := Words(query + " " + s)
		for _, w := range WordsToFind(query) {
			if !slices.Contains(all, w) {
				t.Errorf("%q of the query %q is not among %q", w, query, all)
			}
		}
	})
}
