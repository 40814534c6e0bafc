package connectors

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/normalize"
)

// Deps is all that a connector gets from the daemon.
type Deps struct {
	Account normalize.Account
	// Log carries the account already. Message text and secrets never go in.
	Log *slog.Logger
	// HTTP calls the vendor whose address the administrator configured.
	HTTP *http.Client
	// Guarded fetches addresses that a stranger chose. It refuses private,
	// loopback and link-local networks.
	Guarded *http.Client
	Clock   Clock
	// Tokens is shared by all nodes and survives a restart.
	Tokens Tokens
	// PublicURL is what vendors call, without a slash at its end; empty where
	// none is configured. It is never guessed from a request.
	PublicURL string
	// Key is this installation's own secret of 32 bytes, the same on all
	// nodes, from which a connector derives the keys of its tokens.
	Key []byte
	// MaxMedia is the largest medium that is kept, in bytes.
	MaxMedia int64
}

// Clock tells the time. Tests step it.
type Clock interface{ Now() time.Time }

// SystemClock is the clock of the machine.
type SystemClock struct{}

// Now returns the time in UTC, to the microsecond that is kept.
func (SystemClock) Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Tokens keeps what a vendor issued and may rotate: access and refresh tokens.
// Each account has names of its own.
type Tokens interface {
	// Get returns the value under name, or "" where there is none or its time
	// has run out.
	Get(ctx context.Context, name string) (string, error)
	// Set stores value durably, before it is used. A zero expires never ends.
	Set(ctx context.Context, name, value string, expires time.Time) error
}

// Config is what a configuration file says of one account.
type Config = configs.Settings
