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

// LoginPrompt is what the person needs. Direct, where not empty, is an address
// that holds the code already.
type LoginPrompt struct {
	URL, Code, Direct string
	Expires           time.Time
}
