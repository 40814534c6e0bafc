package connectortest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Updating reports whether golden files are to be written, for tests that have
// some besides.
func Updating() bool { return *update }

// receivedAt is when everything arrives in the tests, for a channel whose
// vendor signs no time.
var receivedAt = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// Fixture is one documented payload. On disk it is a txtar archive whose
// comment says what it shows and has a line "source: https://..." with the
// page that documents it, with the files
//
//	body       the body of the vendor's call, before it is signed; or an input
//	meta       optional lines "key: value": method, path, query, content-type,
//	           as (call or input), and meta.NAME for an input's Meta
//	want.json  the items that it becomes, as Dump writes them
//
// A fixture whose name begins with "unknown" must come to nothing but ignored
// items, and one that begins with "own" must not become an inbound message.
type Fixture struct {
	Name, Comment string
	Body          []byte
	Meta          map[string]string
	want          string
	path          string
}

// Fixtures reads testdata/fixtures.
func Fixtures(t testing.TB) []Fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/fixtures/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures in testdata/fixtures (%v)", err)
	}
	var list []Fixture
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		a := txtar.Parse(data)
		f := Fixture{Name: strings.TrimSuffix(filepath.Base(path), ".txtar"), Comment: string(a.Comment), path: path, Meta: map[string]string{}}
		for _, file := range a.Files {
			switch file.Name {
			case "body":
				f.Body = bytes.TrimSuffix(file.Data, []byte("\n"))
			case "want.json":
				f.want = string(file.Data)
			case "meta":
				for line := range strings.Lines(string(file.Data)) {
					if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
						f.Meta[key] = strings.TrimSpace(value)
					}
				}
			default:
				t.Fatalf("%s: no file %q is known in a fixture", path, file.Name)
			}
		}
		list = append(list, f)
	}
	return list
}

// save writes what the fixture becomes into it.
func (f Fixture) save(t *testing.T, want string) {
	a := &txtar.Archive{Comment: []byte(f.Comment)}
	if len(f.Meta) > 0 {
		var meta strings.Builder
		for _, key := range slices.Sorted(maps.Keys(f.Meta)) {
			fmt.Fprintf(&meta, "%s: %s\n", key, f.Meta[key])
		}
		a.Files = append(a.Files, txtar.File{Name: "meta", Data: []byte(meta.String())})
	}
	a.Files = append(a.Files, txtar.File{Name: "body", Data: append(f.Body, '\n')}, txtar.File{Name: "want.json", Data: []byte(want)})
	if err := os.WriteFile(f.path, txtar.Format(a), 0o600); err != nil {
		t.Fatal(err)
	}
}

// call is the vendor's call that brings the fixture.
func (s Suite) call(f Fixture) *connectors.Request {
	r := &connectors.Request{
		Method: http.MethodPost, Path: f.Meta["path"], URL: publicURL + "/webhooks/" + name + f.Meta["path"],
		Header: http.Header{}, Body: bytes.Clone(f.Body), ReceivedAt: time.Now(),
	}
	if m := f.Meta["method"]; m != "" {
		r.Method = m
	}
	if q := f.Meta["query"]; q != "" {
		r.URL += "?" + q
	}
	if c := f.Meta["content-type"]; c != "" {
		r.Header.Set("Content-Type", c)
	}
	s.Sign(r)
	return r
}

// isInput tells that a fixture is an input as Decode gets it.
func (s Suite) isInput(f Fixture) bool { return s.Sign == nil || f.Meta["as"] == "input" }

// inputs returns what a fixture brings.
func (s Suite) inputs(ctx context.Context, a *account, f Fixture) ([]normalize.Input, error) {
	var list []normalize.Input
	if s.isInput(f) {
		in := normalize.Input{Key: f.Name, Raw: f.Body, ContentType: f.Meta["content-type"]}
		for key, value := range f.Meta {
			if k, ok := strings.CutPrefix(key, "meta."); ok {
				if in.Meta == nil {
					in.Meta = map[string]string{}
				}
				in.Meta[k] = value
			}
		}
		list = append(list, in)
	} else {
		hook, ok := a.Channel.(channel.Webhook)
		if !ok {
			return nil, errors.New("the suite signs calls; the channel takes none")
		}
		b, _, err := hook.Parse(ctx, s.call(f))
		if err != nil {
			return nil, err
		}
		list = b.Inputs
	}
	for i := range list {
		list[i].ReceivedAt = receivedAt
	}
	return list, nil
}

// fixtures: each documented payload becomes what its golden file says, and the
// same again when it is decoded again.
func (s Suite) fixtures(t *testing.T) {
	a := s.open(t, s.vendor(t))
	unknown, own := false, false
	for _, f := range Fixtures(t) {
		t.Run(f.Name, func(t *testing.T) {
			if !strings.Contains(f.Comment, "source: https://") {
				t.Error(`the comment names no page: a line "source: https://..."`)
			}
			items, inputs := s.items(t, a, f)
			var got bytes.Buffer
			for i, item := range items {
				fmt.Fprintln(&got, Dump(item))
				if again, err := a.Decode(inputs[i]); err != nil || Dump(again) != Dump(item) {
					t.Errorf("decoded again it is %s (%v)", Dump(again), err)
				}
				s.named(t, f, item)
			}
			if *update {
				f.save(t, got.String())
			} else if got.String() != f.want {
				t.Errorf("got\n%s\nwant\n%s", got.String(), f.want)
			}
			if len(items) == 0 && f.want != "" {
				t.Error("it brings nothing")
			}
		})
		unknown = unknown || strings.HasPrefix(f.Name, "unknown")
		own = own || strings.HasPrefix(f.Name, "own")
	}
	if !unknown {
		t.Error("no fixture shows a kind of event that we do not know")
	}
	if own == (s.NoEcho != "") {
		t.Errorf("fixtures show what we wrote ourselves: %v; NoEcho says %q", own, s.NoEcho)
	}
}

// items decodes all that a fixture brings.
func (s Suite) items(t testing.TB, a *account, f Fixture) (items []normalize.Item, inputs []normalize.Input) {
	t.Helper()
	inputs, err := s.inputs(t.Context(), a, f)
	if err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	for _, in := range inputs {
		if in.Key == "" || len(in.Raw) == 0 {
			t.Errorf("%s: an input needs a key and bytes to decode: key %q, %d bytes", f.Name, in.Key, len(in.Raw))
		}
		item, err := a.Decode(in)
		if err != nil {
			t.Fatalf("%s: %s: %v", f.Name, in.Key, err)
		}
		items = append(items, item)
	}
	return items, inputs
}

// named holds an item against what its fixture's name promises.
func (s Suite) named(t *testing.T, f Fixture, item normalize.Item) {
	switch it := item.(type) {
	case *normalize.Ignored:
		if it.Reason == "" || strings.ContainsAny(it.Reason, " \n") {
			t.Errorf("%q is no short fixed name", it.Reason)
		}
		return
	case *normalize.Message:
		if strings.HasPrefix(f.Name, "own") && it.Direction != normalize.Outbound {
			t.Error("our own message came back as a customer's")
		}
		// What our own people wrote may name no customer but what it answers.
		nobody := it.Address.IsZero() || it.Address.Kind == ""
		if it.ExternalID == "" || nobody && (it.Direction != normalize.Outbound || it.Thread.ReplyTo == "") {
			t.Errorf("a message needs an id and an address: %q, %+v", it.ExternalID, it.Address)
		}
	}
	if strings.HasPrefix(f.Name, "unknown") {
		t.Errorf("an event that we do not know became a %s", reflect.TypeOf(item))
	}
}
