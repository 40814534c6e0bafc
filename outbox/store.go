package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// Lane is a direction of durable work.
type Lane string

const (
	Deliver Lane = "deliver" // answers to the channels
	Forward Lane = "forward" // events to the helpdesks, and what agents did there
	Fetch   Lane = "fetch"   // what is still with the channels' vendors: media, profiles
)

// Task is what a job does.
type Task string

const (
	TaskSend    Task = "send"    // deliver: one request of channel.Sender
	TaskFinish  Task = "finish"  // deliver: channel.Finisher, after an accepted send
	TaskResolve Task = "resolve" // deliver: channel.Resolver, for an uncertain send
	TaskForward Task = "forward" // forward: one event to one helpdesk
	TaskRead    Task = "read"    // forward: what agents did on the ticket of a conversation
	TaskFetch   Task = "fetch"   // fetch: the medium of one inbound part, by channel.Fetcher
	TaskProfile Task = "profile" // fetch: who has an address, by channel.Profiler
)

// State is where a job stands.
//
//	queued -> sending -> done
//	                  -> failed     for good; retry by hand makes it queued
//	                  -> uncertain  the vendor may have it; resolved by evidence or by hand
//	                  -> queued     again, later
//	queued -> cancelled, expired
//
// "sending" is entered by Begin, right before the request that cannot be taken
// back; a claim alone is a lease and no state, so a job whose worker dies
// before Begin is simply claimed again.
type State string

const (
	Queued    State = "queued"
	Sending   State = "sending"
	Done      State = "done"
	Failed    State = "failed"
	Uncertain State = "uncertain"
	Cancelled State = "cancelled"
	Expired   State = "expired"
)

// Job is one unit of durable work.
type Job struct {
	ID           normalize.ID `json:"id"`
	Lane         Lane         `json:"lane"`
	Task         Task         `json:"task"`
	Account      string       `json:"account"`
	Conversation normalize.ID `json:"conversation_id,omitzero"`
	// Message is what a deliver or fetch job is about, Event what a forward
	// job is.
	Message normalize.ID   `json:"message_id,omitzero"`
	Event   normalize.ID   `json:"event_id,omitzero"`
	Parts   []normalize.ID `json:"part_ids,omitempty"`
	// Of is the send job that a finish or resolve job belongs to.
	Of normalize.ID `json:"of,omitzero"`
	// About is the part whose medium a fetch job brings, the address that a
	// profile job asks about.
	About     normalize.ID `json:"about_id,omitzero"`
	State     State        `json:"state"`
	Attempts  int          `json:"attempts"` // see Attempt
	Tries     int          `json:"tries"`    // claims that ended in a retry, for the back-off
	CreatedAt time.Time    `json:"created_at"`
	DueAt     time.Time    `json:"due_at,omitzero"`
	ExpiresAt time.Time    `json:"expires_at,omitzero"`
	LastError string       `json:"last_error,omitempty"`
	// Settled are the recipients whose fate is known, of a send to several.
	Settled []SettledRecipient `json:"recipients,omitempty"`

	// Fence is the token of the claim. A settlement with an old one is refused.
	Fence int64 `json:"-"`
	// Interrupted: an earlier worker died between Begin and Settle.
	Interrupted bool `json:"-"`
}

// SettledRecipient is a recipient who is done with, one way or the other: who
// is not asked again, or by a retry of a person only.
type SettledRecipient struct {
	Address normalize.Address `json:"address"`
	Status  normalize.Status  `json:"status"` // accepted and farther, or failed
	Code    string            `json:"code,omitempty"`
	Detail  string            `json:"detail,omitempty"`
}

// Attempt is one try: it reached Begin, or it failed for good or at the cost of
// a try before that.
type Attempt struct {
	N          int       `json:"n"`
	StartedAt  time.Time `json:"started_at"`
	EndedAt    time.Time `json:"ended_at,omitzero"`
	Outcome    string    `json:"outcome"` // "accepted", "released", or the error's class; "" while under way
	Code       string    `json:"code,omitempty"`
	Detail     string    `json:"detail,omitempty"`
	ExternalID string    `json:"external_id,omitempty"`
}

