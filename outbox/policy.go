package outbox

import (
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// Policy is what a lane does after each kind of result.
type Policy struct {
	// Retry paces the tries of one job after transient errors. A forward, fetch
	// or finish job without an expiry of its own is given up after RetryFor.
	Retry    Backoff
	RetryFor time.Duration
	// Throttle is waited where the vendor named no time, ThrottleCap at most.
	Throttle, ThrottleCap time.Duration
	// Trip is how many queues in a row may fail before the account as a whole
	// is taken to be out of order and probed by one job at a time.
	Trip int
	// Probe paces these probes, Down those after an AccountDown.
	Probe, Down Backoff
	// Resolve paces the search for evidence on an uncertain send, which is
	// given up after ResolveFor. Its Base is also the wait before the first.
	Resolve    Backoff
	ResolveFor time.Duration
}

// The policies of the lanes.
var (
	DeliverPolicy = Policy{
		Retry: Backoff{2 * time.Second, time.Hour}, RetryFor: 24 * time.Hour,
		Throttle: 30 * time.Second, ThrottleCap: time.Hour,
		Trip: 5, Probe: Backoff{time.Second, time.Minute}, Down: Backoff{30 * time.Second, 10 * time.Minute},
		Resolve: Backoff{30 * time.Second, time.Hour}, ResolveFor: 24 * time.Hour,
	}
	FetchPolicy = Policy{
		Retry: Backoff{2 * time.Second, 30 * time.Minute}, RetryFor: 3 * 24 * time.Hour, // no vendor keeps media for less
		Throttle: 30 * time.Second, ThrottleCap: time.Hour,
		Trip: 5, Probe: Backoff{time.Second, time.Minute}, Down: Backoff{30 * time.Second, 10 * time.Minute},
	}
	ForwardPolicy = Policy{
		Retry: Backoff{time.Second, 10 * time.Minute}, RetryFor: 7 * 24 * time.Hour,
		Throttle: 30 * time.Second, ThrottleCap: time.Hour,
		Trip: 5, Probe: Backoff{time.Second, time.Minute}, Down: Backoff{30 * time.Second, 10 * time.Minute},
	}
)

// verdict is what becomes of a job after an error.
type verdict int

const (
	retry verdict = iota // later, and count it
	wait                 // when the vendor said, and do not count it
	hold                 // at once, when the account is back
	fail                 // for good
	park                 // uncertain
)

var verdicts = map[connectors.Class]verdict{
	connectors.Ambiguous:   park,
	connectors.Transient:   retry,
	connectors.Throttled:   wait,
	connectors.AccountDown: hold,
	connectors.Rejected:    fail,
	connectors.Unreachable: fail,
	connectors.Unsupported: fail,
}

// class is the class of a result's error with the job's history in mind: what
// never began was surely not taken, and a send that an earlier worker left
// between Begin and Settle stays ambiguous until it is repeated or resolved.
func class(job *Job, begun bool, r Result) connectors.Class {
	c := r.Err.Class
	interrupted := job.Interrupted && job.Task == TaskSend && !r.Repeatable
	switch {
	case !begun && interrupted:
		return connectors.Ambiguous
	case !begun && c == connectors.Ambiguous:
		return connectors.Transient
	}
	return c
}

// judge returns the verdict on an error of class c.
func judge(job *Job, c connectors.Class, r Result) verdict {
	v, known := verdicts[c]
	if !known {
		v = park
	}
	switch {
	case job.Task == TaskResolve:
		return retry // until it is given up: nothing is sent by looking
	case v == park && (r.Repeatable || job.Task != TaskSend):
		return retry
	case v == hold && job.Task == TaskFinish:
		return retry // another server than the one that sends, perhaps
	}
	return v
}

// Settle turns the result of a claim into its settlement. begun tells whether
// Begin was reached.
func (p Policy) Settle(job *Job, begun bool, r Result, now time.Time) Settlement {
	s := Settlement{
		Job: job.ID, Fence: job.Fence, Now: now, Attempt: begun,
		ExternalID: clean(r.ExternalID), Detail: clean(r.Detail),
		Settled: r.Settled, Unreachable: r.Unreachable, Closed: r.Closed,
	}
	switch {
	case r.Released && !job.Interrupted:
		s.State, s.DueAt = Queued, now
		return s
	case r.Err == nil:
		s.State, s.Status, s.OfState, s.Fetched = Done, r.Status, r.OfState, r.Fetched
		s.Profile = r.Profile
		if r.Finish {
			s.Follow = append(s.Follow, Follow{Task: TaskFinish, DueAt: now})
		}
		return s
	}

	c := class(job, begun, r)
	s.Err, s.Class, s.Code, s.Detail = true, c, clean(r.Err.Code), words(r.Err)
	switch judge(job, c, r) {
	case retry:
		p.again(&s, job)
	case wait:
		s.State, s.DueAt = Queued, now.Add(p.throttle(r.Err))
	case hold:
		s.State, s.DueAt = Queued, now
	case fail:
		s.State, s.Status, s.OfState = Failed, normalize.StatusFailed, r.OfState
	case park:
		s.State, s.Status = Uncertain, normalize.StatusUncertain
		s.Follow = append(s.Follow, Follow{Task: TaskResolve, DueAt: now.Add(p.Resolve.Base)})
	}
	if job.Task != TaskSend {
		s.Status = "" // what became of the message was decided by its send
	}
	return s
}

// again queues the job for another try, or gives up what has no expiry of its
// own. A search without a find is done: its send stays uncertain, and is what
// a person has to look at. All else has failed, and is shown.
func (p Policy) again(s *Settlement, job *Job) {
	pace, giveUp, end := p.Retry, p.RetryFor, Failed
	if job.Task == TaskResolve {
		pace, giveUp, end = p.Resolve, p.ResolveFor, Done
	}
	due := s.Now.Add(pace.Pause(job.Tries))
	if job.ExpiresAt.IsZero() && due.Sub(job.CreatedAt) > giveUp {
		s.State = end
		return
	}
	s.State, s.DueAt, s.Counted = Queued, due, true
}

func (p Policy) throttle(e *connectors.Error) time.Duration {
	if e.RetryAfter <= 0 {
		return p.Throttle
	}
	return min(e.RetryAfter, p.ThrottleCap)
}

// maxDetail bounds what is kept of a vendor's words, in bytes.
const maxDetail = 1000

// words is what an error tells a person.
func words(e *connectors.Error) string {
	s := e.Detail
	if s == "" && e.Err != nil {
		s = e.Err.Error()
	}
	if s == "" {
		s = "no reason given"
	}
	return clean(s)
}

// clean makes a vendor's words fit to be stored: valid UTF-8 without NUL, of
// bounded length.
func clean(s string) string {
	s = strings.ReplaceAll(s[:min(len(s), maxDetail)], "\x00", "")
	return strings.ToValidUTF8(s, "")
}
