package configs_test

import (
	"encoding/base64"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/deskbridge/deskbridge/configs"
	_ "github.com/deskbridge/deskbridge/connectors/all"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
)

// types are the real ones.
func types() configs.Types {
	t := configs.Types{Channels: map[string]func() configs.Settings{}, Helpdesks: map[string]func() configs.Settings{}}
	for _, name := range channel.Kinds.Names() {
		k, _ := channel.Kinds.Get(name)
		t.Channels[name] = k.Config
	}
	for _, name := range helpdesk.Kinds.Names() {
		k, _ := helpdesk.Kinds.Get(name)
		t.Helpdesks[name] = k.Config
	}
	return t
}

var reference = regexp.MustCompile(`\$\{(file:)?([^}]+)\}`)

// loadExample loads a file whose variables and files all exist.
func loadExample(t *testing.T, data string) (*configs.File, error) {
	t.Helper()
	dir := t.TempDir()
	// Good as a password as well as for the secret of a webhook.
	secret := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, m := range reference.FindAllStringSubmatch(data, -1) {
		name, value := strings.NewReplacer("/", "_", ".", "_").Replace(m[2]), secret
		switch { // what Tencent's console wants
		case strings.HasSuffix(name, "_AES_KEY"):
			value = strings.Repeat("k", 43)
		case strings.HasSuffix(name, "_CALLBACK_TOKEN"):
			value = strings.Repeat("t", 32)
		case strings.HasSuffix(name, "_PASSWORD_HASH"):
			value = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$ZVrRXqxlLcWfcXCnMyv0m4Rpvh/bnCi7"
		case name == "TELEGRAM_BOT_TOKEN":
			value = "4200001:" + strings.Repeat("b", 35)
		case name == "TELEGRAM_SECRET":
			value = strings.Repeat("s", 32)
		}
		t.Setenv(name, value)
	}
	data = reference.ReplaceAllStringFunc(data, func(ref string) string {
		return strings.NewReplacer("file:", "", "/", "_", ".", "_").Replace(ref)
	})
	path := filepath.Join(dir, "deskbridge.yaml")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return configs.Load(path, types())
}

func TestExamplesLoad(t *testing.T) {
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, err := loadExample(t, string(data))
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Channels) == 0 || len(f.Helpdesks) == 0 {
				t.Error("an example needs a channel and a helpdesk")
			}
			if err := configs.CheckSchema(t, configs.Schema(types()), string(data)); err != nil {
				t.Error(err)
			}
		})
	}
}

// The reference is written by: go test ./configs -run Reference -update
func TestReferenceIsUpToDate(t *testing.T) {
	const file = "examples/reference.yaml"
	got := configs.ExampleFile(types())
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("write it anew with: go test ./configs -run Reference -update\n%s", diff)
	}
}

// Every type has an example that loads, and a default in its tags is the one
// its constructor sets.
func TestEveryTypeIsDeclaredWell(t *testing.T) {
	all := types()
	for kind, of := range map[string]map[string]func() configs.Settings{"channel": all.Channels, "helpdesk": all.Helpdesks} {
		for name, create := range of {
			t.Run(name, func(t *testing.T) {
				text, err := configs.Example(kind, name, all)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := loadExample(t, text); err != nil {
					t.Errorf("%v\n%s", err, text)
				}
				plain, byTags := create(), create()
				configs.SetDefaults(byTags)
				if diff := cmp.Diff(plain, byTags, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
					t.Errorf("defaults of the constructor (-) and the tags (+) differ:\n%s", diff)
				}
				configs.EachSetting(create(), func(path, doc string) {
					if doc == "" {
						t.Errorf("%s has no doc tag", path)
					}
				})
			})
		}
	}
}
