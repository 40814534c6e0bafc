// Package arrows checks the project's map: the rooms and import arrows of
// ARCHITECTURE.md, and that nothing made for tests reaches the binary.
package arrows

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/deskbridge/deskbridge"

// A room is a set of packages and what their code, tests apart, may import of
// this module. "x" is the package x, "x/..." is x and what is below it, "self"
// the room's own folder and what is below it.
type room struct {
	packages string
	may      []string
}

// rooms holds the arrows; the first room that matches a package counts.
var rooms = []room{
	{"normalize", nil},
	{"normalize/text", []string{"self", "normalize"}},
	{"normalize/identity", []string{"self", "normalize"}},
	{"normalize/route", nil},
	{"normalize/timeline", []string{"self", "normalize/..."}},
	{"normalize/timeline/pack", nil},
	{"configs", nil},

	{"connectors", []string{"configs", "normalize"}},
	{"connectors/channel", []string{"configs", "connectors", "normalize"}},
	{"connectors/helpdesk", []string{"configs", "connectors", "normalize"}},
	{"connectors/kit/...", []string{"self", "configs", "connectors", "normalize", "normalize/text"}},
	{"connectors/channel/...", []string{"self", "configs", "connectors", "connectors/channel", "connectors/kit/...", "normalize", "normalize/text"}},
	{"connectors/helpdesk/...", []string{"self", "configs", "connectors", "connectors/helpdesk", "connectors/kit/...", "normalize", "normalize/text"}},
	{"connectors/all", []string{"connectors/channel/...", "connectors/helpdesk/..."}},

	{"outbox", []string{"connectors", "normalize"}},
	{"outbox/deliver", []string{"connectors", "connectors/channel", "normalize/...", "outbox"}},
	{"outbox/fetch", []string{"connectors", "connectors/channel", "normalize/...", "outbox"}},
	{"outbox/forward", []string{"connectors", "connectors/helpdesk", "normalize/...", "outbox"}},
	{"outbox/ticket", []string{"connectors", "connectors/helpdesk", "normalize/...", "outbox"}},

	{"internal/store/storetest", []string{"connectors", "internal/store/...", "internal/testenv", "normalize/...", "outbox", "outbox/ticket"}},
	{"internal/store/...", []string{"self", "connectors", "normalize/...", "outbox", "outbox/ticket"}},
	{"internal/server/...", []string{"self", "configs", "connectors", "connectors/channel", "connectors/helpdesk", "normalize/...", "outbox"}},
	{"internal/inbox/...", []string{"self", "connectors", "connectors/kit/password", "normalize/...", "outbox"}},
	{"internal/cli/...", []string{"self", "configs", "normalize/...", "outbox"}},
	{"internal/app/...", []string{"self", "configs", "connectors/...", "normalize/...", "outbox/...", "internal/inbox", "internal/server/...", "internal/store/..."}},
	{"internal/demo/...", []string{"self", "configs", "connectors/...", "normalize/...", "outbox/...", "internal/app/...", "internal/cli/...", "internal/store/..."}},
	{"cmd/deskbridge", []string{
		"configs", "connectors", "connectors/channel", "connectors/helpdesk", "connectors/kit/password", "normalize/...", "outbox/...",
		"internal/app/...", "internal/cli/...", "internal/demo/...", "internal/server/...", "internal/store/...",
	}},

	{"cmd/loadgen", []string{"connectors/simulator/..."}},
	{"connectors/connectortest/...", []string{"self", "configs", "connectors", "connectors/channel", "connectors/helpdesk", "connectors/kit/...", "normalize/...", "outbox/...", "internal/store/...", "internal/testenv/..."}},
	{"connectors/simulator/...", []string{"connectors/simulator/..."}},
	{"internal/testenv/...", []string{"self"}},
	{"internal/bench/...", []string{"self", "internal/...", "connectors/...", "configs", "normalize/...", "outbox/..."}},
	{"internal/e2e/...", []string{"self", "internal/...", "connectors/...", "configs", "normalize/...", "outbox/..."}},
	{"internal/arrows", nil},
	{"deploy", nil},
}

// testOnly are the packages that exist for tests and measurements. Code of other packages does
// not import them, except that the demo plays the vendors by simulators.
var testOnly = []string{
	"internal/testenv/...", "internal/bench/...", "internal/e2e/...", "internal/arrows", "deploy",
	"internal/store/storetest", "connectors/connectortest/...", "connectors/simulator/...", "cmd/loadgen",
}

// folders are the top folders; no other may appear.
var folders = []string{"cmd", "configs", "connectors", "deploy", "docs", "internal", "normalize", "outbox"}

