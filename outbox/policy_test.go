package outbox

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func sendJob() *Job {
	return &Job{
		ID: normalize.NewID(start), Lane: Deliver, Task: TaskSend, Conversation: 7, Fence: 3,
		CreatedAt: start, ExpiresAt: start.Add(72 * time.Hour),
	}
}

func failure(c connectors.Class) Result {
	return Result{Err: connectors.Errorf(c, "c1", "words")}
}

func TestWhatFollowsFromEachClassOfError(t *testing.T) {
	for _, c := range []struct {
		name        string
		class       connectors.Class
		begun       bool
		repeatable  bool
		interrupted bool
		task        Task

		state   State
		counted bool
		status  normalize.Status
		follow  Task
	}{
		{
			name: "unknown after Begin is parked and looked into", class: connectors.Ambiguous, begun: true,
			state: Uncertain, status: normalize.StatusUncertain, follow: TaskResolve,
		},
		{name: "unknown before Begin was surely not sent", class: connectors.Ambiguous, state: Queued, counted: true},
		{name: "unknown, and the vendor knows repeats", class: connectors.Ambiguous, begun: true, repeatable: true, state: Queued, counted: true},
		{
			name: "an earlier worker died after Begin, and now the message cannot be loaded", class: connectors.Transient, interrupted: true,
			state: Uncertain, status: normalize.StatusUncertain, follow: TaskResolve,
		},
		{
			name: "an earlier worker died after Begin, and the vendor knows repeats", class: connectors.Transient, interrupted: true, repeatable: true,
			state: Queued, counted: true,
		},
		{name: "transient", class: connectors.Transient, begun: true, state: Queued, counted: true},
		{name: "throttled costs no try", class: connectors.Throttled, begun: true, state: Queued},
		{name: "account down costs no try", class: connectors.AccountDown, begun: true, state: Queued},
		{name: "rejected", class: connectors.Rejected, begun: true, state: Failed, status: normalize.StatusFailed},
		{name: "unreachable", class: connectors.Unreachable, begun: true, state: Failed, status: normalize.StatusFailed},
		{name: "unsupported", class: connectors.Unsupported, state: Failed, status: normalize.StatusFailed},
		{name: "a class of the future is parked", class: 99, begun: true, state: Uncertain, status: normalize.StatusUncertain, follow: TaskResolve},
		{name: "forwarding again is harmless", class: connectors.Ambiguous, begun: true, task: TaskForward, state: Queued, counted: true},
		{name: "a dead letter", class: connectors.Rejected, begun: true, task: TaskForward, state: Failed},
		{name: "finishing again is harmless", class: connectors.Ambiguous, begun: true, task: TaskFinish, state: Queued, counted: true},
		{name: "a finish never holds", class: connectors.AccountDown, begun: true, task: TaskFinish, state: Queued, counted: true},
		{name: "a finish that is refused fails, the message does not", class: connectors.Rejected, begun: true, task: TaskFinish, state: Failed},
		{name: "looking again, whatever was said", class: connectors.Rejected, task: TaskResolve, state: Queued, counted: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			job := sendJob()
			job.Interrupted = c.interrupted
			if c.task != "" {
				job.Task = c.task
			}
			r := failure(c.class)
			r.Repeatable = c.repeatable
			s := DeliverPolicy.Settle(job, c.begun, r, start.Add(time.Minute))
			follow := Task("")
			if len(s.Follow) > 0 {
				follow = s.Follow[0].Task
			}
			if s.State != c.state || s.Counted != c.counted || s.Status != c.status || follow != c.follow {
				t.Errorf("state %s counted %t status %q follow %q, want %s %t %q %q", s.State, s.Counted, s.Status, follow,
					c.state, c.counted, c.status, c.follow)
			}
			if s.Attempt != c.begun || s.Job != job.ID || s.Fence != job.Fence || !s.Err || s.Code != "c1" || s.Detail != "words" {
				t.Errorf("the settlement does not carry what happened: %+v", s)
			}
		})
	}
}

func TestASuccessIsFinishedInAJobOfItsOwn(t *testing.T) {
	s := DeliverPolicy.Settle(sendJob(), true, Result{Status: normalize.StatusAccepted, ExternalID: "x", Finish: true}, start)
	if s.State != Done || s.Err || s.ExternalID != "x" || len(s.Follow) != 1 || s.Follow[0].Task != TaskFinish {
		t.Errorf("%+v", s)
	}
}

