package slack_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

// description is as much of a description in Swagger 2.0 as concerns forms.
type description struct {
	Paths map[string]map[string]struct {
		Parameters []struct {
			Name, Type string
			Required   bool
		}
	}
}

// later are the parameters that came after the description was written.
var later = map[string][]string{
	"chat.postMessage":      {"metadata"},
	"conversations.history": {"include_all_metadata"},
	"conversations.replies": {"include_all_metadata"},
}

// Every request that we make is one that Slack describes.
func TestRequestsAreAsSlackDescribesThem(t *testing.T) {
	folder := os.Getenv("DESKBRIDGE_SPECS")
	if folder == "" {
		folder = "../../../../shared/specs"
	}
	b, err := os.ReadFile(filepath.Join(folder, "slack-core.json"))
	if errors.Is(err, fs.ErrNotExist) {
		testenv.NotTested(t, "our requests against Slack's description of its methods: it is not there (DESKBRIDGE_SPECS names its folder)")
	}
	if err != nil {
		t.Fatal(err)
	}
	var spec description
	if err := json.Unmarshal(b, &spec); err != nil {
		t.Fatal(err)
	}
	checked := map[string]bool{}
	for _, r := range everyRequest(t) {
		path := spec.Paths["/"+r.Method]
		if path == nil {
			continue // newer than the description
		}
		checked[r.Method] = true
		known := map[string]bool{}
		for _, operation := range path {
			for _, p := range operation.Parameters {
				known[p.Name] = true
				value := r.Form.Get(p.Name)
				if p.Required && p.Name != "token" && value == "" {
					t.Errorf("%s: %s is missing", r.Method, p.Name)
				}
				if err := isOf(p.Type, value); value != "" && err != nil {
					t.Errorf("%s: %s: %v", r.Method, p.Name, err)
				}
			}
		}
		for _, name := range later[r.Method] {
			known[name] = true
		}
		for name := range r.Form {
			if !known[name] {
				t.Errorf("%s has no parameter %s", r.Method, name)
			}
		}
	}
	for _, method := range []string{
		"auth.test", "chat.postMessage", "chat.delete", "conversations.open", "conversations.info", "conversations.history",
		"conversations.replies", "users.info", "files.info",
	} {
		if !checked[method] {
			t.Errorf("%s was not called or is not described", method)
		}
	}
}

func isOf(kind, value string) (err error) {
	switch kind {
	case "number":
		_, err = strconv.ParseFloat(value, 64)
	case "integer":
		_, err = strconv.Atoi(value)
	case "boolean":
		_, err = strconv.ParseBool(value)
	}
	return err
}

// everyRequest lets an account do all that it can, and returns what it asked
// Slack for.
func everyRequest(t *testing.T) []simulator.Request {
	r := open(t, simulator.Options{}, nil)
	th, _ := r.aThread(t)
	if _, err := r.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := normalize.Part{Kind: normalize.PartImage, Media: &normalize.Media{Name: "a.png", Size: 4}}
	for i, o := range []*channel.Outbound{
		answer("1", th, say("one"), nil), answer("2", normalize.Thread{Key: "im"}, say("two"), nil), answer("3", th, file, []byte("\x89PNG")),
	} {
		sent, err := r.Send(t.Context(), o)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		o.Begun = time.Now()
		if _, found, err := r.Resolve(t.Context(), o); !found || err != nil {
			t.Fatalf("%d: found %v, %v", i, found, err)
		}
		if err := r.Recall(t.Context(), o, sent.ExternalID); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if _, err := r.Profile(t.Context(), normalize.Address{Kind: "slack", Value: "T07ACME:U07MARIE"}); err != nil {
		t.Fatal(err)
	}
	r.slack.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "files.info", Status: 500})
	if _, err := r.Fetch(t.Context(), "F00000001"); err == nil {
		t.Fatal("a file came from a Slack that failed")
	}
	return r.slack.Requests()
}
