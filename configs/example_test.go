package configs

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func anyEnv(string) (string, bool) { return "value", true }

func TestExampleReadsWell(t *testing.T) {
	got, err := Example("channel", "box", sampleTypes)
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "testdata/example.txt", got)
	if _, err := parse("x.yaml", []byte(got), sampleTypes, anyEnv); err != nil {
		t.Error(err)
	}
	if _, err := Example("helpdesk", "box", sampleTypes); err == nil {
		t.Error("a channel was taken for a helpdesk")
	}
	_, err = Example("", "wehbook", sampleTypes)
	if want := `unknown type "wehbook": did you mean "webhook"? (there are box, webhook)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestExampleFileShowsTheDefaults(t *testing.T) {
	text := ExampleFile(sampleTypes)
	checkGolden(t, "testdata/example_file.txt", text)
	got, err := parse("x.yaml", []byte(text), sampleTypes, anyEnv)
	if err != nil {
		t.Fatal(err)
	}
	want := loadSample(t, "server: {public_url: 'https://support.example.com'}")
	got.Channels, got.Helpdesks = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is commented out must be right as well: somebody will take the "# "
// away.
func TestExampleUncommented(t *testing.T) {
	text, err := Example("", "box", sampleTypes)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(text) {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		if rest, ok := strings.CutPrefix(line[len(indent):], "# "); ok {
			for ; ok; rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), "# ") {
				indent += rest[:len(rest)-len(strings.TrimLeft(rest, " "))]
			}
			if first := strings.TrimLeft(rest, " "); first[0] >= 'A' && first[0] <= 'Z' {
				continue // words, no setting
			}
			line = indent + rest
		}
		lines = append(lines, line)
	}
	if _, err := parse("x.yaml", []byte(strings.Join(lines, "")), sampleTypes, anyEnv); err != nil {
		t.Errorf("%v\n%s", err, strings.Join(lines, ""))
	}
}

func checkGolden(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// checkSchema validates YAML by a schema.
func checkSchema(t *testing.T, schema []byte, text string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("deskbridge.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("deskbridge.json")
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(instance)
}

func TestSchemaAgreesWithLoad(t *testing.T) {
	schema := Schema(sampleTypes)
	box := "channels: [{name: a, type: box, address: a@b, login: {host: h, password: p"
	for _, c := range []struct {
		yaml string
		ok   bool
	}{
		{ExampleFile(sampleTypes), true},
		{"{}", true},
		{box + "}}]", true},
		{box + ", port: '${PORT}', idle: '${IDLE}', poll_interval: 1d12h}, extra: {max_size: 5}}]", true},
		{box + ", tls: none}, templates: {a: b}, codes: [{name: x}]}]", true},
		{box + ", prot: 1}}]", false},
		{box + ", port: nine}}]", false},
		{box + ", tls: some}}]", false},
		{box + ", poll_interval: soon}}]", false},
		{box + ", oauth2: {token_url: x}}}]", false},
		{box + "}, codes: [{value: 1}]}]", false},
		{box + "}, url: 'http://x'}]", false},
		{"channels: [{name: a, type: box, login: {host: h, password: p}}]", false},
		{"channels: [{name: A, type: box}]", false},
		{"channels: [{name: a, type: webhook, url: x, secret: y}]", false},
		{"channels: [{name: a}]", false},
		{"helpdesks: [{name: a, type: webhook, url: x, secret: y, enabled: false}]", true},
		{"helpdesks: [{name: a, type: webhook, url: x, secret: y, events: [other]}]", false},
		{"server: {listen: ':80', other: 1}", false},
		{"media: {max_size: 25MB}", false},
		{"unknown: 1", false},
	} {
		_, err := parse("x.yaml", []byte(c.yaml), sampleTypes, func(name string) (string, bool) {
			if v, ok := sampleEnv(name); ok {
				return v, true
			}
			return "value", true
		})
		if (err == nil) != c.ok {
			t.Errorf("%s\nload: %v", c.yaml, err)
		}
		if err := checkSchema(t, schema, c.yaml); (err == nil) != c.ok {
			t.Errorf("%s\nschema: %v", c.yaml, err)
		}
	}
}

func TestSizes(t *testing.T) {
	for in, want := range map[string]Size{"0": 0, "1": 1, "512": 512, "2 KiB": 2048, "1.5MiB": 3 << 19, "3GiB": 3 << 30, "7B": 7} {
		var s, again Size
		if err := s.UnmarshalText([]byte(in)); err != nil || s != want {
			t.Errorf("%s: %d, %v", in, s, err)
		}
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%s shows as %s, which reads as %d, %v", in, s, again, err)
		}
	}
	for _, in := range []string{"", "MiB", "-1", "1e9", "5MB", "1.2.3KiB", "9999999999GiB", "NaN", "0x10"} {
		var s Size
		if err := s.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q was read as %d", in, s)
		}
	}
}

func TestDurations(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0": 0, "30s": 30 * time.Second, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "1.5h": 90 * time.Minute,
	} {
		if d, err := ParseDuration(in); err != nil || d != want {
			t.Errorf("%s: %v, %v", in, d, err)
		}
	}
	for _, in := range []string{"", "5", "-5s", "d", "1.5d", "1d2d", "1h1d", "99999999d", "65535d2562047h", "5 m"} {
		if d, err := ParseDuration(in); err == nil {
			t.Errorf("%q was read as %v", in, d)
		}
	}
}
