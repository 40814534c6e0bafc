package normalize

// Verdict on who wrote a message.
type Verdict string

const (
	// Authenticated: the domain of the sender's address vouches for it.
	Authenticated Verdict = "authenticated"
	// Unauthenticated: it was checked, and nothing shows that the sender is
	// who the address says. Anybody may have written it.
	Unauthenticated Verdict = "unauthenticated"
)

// Authentication is what is known of the sender's address being genuine.
type Authentication struct {
	Verdict Verdict `json:"verdict"`
	// By is the method that decided: dmarc, dkim or spf; empty where the
	// message names no single author.
	By string `json:"by,omitempty"`
	// Domain is the one that vouches, or the one that does not.
	Domain string `json:"domain,omitempty"`
}
