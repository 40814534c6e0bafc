package connectors

import (
	"errors"
	"net/http"
	"time"
)

// Request is a call of a vendor, its body already read and bounded.
type Request struct {
	Method string
	// URL is the public address that the vendor called, as configured.
	URL    string
	Path   string // below /webhooks/{name}, such as "/status"; "" for none
	Header http.Header
	Body   []byte
	// ReceivedAt is our own time, for refusing stale signatures.
	ReceivedAt time.Time
}

// Reply answers a vendor. The zero value is an empty 200.
type Reply struct {
	Status      int
	ContentType string
	Body        []byte
}

// Refusals of a vendor's call. What is wrapped around them tells the log, once
// a minute for each account, what is to be mended; it has no words of the call.
var (
	// ErrForged: the signature is missing, wrong or stale. The answer is 401
	// and nothing is stored but a count.
	ErrForged = errors.New("signature missing, wrong or stale")
	// ErrMalformed: signed and still not what the vendor documents. The
	// answer is 400.
	ErrMalformed = errors.New("malformed call")
)
