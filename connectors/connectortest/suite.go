// Package connectortest is the suite that every channel passes. What a channel
// promises by its interfaces, its limits and its facts is held against a vendor
// that is played over the network and against fixtures: documented payloads
// with the items that they become.
//
// A channel's test is one call of Run and one of Fuzz. The fixtures stand in
// testdata/fixtures; see Fixture.
package connectortest

import (
	"net/http"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// Suite is what the tests have to know of a channel.
type Suite struct {
	// Type is the channel's name in the configuration.
	Type string
	// Config holds the account's settings as lines of YAML, without name and
	// type. {vendor} stands for the address at which Vendor listens.
	Config string
	// Vendor answers the channel's requests as the vendor does when all is
	// well: a simulator. It is called anew for each test.
	Vendor func(t testing.TB) http.Handler
	// Sign makes r a genuine call of the vendor: header and, where the vendor
	// wraps or encrypts it, body. Nil for a channel without calls.
	Sign func(r *connectors.Request)
	// Bearer tells that the vendor shows a secret and signs nothing, so that
	// another body cannot be told.
	Bearer bool
	// StaleAfter is the age from which a genuine call is refused; 0 where the
	// vendor signs no time.
	StaleAfter time.Duration
	// NoEcho says why nothing that the account writes ever comes back to it.
	// Where it is empty, fixtures show that such things are recognised.
	NoEcho string
	// To can be written to, in Thread.
	To     normalize.Address
	Thread normalize.Thread
	// Sends reports whether a request is the one that cannot be taken back. Nil
	// where Send speaks another protocol than HTTP: then the channel's own
	// tests show its faults.
	Sends func(r *http.Request) bool
	// Statuses are the vendor's documented refusals of that request.
	Statuses []Status
	// Parts are samples of kinds of part that the suite's own would not do for.
	Parts map[normalize.PartKind]normalize.Part
}

// Status is an answer of the vendor and what it means.
type Status struct {
	// Name is the point of it, in words.
	Name   string
	Code   int // of HTTP
	Header http.Header
	Body   string
	Want   connectors.Class
	// WantCode is the code that an agent is shown; empty is not compared.
	WantCode string
	// RetryAfter is what the error has to say; 0 is not compared.
	RetryAfter time.Duration
}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	t.Run("registration", s.registration)
	t.Run("fixtures", s.fixtures)
	t.Run("facts", s.facts)
	t.Run("repeats", s.repeats)
	if s.Sign != nil {
		t.Run("calls", s.calls)
	}
	if s.Sends != nil {
		t.Run("limits", s.limits)
		t.Run("statuses", s.statuses)
		t.Run("faults", s.faults)
		t.Run("asked", s.asked)
		t.Run("offers", s.offers)
		t.Run("resolves", s.resolves)
	}
	t.Run("end", s.end)
}