// Store is what the outbox needs of the database. Every method that writes is
// one commit.
//
// Jobs of one account and conversation form a queue: its head is claimed, the
// others wait. Queues of one account are claimed in the order in which their
// heads came due.
type Store interface {
	// Claim leases the heads of up to limit queues of an account and lane that
	// are due, for lease. A job whose earlier lease ran out in state sending
	// comes with Interrupted set. Paused accounts give none. Jobs past
	// ExpiresAt are moved to expired on the way.
	Claim(ctx context.Context, lane Lane, account string, now time.Time, lease time.Duration, limit int) ([]*Job, error)
	// Begin records that attempt n of a claimed job is about to be made and
	// returns n. ErrLost when the claim is no longer ours.
	Begin(ctx context.Context, job normalize.ID, fence int64, now time.Time) (n int, err error)
	// Settle ends a claim: state, attempt, parts' status, receipts, events,
	// follow-up jobs and the queue's next turn, in one commit. ErrLost when
	// the claim is no longer ours and nothing was changed.
	Settle(ctx context.Context, s Settlement) error
	// Extend renews the lease of a claim that is still under way.
	Extend(ctx context.Context, job normalize.ID, fence int64, until time.Time) error
	// NextDue returns when the next queue of an account and lane comes due; the
	// zero time when it has none.
	NextDue(ctx context.Context, lane Lane, account string) (time.Time, error)

	Job(ctx context.Context, id normalize.ID) (*Job, error)
	Attempts(ctx context.Context, job normalize.ID) ([]Attempt, error)
	Jobs(ctx context.Context, f Filter) ([]*Job, error)
	// JobsOf returns the jobs of a message, in all lanes.
	JobsOf(ctx context.Context, message normalize.ID) ([]*Job, error)
	ReceiptsOf(ctx context.Context, message normalize.ID) ([]normalize.Receipt, error)
	// Retry makes a failed, uncertain, expired or cancelled job queued again,
	// due now and expiring at expires; so it does with a done one that some
	// recipients did not get. It goes to those alone who are not known to have
	// it. ErrState for a job in another state.
	Retry(ctx context.Context, job normalize.ID, expires, now time.Time) error
	// Cancel ends a queued job that is not claimed, or closes an uncertain one
	// for good, its parts failed. ErrState otherwise.
	Cancel(ctx context.Context, job normalize.ID, now time.Time) error
	// Pause and Resume stop and start claiming: of one account, or of all
	// where account is "". by and reason are shown to people.
	Pause(ctx context.Context, account, by, reason string, now time.Time) error
	Resume(ctx context.Context, account string, now time.Time) error
	// Counts returns how many jobs stand in each state that wants work or a
	// look, that is all but done and cancelled, and the age of the oldest.
	Counts(ctx context.Context) ([]Count, error)
}

// Errors of a Store.
var (
	ErrLost  = errors.New("the claim was lost to another worker")
	ErrState = errors.New("not possible in this state")
)

// Settlement is the end of a claim.
type Settlement struct {
	Job   normalize.ID
	Fence int64
	Now   time.Time
	// State: Done, Failed, Uncertain, or Queued for another try at DueAt.
	State State
	DueAt time.Time
	// Counted: another try counts towards the back-off (not when throttled).
	Counted bool
	// Attempt tells whether Begin was reached, so that there is an attempt row
	// to be ended with what follows.
	Attempt    bool
	Class      connectors.Class // of the error, where Err is set
	Err        bool
	Code       string
	Detail     string
	ExternalID string
	// Status of the parts; "" leaves it.
	Status normalize.Status
	// Settled are the recipients that this attempt decided.
	Settled []SettledRecipient
	// Unreachable addresses are flagged.
	Unreachable []normalize.Address
	// Closed is the end of the reply window that the vendor holds used up. One
	// that was opened anew meanwhile has another end, and stays open.
	Closed time.Time
	// Follow are jobs to queue in the same commit: finish or resolve.
	Follow []Follow
	// OfState moves the send job that a resolve job was about.
	OfState State
	// Fetched is what a fetch job brought: its file, size, type and name.
	Fetched *normalize.Media
	// Profile is what a profile job learned.
	Profile *normalize.Profile
}

// Follow is a job that follows another one's settlement.
type Follow struct {
	Task      Task
	DueAt     time.Time
	ExpiresAt time.Time
}

// Budget is what an account may send within 24 hours, or is about to send. Of
// a limit, 0 is any number.
type Budget struct {
	Requests   int // messages, whoever they go to
	Recipients int
}

// Filter selects jobs, newest first; zero fields select all.
type Filter struct {
	Lane    Lane
	Account string
	State   State
	// Stuck selects what a person should look at: failed, uncertain, expired,
	// or queued after three tries and more.
	Stuck bool
	After normalize.ID // older than this one
	Limit int
}

// Count is how many jobs of an account stand in a state.
type Count struct {
	Lane    Lane
	Account string
	State   State
	N       int64
	Oldest  time.Time
}
