package connectors

import (
	"context"
	"time"
)

// Loginer is a channel or helpdesk that a person with a browser gives access
// to an account.
type Loginer interface {
	// Login shows where to go and what to type there, and returns when the
	// person has done so and what the vendor issued is stored.
	Login(ctx context.Context, show func(LoginPrompt)) error
}

// LoginPrompt is what the person needs: an address to open, with a code to type
// there or with a browser that comes back by itself.
type LoginPrompt struct {
	URL string
	// Code is to be typed there; "" where the browser comes back. Direct,
	// where not empty, is an address that holds the code already.
	Code, Direct string
	// Local is the host and port of this machine that the browser comes back
	// to. Where it cannot, Back takes the address that it ended at; an error
	// says that it is another one, and may be followed by a second try.
	Local   string
	Back    func(address string) error
	Expires time.Time
}
