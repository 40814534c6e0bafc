package helpdesktest

import (
	"context"
	"sync"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
)

// fallible is the helpdesk with faults: after a call was made, its answer may
// be lost.
type fallible struct {
	helpdesk.Tickets
	mu   sync.Mutex
	lose map[string]int // calls by name
}

func (f *fallible) next(call string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lose[call] == 0 {
		return nil
	}
	f.lose[call]--
	return connectors.Errorf(connectors.Ambiguous, "", "the answer to %s was lost", call)
}

func (f *fallible) Open(ctx context.Context, d *helpdesk.Draft) (*helpdesk.Opened, error) {
	o, err := f.Tickets.Open(ctx, d)
	if e := f.next("Open"); err == nil && e != nil {
		return nil, e
	}
	return o, err
}

func (f *fallible) Write(ctx context.Context, ticket string, e *helpdesk.Entry) (string, error) {
	id, err := f.Tickets.Write(ctx, ticket, e)
	if e := f.next("Write"); err == nil && e != nil {
		return "", e
	}
	return id, err
}

// Show makes the wrapper a Shower where the helpdesk is one.
func (f *fallible) Show(ctx context.Context, ticket, entry string, c normalize.StatusChange) error {
	if s, ok := f.Tickets.(helpdesk.Shower); ok {
		return s.Show(ctx, ticket, entry, c)
	}
	return nil
}
