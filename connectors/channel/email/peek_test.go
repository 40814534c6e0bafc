package email

import (
	"fmt"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/normalize"
)

// A mail that is refused for its header still says who sent it.
func TestPeekIntoAHeaderBeyondItsBounds(t *testing.T) {
	e := &Email{cfg: Config{Address: "desk@example.test"}}
	var many strings.Builder
	for i := range 3 * maxHeaderFields {
		fmt.Fprintf(&many, "X-%d: y\r\n", i)
	}
	head := "From: anna@example.org\r\nSubject: Hello\r\n"
	for name, rest := range map[string]string{
		"fields": many.String() + "\r\nbody", "bytes": "X: " + strings.Repeat("y\r\n ", maxHeaderBytes) + "\r\n\r\nbody",
	} {
		in := normalize.Input{Raw: []byte(head + rest)}
		if _, err := e.Decode(in); err == nil {
			t.Errorf("%s: decoded", name)
		}
		if m := e.Peek(in); m == nil || m.Address.Value != "anna@example.org" || m.Subject != "Hello" {
			t.Errorf("%s: peeked %+v", name, m)
		}
	}
}
