// Package helpdesktest is the suite that every helpdesk with tickets passes:
// the connector, driven by the real engine over a real store, on one side, and
// what a person sees and does in the product on the other.
//
// A helpdesk's test is one call of Run.
package helpdesktest

import (
	"testing"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
)

// Suite is what the tests have to know of a helpdesk.
type Suite struct {
	// Open opens a connector on a product. It is called anew for each test; the
	// product may hold what earlier tests left there.
	Open func(t testing.TB) (helpdesk.Tickets, Product)
	// Denied opens a connector with wrong credentials, Away one whose product
	// does not answer.
	Denied, Away func(t testing.TB) helpdesk.Tickets
}

// Product is what a person, and not our own user, sees and does in the product.
type Product interface {
	Ticket(t testing.TB, id string) Ticket
	// Answer writes an answer for the customer, with files of these names whose
	// content is their name, and returns its id. Note writes for agents alone.
	Answer(t testing.TB, ticket, text string, files ...string) (entry string)
	Note(t testing.TB, ticket, text string) (entry string)
	Close(t testing.TB, ticket string)
	Reopen(t testing.TB, ticket string)
	// Merge and Delete are false where the product cannot.
	Merge(t testing.TB, from, into string) bool
	Delete(t testing.TB, ticket string) bool
	// Mailed counts what the product sent to customers by itself.
	Mailed() int
	// Call is a genuine call of the product about a ticket; nil where it makes
	// none.
	Call(t testing.TB, ticket string) *connectors.Request
}

// Beginner is a Product in which a person makes tickets, too.
type Beginner interface {
	// Begin makes a ticket of somebody who is no customer of ours, with a public
	// answer to them.
	Begin(t testing.TB, answer string) (ticket string)
}

// Ticket is a ticket as an agent sees it.
type Ticket struct {
	Subject string
	Open    bool
	Gone    bool    // deleted or merged
	Entries []Entry // oldest first, the first words of the ticket among them
}

// Entry is something that stands on a ticket.
type Entry struct {
	ID       string
	Internal bool // a customer whom the product let in would not see it
	Author   string
	Text     string
	Files    []string // names
}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	for _, c := range []struct {
		name string
		test func(r *rig)
	}{
		{"conversation", conversation},
		{"answers", answers},
		{"states", states},
		{"failures", failures},
		{"changes", changes},
		{"interruptions", interruptions},
		{"merged", merged},
		{"merged into a stranger's", adopted},
		{"merged with a stranger's", adopting},
		{"deleted", deleted},
		{"calls", calls},
		{"hostile words", hostile},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(newRig(t, s)) })
	}
	t.Run("refusals", s.refusals)
}
