// Package helpdesk is the contract of an agents' backend: what a connector for
// one configured helpdesk does. One that follows events is a Subscriber; one
// that keeps tickets, as most products do, is a Tickets.
package helpdesk

import (
	"context"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// Helpdesk is one configured backend. One that is neither a Subscriber nor a
// Tickets gets nothing: the built-in inbox reads the store. All methods may be
// called by several goroutines at once, and all that block return soon after
// their context ends.
type Helpdesk interface {
	// Probe finds out whether the backend can be reached and takes our
	// credentials.
	Probe(ctx context.Context) error
	// Close ends what the backend holds open.
	Close(ctx context.Context) error
}

// Subscriber is a backend that is handed every event, as it is.
type Subscriber interface {
	// Forward hands over one event. Events of one conversation come in order
	// and one at a time; the same event may come again after an interruption,
	// and is recognisable by its id. Its error is a *connectors.Error; any
	// other counts as transient, since a repeat is harmless.
	Forward(ctx context.Context, e *normalize.Event) error
	// Wants reports whether the backend is to get events of this type.
	Wants(t normalize.EventType) bool
}

// Kind is a type of helpdesk.
type Kind struct {
	Type, Title string
	Config      func() connectors.Config
	New         func(c connectors.Config, d connectors.Deps) (Helpdesk, error)
}

// Kinds are the registered types of helpdesk.
var Kinds connectors.Registry[Kind]

// Register adds a kind; call it from an init function.
func Register(k Kind) { Kinds.Add(k.Type, k) }
