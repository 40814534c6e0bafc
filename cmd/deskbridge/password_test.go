package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/kit/password"
)

func TestPasswordPrintsAHashAlone(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"password"}, strings.NewReader("correct horse\r\n"), &out, &errOut); code != exitDone {
		t.Fatalf("%d: %s", code, &errOut)
	}
	h, err := password.Parse(strings.TrimSuffix(out.String(), "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !h.Is("correct horse") || strings.Contains(out.String()+errOut.String(), "horse") {
		t.Errorf("printed %q and %q", &out, &errOut)
	}
	if code := run(t.Context(), []string{"password"}, strings.NewReader("\n"), &out, &errOut); code != exitFailed {
		t.Errorf("an empty password: %d", code)
	}
}
