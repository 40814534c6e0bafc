package connectortest

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
)

// calls: a genuine call is taken, and one that is forged in any way is not.
func (s Suite) calls(t *testing.T) {
	a := s.open(t, s.vendor(t))
	hook, ok := a.Channel.(channel.Webhook)
	if !ok {
		t.Fatal("the suite signs calls; the channel takes none")
	}
	for _, f := range Fixtures(t) {
		if s.isInput(f) {
			continue
		}
		genuine := s.call(f)
		if _, _, err := hook.Parse(t.Context(), clone(genuine)); err != nil {
			t.Fatalf("%s: the genuine call: %v", f.Name, err)
		}
		for what, forge := range forgeries {
			if s.Bearer && strings.Contains(what, "body") {
				continue
			}
			r := clone(genuine)
			if !forge(r) {
				continue
			}
			if b, _, err := hook.Parse(t.Context(), r); err == nil {
				t.Errorf("%s: %s: taken, with %d inputs", f.Name, what, len(b.Inputs))
			} else if !errors.Is(err, connectors.ErrForged) && !errors.Is(err, connectors.ErrMalformed) {
				t.Errorf("%s: %s: %v, want ErrForged", f.Name, what, err)
			} else {
				a.hides(t, "the refusal", err.Error())
			}
		}
		if s.StaleAfter > 0 {
			for _, off := range []time.Duration{s.StaleAfter + time.Minute, -s.StaleAfter - time.Minute} {
				r := clone(genuine)
				r.ReceivedAt = r.ReceivedAt.Add(off)
				if _, _, err := hook.Parse(t.Context(), r); !errors.Is(err, connectors.ErrForged) {
					t.Errorf("%s: a call signed %v ago: %v, want ErrForged", f.Name, off, err)
				}
			}
		}
	}
}

// forgeries change a call so that its signature must not hold; false where
// there is nothing to change.
var forgeries = map[string]func(r *connectors.Request) bool{
	"no signature": func(r *connectors.Request) bool {
		r.URL, _, _ = strings.Cut(r.URL, "?")
		content := r.Header.Get("Content-Type")
		r.Header = http.Header{"Content-Type": {content}}
		return true
	},
	"another body": func(r *connectors.Request) bool {
		if len(r.Body) == 0 {
			return false
		}
		r.Body[len(r.Body)/2] ^= 1
		return true
	},
	"more body": func(r *connectors.Request) bool {
		if len(r.Body) == 0 {
			return false
		}
		r.Body = append(r.Body, "&x=1"...)
		return true
	},
	"no body": func(r *connectors.Request) bool {
		had := len(r.Body) > 0
		r.Body = nil
		return had
	},
	"header of all zeros": func(r *connectors.Request) bool {
		changed := false
		for key, values := range r.Header {
			if k := strings.ToLower(key); strings.Contains(k, "sign") || strings.Contains(k, "token") {
				r.Header[key], changed = []string{strings.Repeat("0", len(values[0]))}, true
			}
		}
		return changed
	},
}

func clone(r *connectors.Request) *connectors.Request {
	c := *r
	c.Header, c.Body = r.Header.Clone(), bytes.Clone(r.Body)
	return &c
}
