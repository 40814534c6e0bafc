package wechat

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestThePageExplainsEachReason: docs/wechat.md names the reasons for which an
// event is ignored, and no others.
func TestThePageExplainsEachReason(t *testing.T) {
	page, err := os.ReadFile("../../../docs/wechat.md")
	if err != nil {
		t.Fatal(err)
	}
	var explained []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllSubmatch(page, -1) {
		explained = append(explained, string(m[1]))
	}
	given := []string{unknownEvent}
	for _, reason := range ignored {
		given = append(given, reason)
	}
	slices.Sort(given)
	slices.Sort(explained)
	if given = slices.Compact(given); !slices.Equal(given, explained) {
		t.Errorf("given: %q\nexplained: %q", given, explained)
	}
}
