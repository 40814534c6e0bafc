package slack_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/slack.md explains every reason for which an event is ignored, and every
// scope that the settings name.
func TestThePageExplainsReasonsAndScopes(t *testing.T) {
	page, err := os.ReadFile("../../../docs/slack.md")
	if err != nil {
		t.Fatal(err)
	}
	source := ""
	for _, name := range []string{"decode.go", "message.go", "config.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source += string(b)
	}
	reasons := regexp.MustCompile(`(?:ignored\(|return |return 0, |reason = )"([a-z_]+)"`).FindAllStringSubmatch(source, -1)
	if len(reasons) < 12 {
		t.Fatalf("only %d reasons were found in the source", len(reasons))
	}
	for _, m := range reasons {
		if !strings.Contains(string(page), "| `"+m[1]+"` |") {
			t.Errorf("the page does not explain %s", m[1])
		}
	}
	scopes := regexp.MustCompile(`[a-z]+:(?:read|write|history)(?:\.email)?`).FindAllString(source, -1)
	if len(scopes) < 12 {
		t.Fatalf("only %d scopes were found in the source", len(scopes))
	}
	for _, scope := range scopes {
		if !strings.Contains(string(page), scope) {
			t.Errorf("the manifest lacks the scope %s", scope)
		}
	}
}
