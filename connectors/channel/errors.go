package channel

import "errors"

// Refusals of Webhook.Parse.
var (
	// ErrForged: the signature is missing, wrong or stale. The answer is 401
	// and nothing is stored but a count.
	ErrForged = errors.New("signature missing, wrong or stale")
	// ErrMalformed: signed and still not what the vendor documents. The
	// answer is 400.
	ErrMalformed = errors.New("malformed call")
)
