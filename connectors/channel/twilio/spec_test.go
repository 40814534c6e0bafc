package twilio_test

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

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/twilio"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/normalize"
)

// description is Twilio's own of its API.
func description(t *testing.T) routers.Router {
	t.Helper()
	dir := os.Getenv("DESKBRIDGE_SPECS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "specs")
	}
	path := filepath.Join(dir, "twilio-core.json")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("our requests were not held against Twilio's description of its API: no %s (DESKBRIDGE_SPECS names the folder)", path)
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
	return router
}

// holder validates each request on its way.
type holder struct {
	t      *testing.T
	router routers.Router
	next   http.RoundTripper

	mu   sync.Mutex
	seen map[string]int
}

func (h *holder) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/Accounts/"+accountSID+".json") {
		// The router cannot tell {Sid}.json from {AccountSid}/... below it.
		return h.next.RoundTrip(r)
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	check := r.Clone(r.Context())
	check.Body = io.NopCloser(bytes.NewReader(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	route, params, err := h.router.FindRoute(check)
	if err != nil {
		h.t.Errorf("%s %s is not in Twilio's description: %v", r.Method, r.URL.Path, err)
		return h.next.RoundTrip(r)
	}
	err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: check, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true},
	})
	if err != nil {
		h.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	h.mu.Lock()
	h.seen[r.Method+" "+route.Path]++
	h.mu.Unlock()
	return h.next.RoundTrip(r)
}

func TestOurRequestsAreAsTwilioDescribesThem(t *testing.T) {
	h := &holder{t: t, router: description(t), seen: map[string]int{}}
	o := voice(func(v *twilio.Voice) { v.Answer = "say" })
	o.vendor = func(o *simulator.Options) {
		o.Services = map[string][]string{"MG0123456789abcdef0123456789abcdef": {ours, whatsAppOurs}}
	}
	o.wrap = func(next http.RoundTripper) http.RoundTripper { h.next = next; return h }
	withVoice := o.config
	o.config = func(c *twilio.Config) {
		withVoice(c)
		c.MessagingServiceSID, c.WhatsAppTemplate = "MG0123456789abcdef0123456789abcdef", "HX0123456789abcdef0123456789abcdef"
	}
	r := newRig(t, o)
	if _, err := r.phone.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.send(r.answer(nil, text("Hello")))
	r.send(r.answer(nil, normalize.Part{Kind: normalize.PartImage, Media: &normalize.Media{Name: "a.png", ContentType: "image/png"}}))
	question := r.receive(simulator.Inbound{From: whatsAppAnna, To: whatsAppOurs, Body: "?"})
	r.send(r.answer(question, text("Hello")))
	question.ReplyWindow = &normalize.ReplyWindow{}
	r.send(r.answer(question, text("Hello")))
	spoken := &normalize.Message{Address: normalize.Address{Kind: normalize.KindPhone, Value: anna}, Thread: normalize.Thread{ID: "voice:" + ours}}
	r.send(r.answer(spoken, text("Hello")))
	for _, q := range []*normalize.Message{nil, spoken} {
		r.vendor.Faults.Add(fault.Fault{Kind: fault.Lose})
		lost := r.answer(q, text("Lost"))
		if _, err := r.phone.Send(t.Context(), lost); connectors.Classify(err).Class != connectors.Ambiguous {
			t.Fatal(err)
		}
		if _, found, err := r.phone.Resolve(t.Context(), lost); !found || err != nil {
			t.Errorf("found %v, %v", found, err)
		}
	}
	for _, request := range []string{
		"POST /2010-04-01/Accounts/{AccountSid}/Messages.json", "GET /2010-04-01/Accounts/{AccountSid}/Messages.json",
		"POST /2010-04-01/Accounts/{AccountSid}/Calls.json", "GET /2010-04-01/Accounts/{AccountSid}/Calls.json",
	} {
		if h.seen[request] == 0 {
			t.Errorf("%s was not made: %v", request, h.seen)
		}
	}
}
