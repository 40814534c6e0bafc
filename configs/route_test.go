package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/configs"
)

// A mistake in a rule is reported where it stands in the file.
func TestRulesAreChecked(t *testing.T) {
	known := types()
	known.Route = func(rule string) *configs.RouteError {
		before, _, bad := strings.Cut(rule, "BAD")
		if !bad {
			return nil
		}
		line := before[strings.LastIndexByte(before, '\n')+1:]
		return &configs.RouteError{Line: strings.Count(before, "\n") + 1, Column: len([]rune(line)) + 1, Msg: "is bad"}
	}
	const desk = "helpdesks:\n  - name: a\n    type: webhook\n    url: https://x.example\n    secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\n"
	for _, c := range []struct{ name, rule, want string }{
		{"plain", "    route: subject == BAD\n", ":6:23: route: is bad"},
		{"quoted", "    route: 'ä BAD'\n", ":6:15: route: is bad"},
		{"over lines", "    route: |\n      ok and\n        BAD\n", ":8:9: route: is bad"},
		{"by reference", "    route: ${RULE}\n", ":6:12: route: is bad"},
		{"fine", "    route: ok\n", ""},
		{"empty", "    route:\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("RULE", "x BAD")
			file := filepath.Join(t.TempDir(), "x.yaml")
			if err := os.WriteFile(file, []byte(desk+c.rule), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := configs.Load(file, known)
			if c.want == "" {
				if err != nil || f.Helpdesks[0].Route != strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(c.rule), "route:")) {
					t.Errorf("%+v, %v", f, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte("channels:\n  - name: a\n    type: email\n    route: ok\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := configs.Load(file, known); err == nil || !strings.Contains(err.Error(), `unknown key "route"`) {
		t.Errorf("a channel with a rule: %v", err)
	}
}
