package twilio_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/twilio.md explains every reason for which a call of Twilio's is ignored.
func TestThePageExplainsReasons(t *testing.T) {
	page, err := os.ReadFile("../../../docs/twilio.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("decode.go")
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile(`(?m)^\t\w+ += "([a-z_]+)"$`).FindAllStringSubmatch(string(source), -1)
	if len(reasons) < 8 {
		t.Fatalf("only %d reasons were found in the source", len(reasons))
	}
	for _, m := range reasons {
		if !strings.Contains(string(page), "| `"+m[1]+"` |") {
			t.Errorf("the page does not explain %s", m[1])
		}
	}
}
