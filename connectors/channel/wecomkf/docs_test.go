package wecomkf

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// TestThePageExplainsReasonsEventsAndFailures: docs/wecom.md names what this
// package gives as reasons, events and types of failure, and no others.
func TestThePageExplainsReasonsEventsAndFailures(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	all := func(s, expression string) (list []string) {
		for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(s, -1) {
			list = append(list, m[1])
		}
		return list
	}
	source := read("decode.go") + read("event.go")
	given := append(all(source, `Ignored\{Reason: "([a-z_]+)"`), all(source, `w\.happened\(e, "([a-z_]+)"`)...)
	for kind := range failTypes {
		given = append(given, strconv.Itoa(kind))
	}
	explained := all(read("../../../docs/wecom.md"), "(?m)^\\| `?([a-z_]+|[0-9]+)`? \\| [A-Za-z0-9]")
	explained = slices.DeleteFunc(explained, func(s string) bool {
		return slices.Contains([]string{"after", "event", "reason", "html", "fail_type"}, s) // the tables' heads
	})
	slices.Sort(given)
	slices.Sort(explained)
	if given = slices.Compact(given); len(given) < 20 || !slices.Equal(given, explained) {
		t.Errorf("given: %q\nexplained: %q", given, explained)
	}
}
