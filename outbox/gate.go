package outbox

import (
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// gate keeps an account that is out of order from being worked. It closes on
// Throttled, on AccountDown, and when several queues in a row fail; then it
// lets through one job at a time after growing pauses, and the first answer of
// the vendor opens it. So an hour of outage costs few tries and the other
// queues keep their place.
type gate struct {
	policy Policy
	// failed are the queues that failed since the last answer.
	failed map[normalize.ID]struct{}
	closed bool
	class  connectors.Class // why it is closed
	reason string
	probes int
	// since and pause: no claim before their sum. Kept apart, so that a clock
	// that steps back does not prolong the pause.
	since time.Time
	pause time.Duration
}

func newGate(p Policy) *gate { return &gate{policy: p, failed: map[normalize.ID]struct{}{}} }

// allow returns how many of free claims may be made while running jobs are
// under way, and how long to wait where it is none.
func (g *gate) allow(now time.Time, free, running int) (n int, wait time.Duration) {
	if !g.closed {
		return free, 0
	}
	if now.Before(g.since) {
		g.since = now
	}
	if left := g.since.Add(g.pause).Sub(now); left > 0 {
		return 0, left
	}
	return max(0, min(free, 1-running)), 0
}

// report takes note of a result. c is meaningful where failed is set.
func (g *gate) report(job *Job, begun, failed bool, c connectors.Class, e *connectors.Error, now time.Time) {
	side := job.Task == TaskFinish || job.Task == TaskResolve
	switch {
	case failed && c == connectors.Throttled:
		g.shut(c, words(e), g.policy.throttle(e), now)
	case side:
		// It may be about another server of the vendor than the one that sends.
	case failed && c == connectors.AccountDown:
		g.again(c, e, g.policy.Down, now)
	case failed && (c == connectors.Transient || c == connectors.Ambiguous):
		// Ambiguous counts too: a vendor who hangs turns every send uncertain.
		g.failed[queueOf(job)] = struct{}{}
		if g.closed || len(g.failed) >= g.policy.Trip {
			g.again(c, e, g.policy.Probe, now)
		}
	case begun && !(g.shape() == gateThrottled && now.Before(g.since.Add(g.pause))):
		// Done, or refused: either way the vendor answers.
		g.closed, g.probes, g.reason = false, 0, ""
		clear(g.failed)
	}
}

// again closes the gate, for longer than before where a probe has failed. What
// had been under way when it closed changes nothing.
func (g *gate) again(c connectors.Class, e *connectors.Error, pace Backoff, now time.Time) {
	under := g.closed && now.Before(g.since.Add(g.pause))
	down := c == connectors.AccountDown
	if g.closed && down != (g.class == connectors.AccountDown) && (down || !under) {
		g.probes = 0 // another trouble, whose pauses grow from their own beginning
	}
	if under {
		if down {
			g.class, g.reason = c, words(e)
		}
		return
	}
	g.shut(c, words(e), pace.Pause(g.probes), now)
	g.probes++
}

func (g *gate) shut(c connectors.Class, reason string, pause time.Duration, now time.Time) {
	if c == connectors.Throttled && g.closed && now.Add(pause).Before(g.since.Add(g.pause)) {
		return
	}
	g.closed, g.class, g.reason, g.since, g.pause = true, c, reason, now, pause
}

// queueOf tells queues apart: jobs outside of a conversation count singly.
func queueOf(job *Job) normalize.ID {
	if job.Conversation != 0 {
		return job.Conversation
	}
	return job.ID
}

// Shapes of a gate, as its metric shows them.
const (
	gateOpen      = 0
	gateThrottled = 1
	gateProbing   = 2
	gateDown      = 3
)

func (g *gate) shape() int {
	switch {
	case !g.closed:
		return gateOpen
	case g.class == connectors.Throttled:
		return gateThrottled
	case g.class == connectors.AccountDown:
		return gateDown
	}
	return gateProbing
}

// state is what the account's page shows.
func (g *gate) state() (state, reason string) {
	switch g.shape() {
	case gateProbing:
		return "degraded", g.reason
	case gateDown:
		return "down", g.reason
	}
	return "connected", ""
}
