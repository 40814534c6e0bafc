package outbox

import (
	"context"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// Worker does the jobs of one account. It knows the connector; what follows
// from a Result is the Policy's affair.
type Worker interface {
	// Pace returns how fast the account may be worked. It is asked before
	// every claim and answers from memory nearly always.
	Pace(ctx context.Context) Pace
	// Work does one job. It calls begin, or has it called, right before the
	// request that cannot be taken back; an error of begin means that nothing
	// may be sent. It returns soon after ctx ends.
	Work(ctx context.Context, job *Job, begin Begin) Result
}

// Begin records durably that the request is about to be made.
type Begin func(ctx context.Context) error

// Pace bounds the requests to an account.
type Pace struct {
	// Rate is requests per second, 0 is no limit; Burst is how many at once.
	Rate  float64
	Burst int
	// Parallel is how many jobs are under way at once; 0 is DefaultParallel.
	Parallel int
}

// DefaultParallel is how many jobs of an account are under way at once where
// its limits say nothing.
const DefaultParallel = 8

// Result is how the work on a job went.
type Result struct {
	// Err is nil where the job is done.
	Err *connectors.Error
	// Repeatable: doing it once more does no harm, so an ambiguous error is
	// simply tried again.
	Repeatable bool
	// ExternalID and Detail are the vendor's words on a success.
	ExternalID string
	Detail     string
	// Status of the parts where the job is done; "" leaves it.
	Status normalize.Status
	// Settled are the recipients that this try decided.
	Settled []SettledRecipient
	// Unreachable addresses are flagged.
	Unreachable []normalize.Address
	// Closed is the end of the reply window in which the vendor takes no answer
	// any more, whatever we counted; zero for none.
	Closed time.Time
	// Finish: the channel is a channel.Finisher, so a finish job follows.
	Finish bool
	// OfState moves the send job that a resolve job is about.
	OfState State
	// Fetched is what a fetch job brought, Profile what a profile job learned.
	Fetched *normalize.Media
	Profile *normalize.Profile
	// Released: the work was cut short before it began and counts for nothing.
	Released bool
}

// Accounts shows people how an account is.
type Accounts interface {
	// SetAccountState records the state (connected, degraded, down) and the
	// reason, and tells the helpdesks where it changed.
	SetAccountState(ctx context.Context, account, state, reason string, now time.Time) error
}
