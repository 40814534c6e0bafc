package connectortest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/channel"
)

// offers: what a channel implements besides works while the vendor is well.
func (s Suite) offers(t *testing.T) {
	a := s.open(t, s.vendor(t))
	sent, err := a.sender(t).Send(t.Context(), s.text().Outbound)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := a.Channel.(channel.Typer); ok {
		if err := c.Typing(t.Context(), s.Thread, s.To); err != nil {
			t.Errorf("Typing: %v", err)
		}
	}
	if c, ok := a.Channel.(channel.Recaller); ok {
		if err := c.Recall(t.Context(), s.text().Outbound, sent.ExternalID); err != nil {
			t.Errorf("Recall of what was just sent: %v", err)
		}
	}
	if c, ok := a.Channel.(channel.Addresser); ok {
		if got, err := c.Address(s.To.Value); err != nil || !got.Is(s.To) {
			t.Errorf("Address(%q) is %+v, %v; want the same address", s.To.Value, got, err)
		}
		for _, typed := range []string{"", " ", "nobody has\x00such an address"} {
			if got, err := c.Address(typed); err == nil {
				t.Errorf("Address(%q) is %+v, want an error that says what one looks like", typed, got)
			}
		}
	}
}

// resolves: what a lost answer leaves open is found at the vendor, and what the
// vendor never got is not.
func (s Suite) resolves(t *testing.T) {
	for _, taken := range []bool{true, false} {
		well := s.vendor(t)
		a := s.open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !s.Sends(r) {
				well.ServeHTTP(w, r)
				return
			}
			if taken {
				well.ServeHTTP(discard{http.Header{}}, r)
			}
			panic(http.ErrAbortHandler)
		}))
		c, ok := a.Channel.(channel.Resolver)
		if !ok {
			return
		}
		o := s.text()
		o.Begin = func(context.Context) error { o.begun.Add(1); o.Begun = time.Now(); return nil }
		_, err := a.sender(t).Send(t.Context(), o.Outbound)
		s.unknown(t, a, o, err)
		for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			sent, found, err := c.Resolve(t.Context(), o.Outbound)
			if err != nil {
				t.Fatalf("the search: %v", err)
			}
			if found && (!taken || sent.ExternalID == "") {
				t.Errorf("found %+v; the vendor has it: %v", sent, taken)
			}
			if found || !taken {
				break
			}
			if time.Now().After(end) {
				t.Error("the vendor has it, and it is not found")
				break
			}
		}
	}
}

// discard is an answer that nobody gets.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
