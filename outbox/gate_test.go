package outbox

import (
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// gated is a gate with a clock.
type gated struct {
	*gate
	now time.Time
}

func newGated() *gated { return &gated{newGate(DeliverPolicy), start} }

func (g *gated) fail(c connectors.Class, conversation int) {
	g.report(&Job{Task: TaskSend, Conversation: normalize.ID(conversation)}, true, true, c, connectors.Errorf(c, "", "words"), g.now)
}

func (g *gated) succeed() { g.report(&Job{Task: TaskSend}, true, false, 0, nil, g.now) }

func (g *gated) free() int {
	n, _ := g.allow(g.now, 8, 0)
	return n
}

func TestOneFailingQueueDoesNotCloseTheAccount(t *testing.T) {
	g := newGated()
	for range 100 {
		g.fail(connectors.Transient, 1)
	}
	if g.free() != 8 {
		t.Error("closed by one queue alone")
	}
	for i := range 10 {
		g.fail(connectors.Transient, i)
		g.succeed()
	}
	if g.free() != 8 {
		t.Error("closed although others got through")
	}
}

func TestAnOutageOfAnHourCostsFewTries(t *testing.T) {
	for _, c := range []connectors.Class{connectors.Transient, connectors.Ambiguous, connectors.AccountDown} {
		t.Run(c.String(), func(t *testing.T) {
			g := newGated()
			tries := 0
			for end := start.Add(time.Hour); g.now.Before(end); {
				n, wait := g.allow(g.now, 8, 0)
				for range n {
					tries++
					g.fail(c, tries)
				}
				g.now = g.now.Add(max(wait, time.Millisecond))
			}
			if tries > 160 || tries < 10 {
				t.Errorf("%d tries", tries)
			}
			if g.now = g.now.Add(DeliverPolicy.Down.Cap); g.free() != 1 {
				t.Error("not probed by one job at a time")
			}
			if n, _ := g.allow(g.now, 8, 1); n != 0 {
				t.Error("a second probe while one is under way")
			}
			if g.succeed(); g.free() != 8 {
				t.Error("not opened at once by the first success")
			}
			if state, reason := g.state(); state != "connected" || reason != "" {
				t.Errorf("shown as %s %q", state, reason)
			}
		})
	}
}

func TestThrottlingHoldsEvenIfAnotherSendGotThrough(t *testing.T) {
	g := newGated()
	e := connectors.Errorf(connectors.Throttled, "429", "slow down")
	e.RetryAfter = time.Minute
	g.report(&Job{Task: TaskFinish}, true, true, e.Class, e, g.now)
	g.succeed()
	if g.free() != 0 {
		t.Error("worked while asked to slow down")
	}
	if g.now = g.now.Add(time.Minute); g.free() != 1 {
		t.Error("closed for longer than was asked")
	}
	if g.succeed(); g.free() != 8 {
		t.Error("still closed")
	}
}

func TestAClockThatStepsBackDoesNotKeepTheGateClosed(t *testing.T) {
	g := newGated()
	g.fail(connectors.AccountDown, 1)
	g.now = g.now.Add(-24 * time.Hour)
	if g.free() != 0 {
		t.Error("open")
	}
	if g.now = g.now.Add(DeliverPolicy.Down.Cap); g.free() != 1 {
		t.Error("closed for the length of the step")
	}
}

func TestFinishAndResolveSayNothingOfTheAccount(t *testing.T) {
	g := newGated()
	for i := range 20 {
		for _, task := range []Task{TaskFinish, TaskResolve} {
			c := connectors.AccountDown
			if i%2 == 0 {
				c = connectors.Transient
			}
			g.report(&Job{Task: task, Conversation: normalize.ID(i)}, true, true, c, connectors.Errorf(c, "", "words"), g.now)
		}
	}
	if g.free() != 8 {
		t.Error("closed")
	}
}

// After an outage the pauses for bad credentials begin short, and the other way
// round: each trouble is found to be over soon after it is.
func TestAnotherTroubleHasPausesOfItsOwn(t *testing.T) {
	for first, then := range map[connectors.Class]connectors.Class{
		connectors.Transient: connectors.AccountDown, connectors.AccountDown: connectors.Ambiguous,
	} {
		g := newGated()
		for i := range 12 {
			g.fail(first, i)
			_, wait := g.allow(g.now, 8, 0)
			g.now = g.now.Add(wait)
		}
		g.fail(then, 1)
		pace := DeliverPolicy.Probe
		if then == connectors.AccountDown {
			pace = DeliverPolicy.Down
		}
		if n, wait := g.allow(g.now, 8, 0); n != 0 || wait > pace.Ceiling(0) {
			t.Errorf("%v after %v: %d claims, next in %v", then, first, n, wait)
		}
	}
}
