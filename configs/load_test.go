package configs

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files and the reference example")

// sampleEnv is the environment of the tests.
func sampleEnv(name string) (string, bool) {
	v, ok := map[string]string{
		"PASSWORD": "hunter2", "PORT": "1993", "BAD_PORT": "hunter2", "EMPTY": "", "IDLE": "false", "POLL": "90s", "DIR": "testdata",
	}[name]
	return v, ok
}

func loadSample(t *testing.T, yaml string) *File {
	t.Helper()
	f, err := parse("test.yaml", []byte(yaml), sampleTypes, sampleEnv)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEmptyFileIsAllDefaults(t *testing.T) {
	want := &File{
		Server:        Server{Listen: "127.0.0.1:8080", AdminListen: "127.0.0.1:9090"},
		Store:         Store{URL: "sqlite:///var/lib/deskbridge/deskbridge.db"},
		Media:         Media{Dir: "/var/lib/deskbridge/media", MaxSize: 25 << 20, LinkTTL: 168 * time.Hour},
		Log:           Log{Level: "info", Format: "json"},
		Conversations: Conversations{IdleTimeout: 168 * time.Hour},
		Retention:     Retention{Raw: 2160 * time.Hour, Jobs: 720 * time.Hour, Events: 2160 * time.Hour},
		Delivery:      Delivery{Expire: 72 * time.Hour, MaxPerPeerHour: -1},
		Forward:       Forward{Expire: 168 * time.Hour},
		Shutdown:      Shutdown{Grace: 20 * time.Second},
	}
	for _, yaml := range []string{"", "# nothing\n", "---\n", "server:\nchannels:\nhelpdesks: []\n", "{}"} {
		if diff := cmp.Diff(want, loadSample(t, yaml)); diff != "" {
			t.Errorf("%q: %s", yaml, diff)
		}
	}
}

func TestLoadFillsEveryShape(t *testing.T) {
	f := loadSample(t, `
server: {public_url: "HTTPS://Support.Example.com/desk/", trusted_proxies: [10.1.2.3/8, 192.0.2.7]}
media: {max_size: 1.5 GiB}
conversations: {idle_timeout: 7d}
channels:
  - name: support
    type: box
    address: a@b.c
    aliases: [x@y.z]
    login: &login
      host: imap
      port: "${PORT}"
      tls: none
      password: pre-${PASSWORD}-$${x}
      idle: ${IDLE}
      poll_interval: ${POLL}
    extra: {max_size: 2000, share: 0.25}
    codes:
      - name: one
      - {name: two, value: 2}
    templates: {welcome: HX1, id: 12345}
  - name: tokens
    type: box
    enabled: false
    address: a@b.c
    login:
      <<: *login
      host: other
      password:
      oauth2: {token_url: https://t, refresh_token: "${file:testdata/token}", keys: [a, "${file:${DIR}/token}"]}
helpdesks:
  - {name: desk, type: webhook, url: "http://b", secret: s, events: [message.status]}
`)
	first := login{Host: "imap", Port: 1993, TLS: "none", Password: "pre-hunter2-${x}", Poll: 90 * time.Second}
	second := first
	second.Host, second.Password = "other", ""
	second.OAuth2 = &oauth2{TokenURL: "https://t", Refresh: "tok\nen", Keys: []Secret{"a", "tok\nen"}}
	want := []Account{
		{Name: "support", Type: "box", Enabled: true, Line: 6, Settings: &boxSettings{
			Address: "a@b.c", Aliases: []string{"x@y.z"}, Login: first, Extra: extra{MaxSize: 2000, Share: 0.25},
			Codes: []code{{"one", 7}, {"two", 2}}, Templates: map[string]string{"welcome": "HX1", "id": "12345"},
		}},
		{Name: "tokens", Type: "box", Line: 22, Settings: &boxSettings{
			Address: "a@b.c", Login: second, Extra: extra{MaxSize: 1 << 20, Share: 0.5},
		}},
	}
	if diff := cmp.Diff(want, f.Channels); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&hookSettings{URL: "http://b", Secret: "s", Events: []string{"message.status"}}, f.Helpdesks[0].Settings); diff != "" {
		t.Error(diff)
	}
	if f.Server.PublicURL != "https://support.example.com/desk" {
		t.Errorf("public URL %q", f.Server.PublicURL)
	}
	if p := f.Server.Proxies(); len(p) != 2 || p[0].String() != "10.0.0.0/8" || p[1].String() != "192.0.2.7/32" {
		t.Errorf("proxies %v", p)
	}
	if f.Media.MaxSize != 3<<29 || f.Conversations.IdleTimeout != 168*time.Hour {
		t.Errorf("size %v, timeout %v", f.Media.MaxSize, f.Conversations.IdleTimeout)
	}
}

// Each testdata/*.yaml is full of mistakes; its .golden is what the user reads.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, err := parse(file, data, sampleTypes, sampleEnv)
			if err == nil || f != nil {
				t.Fatalf("loaded: %+v", f)
			}
			got := err.Error() + "\n"
			if strings.Contains(got, "hunter2") {
				t.Errorf("a secret shows:\n%s", got)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
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
		})
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "cannot be read: no such file or directory",
		dir:                             "cannot be read: is not a regular file",
		large:                           "cannot be read: is larger than 1MiB",
	} {
		_, err := Load(path, sampleTypes)
		var ps Problems
		if !errors.As(err, &ps) || len(ps) != 1 || ps[0].File != path || ps[0].Msg != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestBombsStayBounded(t *testing.T) {
	var deep strings.Builder
	deep.WriteString("server: &a0 {x: 1}\n")
	for i := range 40 {
		deep.WriteString("store" + strings.Repeat("x", i) + ": &a" + string(rune('A'+i)) + " {<<: [*a0, *a0, *a0]}\n")
	}
	list := "[" + strings.Repeat("x,", 50_000) + "x]"
	for name, yaml := range map[string]string{
		"a list that is repeated": "x: &l " + list + "\nchannels:\n" + strings.Repeat("  - {name: a, type: box, aliases: *l}\n", 1000),
		"merges of merges":        deep.String(),
		"a file that is repeated": "channels:\n" + strings.Repeat("  - {name: a, type: box, aliases: ['${file:testdata/token}${file:testdata/token}']}\n", 10),
		"nested lists":            strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"nested keys":             "channels: " + strings.Repeat("{a: ", 5000) + strings.Repeat("}", 5000),
		"an anchor in itself":     "channels: &a [*a, *a]",
		"a merge of itself":       "server: &a {<<: [*a, *a, *a]}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse("x.yaml", []byte(yaml), sampleTypes, sampleEnv)
			var ps Problems
			if !errors.As(err, &ps) || len(ps) > maxProblems+1 {
				t.Errorf("%d problems", len(ps))
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add(ExampleFile(sampleTypes))
	f.Fuzz(func(t *testing.T, yaml string) {
		file, err := parse("x.yaml", []byte(yaml), sampleTypes, sampleEnv)
		if err == nil {
			return
		}
		var ps Problems
		if file != nil || !errors.As(err, &ps) || len(ps) == 0 || len(ps) > maxProblems+1 {
			t.Fatalf("%v, %v", file, err)
		}
		if strings.Contains(err.Error(), "hunter2") && !strings.Contains(yaml, "hunter2") {
			t.Errorf("a variable's value shows: %v", err)
		}
	})
}
