// Package identity is who the customers are: which addresses belong to one
// person, why we believe so, and how a wrong belief is undone.
//
// An address belongs to exactly one customer. At first contact it gets one of
// its own. Merging two customers moves the addresses of the one to the other
// and records which; since messages hang on addresses, the timelines join by
// that alone, and part again when the merge is undone.
package identity

import (
	"context"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// Store is what identity needs of the database.
type Store interface {
	// Customer returns a customer; one that was merged away is found under the
	// customer it went into, as ID of the result shows.
	Customer(ctx context.Context, id normalize.ID) (*normalize.Customer, error)
	// Customers lists customers whose name or address holds query (without
	// regard to case), newest first, older than after.
	Customers(ctx context.Context, query string, after normalize.ID, limit int) ([]*normalize.Customer, error)
	// CustomerOf returns who has an address.
	CustomerOf(ctx context.Context, a normalize.Address) (*normalize.Customer, error)
	// Merge moves all addresses of m.From to m.Into and emits customer.merged.
	Merge(ctx context.Context, m Merge) (*Merge, error)
	// Undo gives the addresses that a merge moved back, as far as no later
	// merge moved them on, and emits customer.unmerged.
	Undo(ctx context.Context, merge normalize.ID, author string, now time.Time) (*Merge, error)
	// Related returns other customers who may be the same person: evidence
	// says so that is not verified, or whose merge was undone.
	Related(ctx context.Context, customer normalize.ID) ([]Related, error)
	// Merges returns the merges that a customer took part in, newest first.
	Merges(ctx context.Context, customer normalize.ID) ([]*Merge, error)
	// Export returns all that is stored of a customer, for the bundle of data
	// protection.
	Export(ctx context.Context, customer normalize.ID) (*Export, error)
	// Erase removes all that a customer said and is called, keeps hashes so
	// that the same input does not bring it back, and returns the digests of
	// media files that nothing refers to any more.
	Erase(ctx context.Context, customer normalize.ID, now time.Time) (digests []string, err error)
}

// Merge is one union of two customers.
type Merge struct {
	ID       normalize.ID        `json:"id"`
	From     normalize.ID        `json:"from"`
	Into     normalize.ID        `json:"into"`
	Reason   string              `json:"reason"`
	Evidence string              `json:"evidence,omitempty"`
	Author   string              `json:"author"`
	At       time.Time           `json:"at"`
	Moved    []normalize.Address `json:"moved"`
	UndoneAt time.Time           `json:"undone_at,omitzero"`
	UndoneBy string              `json:"undone_by,omitempty"`
}

// Related is somebody who may be the same person.
type Related struct {
	Customer *normalize.Customer `json:"customer"`
	// Why says in plain words what speaks for it.
	Why string `json:"why"`
}

// Link is why an address belongs to its customer.
type Link struct {
	Address  normalize.Address `json:"address"`
	Evidence string            `json:"evidence"` // "first contact", "merge <id>"
	Author   string            `json:"author"`
	Since    time.Time         `json:"since"`
	// Names are those that the vendor knows the same person by elsewhere.
	Names []normalize.Evidence `json:"names,omitempty"`
}

// Export is a customer's complete record.
type Export struct {
	Customer      *normalize.Customer       `json:"customer"`
	Links         []Link                    `json:"links"`
	Merges        []*Merge                  `json:"merges"`
	Conversations []*normalize.Conversation `json:"conversations"`
	Messages      []*normalize.Message      `json:"messages"`
}
