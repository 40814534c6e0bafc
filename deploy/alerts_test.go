package deploy

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	text, err := os.ReadFile("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string  `yaml:"name"`
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil || len(file.Groups) != 1 {
		t.Fatalf("%d groups, %v", len(file.Groups), err)
	}
	return file.Groups[0].Rules
}

var (
	metricName = regexp.MustCompile(`deskbridge_[a-z_]+`)
	jobState   = regexp.MustCompile(`state=~"([a-z|]+)"`)
	outcome    = regexp.MustCompile(`outcome="([a-z]+)"`)
)

// measured are the names of the metrics that the code declares.
func measured(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	quoted := regexp.MustCompile(`"(` + metricName.String() + `)"`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range quoted.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// An alert on a metric that nobody measures is never raised.
func TestAlertsAskForWhatIsMeasured(t *testing.T) {
	known, seen := measured(t), map[string]bool{}
	for _, a := range alerts(t) {
		if a.Alert == "" || seen[a.Alert] || a.Labels["severity"] == "" || a.Annotations["summary"] == "" || a.Annotations["action"] == "" {
			t.Errorf("alert %q needs a name of its own, a severity, a summary and an action", a.Alert)
		}
		seen[a.Alert] = true
		names := metricName.FindAllString(a.Expr, -1)
		if len(names) == 0 {
			t.Errorf("%s asks for no metric of ours: %s", a.Alert, a.Expr)
		}
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s: there is no metric %s", a.Alert, name)
			}
		}
		if strings.Count(a.Expr, "(") != strings.Count(a.Expr, ")") {
			t.Errorf("%s: brackets in %s", a.Alert, a.Expr)
		}
	}
	for _, name := range []string{"DeskbridgeNoSuccessfulPoll", "DeskbridgeAccountDown", "DeskbridgeOutboxLag", "DeskbridgeStuckJobs", "DeskbridgeQuarantine"} {
		if !seen[name] {
			t.Errorf("there is no alert %s", name)
		}
	}
}

// So is one on a value that a label never has.
func TestAlertsNameValuesThatExist(t *testing.T) {
	states := map[string]bool{string(outbox.Failed): true, string(outbox.Uncertain): true, string(outbox.Expired): true}
	for _, a := range alerts(t) {
		for _, m := range jobState.FindAllStringSubmatch(a.Expr, -1) {
			for s := range strings.SplitSeq(m[1], "|") {
				if !states[s] {
					t.Errorf("%s: no job is in the state %s", a.Alert, s)
				}
			}
		}
		for _, m := range outcome.FindAllStringSubmatch(a.Expr, -1) {
			if m[1] != string(normalize.Quarantined) {
				t.Errorf("%s: no input has the outcome %s", a.Alert, m[1])
			}
		}
	}
}
