package connectortest

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// Description is a vendor's own description of its API, in OpenAPI, which a
// channel's requests are held against.
type Description struct {
	t      testing.TB
	router routers.Router
	// skip are requests that the description cannot tell from others.
	skip func(r *http.Request) bool

	mu   sync.Mutex
	seen map[string]int
}

// Describe reads a description from the folder that DESKBRIDGE_SPECS names, or
// that stands beside the module. They are not part of the project: where there
// is none, the test is skipped and says so. skip may be nil.
func Describe(t testing.TB, file string, skip func(r *http.Request) bool) *Description {
	t.Helper()
	dir := os.Getenv("DESKBRIDGE_SPECS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "specs")
	}
	path := filepath.Join(dir, file)
	if _, err := os.Stat(path); err != nil { //nolint:gosec // whoever runs the tests names the folder
		testenv.NotTested(t, "our requests against the vendor's description of its API: there is no "+path+" (DESKBRIDGE_SPECS names its folder)")
	}
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	for _, item := range doc.Paths.Map() {
		item.Servers = nil
		for _, op := range item.Operations() {
			op.Servers = nil
		}
	}
	router, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation())
	if err != nil {
		t.Fatal(err)
	}
	if skip == nil {
		skip = func(*http.Request) bool { return false }
	}
	return &Description{t: t, router: router, skip: skip, seen: map[string]int{}}
}

// Wrap returns a transport that holds each request against the description, of
// forms with files the address alone, and
// makes it by next.
func (d *Description) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if d.skip(r) {
			return next.RoundTrip(r)
		}
		var body []byte
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				return nil, err
			}
		}
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		d.check(r.Clone(r.Context()), body)
		return next.RoundTrip(again)
	})
}

func (d *Description) check(r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	route, params, err := d.router.FindRoute(r)
	if err != nil {
		d.t.Errorf("%s %s is not in the vendor's description: %v", r.Method, r.URL.Path, err)
		return
	}
	if err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true,
			// In forms with files the validator reads no alternatives of types.
			ExcludeRequestBody: strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/"),
		},
	}); err != nil {
		d.t.Errorf("%s %s: %v", r.Method, route.Path, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[r.Method+" "+route.Path]++
}

// Expect fails for each request, as "POST /messages", that was not made.
func (d *Description) Expect(requests ...string) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range requests {
		if d.seen[r] == 0 {
			d.t.Errorf("%s was not made: %v", r, d.seen)
		}
	}
}

type roundTripper func(r *http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