func TestAVendorsWishIsFollowedWithinReason(t *testing.T) {
	for wish, want := range map[time.Duration]time.Duration{0: 30 * time.Second, 5 * time.Second: 5 * time.Second, 90 * time.Hour: time.Hour} {
		r := failure(connectors.Throttled)
		r.Err.RetryAfter = wish
		if s := DeliverPolicy.Settle(sendJob(), true, r, start); s.DueAt != start.Add(want) {
			t.Errorf("asked for %s: due in %s, want %s", wish, s.DueAt.Sub(start), want)
		}
	}
}

func TestTheSearchForEvidenceEndsAfterADay(t *testing.T) {
	job := &Job{ID: normalize.NewID(start), Task: TaskResolve, CreatedAt: start}
	now, looks := start.Add(DeliverPolicy.Resolve.Base), 0
	for {
		s := DeliverPolicy.Settle(job, false, failure(connectors.Transient), now)
		looks++
		if s.State == Done {
			break
		}
		if s.State != Queued || !s.Counted || !s.DueAt.After(now) {
			t.Fatalf("look %d: %+v", looks, s)
		}
		now, job.Tries = s.DueAt, job.Tries+1
	}
	if now.Sub(start) < 20*time.Hour || now.Sub(start) > 24*time.Hour || looks < 20 || looks > 120 {
		t.Errorf("gave up after %s and %d looks", now.Sub(start), looks)
	}
}

func TestAForwardThatFailsForAWeekIsADeadLetter(t *testing.T) {
	job := &Job{ID: normalize.NewID(start), Task: TaskForward, CreatedAt: start}
	r := failure(connectors.Transient)
	r.Repeatable = true
	if s := ForwardPolicy.Settle(job, true, r, start.Add(6*24*time.Hour)); s.State != Queued {
		t.Errorf("after six days: %s", s.State)
	}
	if s := ForwardPolicy.Settle(job, true, r, start.Add(8*24*time.Hour)); s.State != Failed {
		t.Errorf("after eight days: %s", s.State)
	}
}

func TestStoppingTheDaemonIsNobodysFault(t *testing.T) {
	r := failure(connectors.Transient)
	r.Released = true
	s := DeliverPolicy.Settle(sendJob(), false, r, start)
	if s.State != Queued || s.DueAt != start || s.Counted || s.Err {
		t.Errorf("%+v", s)
	}
	// But what an earlier worker had begun does not become certain by it.
	job := sendJob()
	job.Interrupted = true
	if s := DeliverPolicy.Settle(job, false, r, start); s.State != Uncertain {
		t.Errorf("interrupted: %s", s.State)
	}
}

func TestBackoffGrowsToItsCap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Backoff{time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "base")), 0}
		b.Cap = b.Base + time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "more"))
		n := rapid.IntRange(0, 10_000).Draw(t, "n")
		d := b.Pause(n)
		if d < b.Base/2 || d > b.Ceiling(n) || b.Ceiling(n) > b.Cap {
			t.Fatalf("%+v try %d: %s of %s", b, n, d, b.Ceiling(n))
		}
		if b.Ceiling(n+1) < b.Ceiling(n) {
			t.Fatalf("%+v: the ceiling falls at %d", b, n)
		}
		if b.Ceiling(100) != b.Cap {
			t.Fatalf("%+v: never reaches its cap: %s", b, b.Ceiling(100))
		}
	})
}

// Whatever a worker reports, a send that may have reached the vendor is not
// made again, unless repeats are harmless.
func TestNothingIsSentTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		job := sendJob()
		job.Interrupted = rapid.Bool().Draw(t, "interrupted")
		job.Tries = rapid.IntRange(0, 50).Draw(t, "tries")
		begun := rapid.Bool().Draw(t, "begun")
		r := failure(connectors.Class(rapid.IntRange(-1, 8).Draw(t, "class")))
		r.Released = !begun && rapid.Bool().Draw(t, "released")
		s := DeliverPolicy.Settle(job, begun, r, start.Add(time.Hour))
		surely := map[connectors.Class]bool{connectors.Transient: true, connectors.Throttled: true, connectors.AccountDown: true}
		if s.State == Queued && (job.Interrupted && !begun || begun && !surely[r.Err.Class]) {
			t.Fatalf("queued again: %+v", s)
		}
	})
}

func TestWordsAreStorable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := clean(string(rapid.SliceOf(rapid.Byte()).Draw(t, "s")) + strings.Repeat("é", rapid.IntRange(0, 900).Draw(t, "n")))
		if !utf8.ValidString(s) || strings.Contains(s, "\x00") || len(s) > maxDetail {
			t.Fatalf("%q", s)
		}
	})
	if w := words(&connectors.Error{Err: errors.New("cause")}); w != "cause" {
		t.Errorf("%q", w)
	}
}
