package telegram

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/telegram.md explains every reason for which an update is ignored, and
// no others.
func TestThePageExplainsEachReason(t *testing.T) {
	page, err := os.ReadFile("../../../docs/telegram.md")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, name := range []string{"decode.go", "content.go", "beyond.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(b)
	}
	given := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?:ignored\(|return |return p, )"([a-z_]+)"`).FindAllStringSubmatch(source.String(), -1) {
		given[m[1]] = true
	}
	explained := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(page), -1)
	for _, m := range explained {
		if !given[m[1]] {
			t.Errorf("the page explains %s, which nothing gives", m[1])
		}
		delete(given, m[1])
	}
	for reason := range given {
		t.Errorf("the page does not explain %s", reason)
	}
}