func TestImportsFollowTheArrows(t *testing.T) {
	for _, p := range list(t, "./...") {
		r, ok := roomOf(p.path)
		if !ok {
			t.Errorf("%s is in no room: name it in this test and in ARCHITECTURE.md", p.path)
			continue
		}
		for _, imp := range p.imports {
			if rel, ours := strings.CutPrefix(imp, module+"/"); ours {
				if !r.allows(p.path, rel) {
					t.Errorf("%s must not import %s", p.path, rel)
				}
				if matchAny(testOnly, rel) && !matchAny(testOnly, p.path) && !isDemo(p.path, rel) {
					t.Errorf("%s imports %s, which is for tests", p.path, rel)
				}
			} else if p.path == "normalize" && strings.Contains(strings.Split(imp, "/")[0], ".") {
				t.Errorf("normalize imports %s; it may import the standard library only", imp)
			}
		}
	}
}

func TestTheArrowsForbidWhatTheyShould(t *testing.T) {
	for _, c := range []struct {
		from, to string
		allowed  bool
	}{
		{"normalize", "normalize/text", false},
		{"normalize/identity", "normalize/timeline", false},
		{"connectors", "connectors/channel", false},
		{"connectors/channel/email", "connectors/channel", true},
		{"connectors/channel/email", "connectors/channel/email/parse", true},
		{"connectors/channel/email", "connectors/channel/twilio", false},
		{"connectors/channel/email", "connectors/helpdesk", false},
		{"connectors/channel/email", "internal/store", false},
		{"connectors/channel/email", "outbox", false},
		{"connectors/channel/email", "internal/server", false},
		{"connectors/kit", "connectors/channel", false},
		{"outbox", "internal/store", false},
		{"outbox/deliver", "connectors/channel/email", false},
		{"internal/server", "connectors/channel/email", false},
		{"internal/server", "internal/store", false},
		{"internal/store", "connectors/channel", false},
		{"internal/app", "connectors/all", true},
		{"cmd/deskbridge", "connectors/channel/email", false},
	} {
		if r, ok := roomOf(c.from); !ok || r.allows(c.from, c.to) != c.allowed {
			t.Errorf("%s to %s: allowed %v, want %v", c.from, c.to, !c.allowed, c.allowed)
		}
	}
}

func TestNothingForTestsIsInTheBinary(t *testing.T) {
	for _, p := range list(t, "-deps", "./cmd/deskbridge") {
		if matchAny(testOnly, p.path) && !match("connectors/simulator/...", p.path) {
			t.Errorf("the binary holds %s", p.path)
		}
		for _, library := range []string{"testing", "net/http/httptest", "go.uber.org/goleak", "pgregory.net/rapid", "github.com/rogpeppe/go-internal"} {
			if match(library+"/...", p.path) {
				t.Errorf("the binary holds %s", p.path)
			}
		}
	}
}

func TestTopFoldersAreTheFixedOnes(t *testing.T) {
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	built := []string{"bin", "dist"} // not under version control
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(folders, e.Name()) && !slices.Contains(built, e.Name()) {
			t.Errorf("the folder %s is not one of %v", e.Name(), folders)
		}
	}
}

func TestArchitectureNamesEveryRoom(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root(t), "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rooms {
		name := strings.TrimSuffix(r.packages, "/...")
		_, err := os.Stat(filepath.Join(root(t), name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a room that is planned
		}
		if !bytes.Contains(page, []byte("`"+name+"`")) {
			t.Errorf("ARCHITECTURE.md does not name %s", name)
		}
	}
}

func (r room) allows(from, to string) bool {
	for _, pattern := range r.may {
		if pattern == "self" {
			pattern = self(from) + "/..."
		}
		if match(pattern, to) {
			return true
		}
	}
	return false
}

// self returns the folder that is a room of its own: two deep, but three for a
// connector.
func self(path string) string {
	parts := strings.Split(path, "/")
	deep := 2
	if parts[0] == "connectors" && (parts[1] == "channel" || parts[1] == "helpdesk") {
		deep = 3
	}
	return strings.Join(parts[:min(deep, len(parts))], "/")
}

func isDemo(from, to string) bool {
	return match("internal/demo/...", from) && match("connectors/simulator/...", to)
}

func roomOf(path string) (room, bool) {
	for _, r := range rooms {
		if match(r.packages, path) {
			return r, true
		}
	}
	return room{}, false
}

func matchAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, path) })
}

func match(pattern, path string) bool {
	below, deep := strings.CutSuffix(pattern, "/...")
	return path == below || deep && strings.HasPrefix(path, below+"/")
}

type pkg struct {
	path    string // within the module where it is one of ours
	imports []string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir = root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, &stderr)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, pkg{strings.TrimPrefix(p.ImportPath, module+"/"), p.Imports})
	}
	if len(all) == 0 {
		t.Fatalf("go list %v names no package", args)
	}
	return all
}

func root(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}
