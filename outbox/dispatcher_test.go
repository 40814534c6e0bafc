package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
	"github.com/deskbridge/deskbridge/outbox/deliver"
)

func TestOrderWithinAConversationAndNoWaitingForOthers(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		var hot []string
		for range 60 {
			hot = append(hot, r.Send("hot").Message.String())
		}
		for i := range 10 {
			r.Send(fmt.Sprint("cold", i))
		}
		r.vendor.limits.Parallel = 3
		r.deliver()
		r.eventually("all sent", func() bool { return r.vendor.requests() == 70 })
		var order []string
		lastCold := 0
		for i, o := range r.vendor.sent {
			if o.Message.Address.Value == "hot@example.com" {
				order = append(order, o.Message.ID.String())
			} else {
				lastCold = i
			}
		}
		if !slices.Equal(order, hot) {
			t.Error("the conversation's order is not kept")
		}
		if lastCold > 40 {
			t.Errorf("the last of ten other conversations was number %d", lastCold)
		}
		if r.vendor.most > 3 {
			t.Errorf("%d at once, 3 allowed", r.vendor.most)
		}
	})
}

func TestTwoDispatchersSendNothingTwice(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		jobs := make([]*outbox.Job, 80)
		for i := range jobs {
			jobs[i] = r.Send(fmt.Sprint("c", i%20))
		}
		r.deliver()
		r.deliver()
		for _, j := range jobs {
			r.becomes(j, outbox.Done)
		}
		if n := r.vendor.requests(); n != len(jobs) {
			t.Errorf("%d requests for %d jobs", n, len(jobs))
		}
		for _, o := range r.vendor.sent {
			if o.Attempt != 1 {
				t.Errorf("attempt %d", o.Attempt)
			}
		}
	})
}

func TestThrottlingStopsTheWholeAccountForAsLongAsAsked(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		e := connectors.Errorf(connectors.Throttled, "429", "slow down")
		e.RetryAfter = 5 * time.Minute
		r.vendor.limits.Parallel = 1
		r.vendor.script(r.vendor.fail(e))
		job := r.Send("ann")
		r.deliver()
		r.settled(job, 1)
		r.vendor.script(nil)
		bob := r.Send("bob")
		time.Sleep(50 * time.Millisecond)
		if n := r.vendor.requests(); n != 1 {
			t.Fatalf("%d requests while asked to slow down", n)
		}
		r.step(6 * time.Minute)
		r.becomes(bob, outbox.Done)
		if j := r.becomes(job, outbox.Done); j.Tries != 0 || j.Attempts != 2 {
			t.Errorf("%d tries, %d attempts", j.Tries, j.Attempts)
		}
	})
}

func TestAnAccountThatIsDownKeepsItsQueueAndIsShown(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.vendor.limits.Parallel = 2
		r.vendor.script(r.vendor.fail(said(connectors.AccountDown)))
		jobs := make([]*outbox.Job, 30)
		for i := range jobs {
			jobs[i] = r.Send(fmt.Sprint("c", i))
		}
		var log bytes.Buffer
		stop := r.deliver(func(c *outbox.Config) {
			c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		})
		state := func() string {
			list, err := r.Accounts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(list, func(a storeAccount) bool { return a.Name == "mail" })
			return list[i].State + " " + list[i].Reason
		}
		r.eventually("shown as down", func() bool { return state() == "down the vendor's words" })
		for range 8 { // with what follows less than an hour: the sends expire then
			r.step(4 * time.Minute)
			time.Sleep(15 * time.Millisecond)
		}
		if n := r.vendor.requests(); n > 20 {
			t.Errorf("%d requests while down", n)
		}
		r.vendor.script(nil)
		r.eventually("the end of a probe that still fails", func() bool {
			counts, err := r.Counts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return !slices.ContainsFunc(counts, func(c outbox.Count) bool { return c.Lane == outbox.Deliver && c.State == outbox.Sending })
		})
		r.step(10 * time.Minute)
		for _, j := range jobs {
			if j = r.becomes(j, outbox.Done); j.Tries != 0 {
				t.Errorf("an outage of the account cost a job %d tries", j.Tries)
			}
		}
		r.eventually("shown as connected", func() bool { return state() == "connected " })
		stop()
		if !strings.Contains(log.String(), `level=WARN msg="account state" state=down reason="the vendor's words"`) {
			t.Errorf("no warning that the account is down: %s", &log)
		}
	})
}

func TestAnUncertainSendIsNotRepeatedButResolved(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		found := false
		r.vendor.resolve = func() (channel.Sent, bool, error) { return channel.Sent{ExternalID: "found"}, found, nil }
		r.vendor.finish = func() error { return nil }
		r.vendor.script(r.vendor.fail(errors.New("connection reset")))
		job := r.Send("ann")
		r.start(r.DB, &deliver.Worker{Channel: full{r.vendor}, Store: r.DB, Clock: r.clock, Log: silent}, outbox.Deliver, "mail")
		r.becomes(job, outbox.Uncertain)
		if s, why := r.part(job); s != normalize.StatusUncertain || why != "connection reset" {
			t.Errorf("shown as %s %q", s, why)
		}
		r.step(time.Minute)
		r.eventually("a search that found nothing", func() bool {
			jobs, err := r.JobsOf(t.Context(), job.Message)
			if err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(jobs, func(j *outbox.Job) bool { return j.Task == outbox.TaskResolve && j.Tries == 1 })
		})
		r.vendor.mu.Lock()
		found = true
		r.vendor.mu.Unlock()
		r.step(time.Hour)
		r.becomes(job, outbox.Done)
		if s, _ := r.part(job); s != normalize.StatusAccepted {
			t.Errorf("shown as %s", s)
		}
		r.eventually("the finish", func() bool {
			r.vendor.mu.Lock()
			defer r.vendor.mu.Unlock()
			return slices.Equal(r.vendor.finished, []string{"db-" + job.ID.String()})
		})
		if n := r.vendor.requests(); n != 1 {
			t.Errorf("sent %d times", n)
		}
	})
}

func TestAnIdempotentVendorIsAskedAgainWithTheSameKey(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		var n atomic.Int64
		r.vendor.limits.Idempotent = true
		r.vendor.script(func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
			if n.Add(1) == 1 {
				return r.vendor.fail(errors.New("connection reset"))(ctx, o)
			}
			return r.vendor.take(ctx, o)
		})
		job := r.Send("ann")
		r.deliver()
		r.settled(job, 1)
		r.step(10 * time.Second)
		r.becomes(job, outbox.Done)
		if a, b := r.vendor.sent[0], r.vendor.sent[1]; a.Key != b.Key || a.Attempt != 1 || b.Attempt != 2 {
			t.Errorf("%s %d, %s %d", a.Key, a.Attempt, b.Key, b.Attempt)
		}
	})
}

// The worker of a process that was killed is played by a claim that nobody
// settles.
func TestWhatAKilledProcessLeavesBehind(t *testing.T) {
	for _, c := range []struct {
		name       string
		begun      bool
		idempotent bool
		state      outbox.State
		requests   int
	}{
		{"before Begin it is sent", false, false, outbox.Done, 1},
		{"after Begin it is uncertain and not sent", true, false, outbox.Uncertain, 0},
		{"after Begin, and the vendor knows repeats", true, true, outbox.Done, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			engines(t, func(t *testing.T, r *rig) {
				job, next := r.Send("ann"), r.Send("ann")
				dead := r.Take("mail")
				if c.begun {
					r.Started(dead)
				}
				r.vendor.limits.Idempotent = c.idempotent
				r.deliver()
				time.Sleep(30 * time.Millisecond)
				if r.vendor.requests() != 0 {
					t.Fatal("sent while the claim may still be held")
				}
				r.step(time.Minute)
				r.becomes(next, outbox.Done)
				r.becomes(job, c.state)
				if n := r.vendor.requests() - 1; n != c.requests {
					t.Errorf("sent %d times, want %d", n, c.requests)
				}
			})
		})
	}
}

func TestEachRecipientIsAskedOnce(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		asked := [][]string{}
		answers := []map[string]error{
			{"bob@example.com": said(connectors.Transient), "cyd@example.com": said(connectors.Rejected)},
			{},
		}
		r.vendor.script(func(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
			if err := o.Begin(ctx); err != nil {
				return channel.Sent{}, err
			}
			var who []string
			sent := channel.Sent{ExternalID: "x"}
			for _, a := range o.Recipients {
				who = append(who, a.Value)
				e, _ := errors.AsType[*connectors.Error](answers[0][a.Value])
				sent.Recipients = append(sent.Recipients, channel.RecipientResult{Address: a, Err: e})
			}
			asked, answers = append(asked, who), answers[1:]
			r.vendor.note(o)
			return sent, nil
		})
		job := r.Send("ann", "bob", "cyd")
		r.deliver()
		r.settled(job, 1)
		r.step(10 * time.Second)
		r.becomes(job, outbox.Done)
		if s, _ := r.part(job); s != normalize.StatusAccepted {
			t.Errorf("shown as %s", s)
		}
		want := "[[ann@example.com bob@example.com cyd@example.com] [bob@example.com]]"
		if fmt.Sprint(asked) != want {
			t.Errorf("asked %v, want %s", asked, want)
		}
		fates := map[string]normalize.Status{}
		receipts, err := r.ReceiptsOf(t.Context(), job.Message)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range receipts {
			fates[c.Recipient.Value] = c.Status
		}
		if fates["ann@example.com"] != normalize.StatusAccepted || fates["bob@example.com"] != normalize.StatusAccepted ||
			fates["cyd@example.com"] != normalize.StatusFailed {
			t.Errorf("receipts: %v", fates)
		}
	})
}

// A channel with templates decides for itself what it sends after the window
// has closed; it is told of the window either way.
func TestAChannelIsToldOfTheReplyWindow(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.vendor.limits.Template = true
		until := r.Now.Add(time.Minute)
		r.Hear("ann", normalize.ReplyWindow{Until: until, Remaining: 2})
		first, second := r.Send("ann"), r.Send("ann")
		stop := r.deliver()
		r.becomes(first, outbox.Done)
		r.becomes(second, outbox.Done)
		stop()
		third := r.SendAnytime("ann")
		r.step(2 * time.Minute)
		r.deliver()
		r.becomes(third, outbox.Done)
		r.becomes(r.Send("bob"), outbox.Done)
		r.vendor.mu.Lock()
		defer r.vendor.mu.Unlock()
		for i, want := range []int{2, 1, 0} {
			if w := r.vendor.sent[i].Message.ReplyWindow; w == nil || w.Remaining != want || !w.Until.Equal(until) {
				t.Errorf("request %d was told of %+v, want %d left", i, w, want)
			}
		}
		if w := r.vendor.sent[3].Message.ReplyWindow; w != nil {
			t.Errorf("of a window that is none: %+v", w)
		}
	})
}

func TestWhatCannotArriveIsRefusedWithoutARequest(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.Hear("ann", normalize.ReplyWindow{Until: r.Now.Add(time.Minute), Remaining: -1})
		late := r.Send("ann")
		r.step(2 * time.Minute)
		stop := r.deliver()
		r.becomes(late, outbox.Failed)
		if s, why := r.part(late); s != normalize.StatusFailed || why == "" {
			t.Errorf("shown as %s %q", s, why)
		}
		stop()
		r.Hear("ann", normalize.ReplyWindow{Until: r.Now.Add(time.Hour), Remaining: -1})
		r.vendor.script(r.vendor.fail(connectors.Errorf(connectors.Unreachable, "21610", "opted out")))
		first := r.Send("ann")
		r.deliver()
		r.becomes(first, outbox.Failed)
		second := r.Send("ann")
		r.becomes(second, outbox.Failed)
		if n := r.vendor.requests(); n != 1 {
			t.Errorf("%d requests, want the first alone", n)
		}
	})
}

func TestAPersonRetriesAndTheAttemptIsCounted(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.vendor.script(r.vendor.fail(said(connectors.Rejected)))
		job := r.Send("ann")
		r.deliver()
		r.becomes(job, outbox.Failed)
		r.vendor.script(nil)
		if err := r.Retry(t.Context(), job.ID, r.Now.Add(time.Hour), r.Now); err != nil {
			t.Fatal(err)
		}
		r.becomes(job, outbox.Done)
		list, err := r.Attempts(t.Context(), job.ID)
		if err != nil || len(list) != 2 || list[0].Outcome != "rejected" || list[1].N != 2 || list[1].ExternalID != "ext-db-"+job.ID.String() {
			t.Errorf("%+v %v", list, err)
		}
		if s, why := r.part(job); s != normalize.StatusAccepted || why != "" {
			t.Errorf("shown as %s %q", s, why)
		}
	})
}

func TestPauseAndResume(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.deliver()
		r.becomes(r.Send("ann"), outbox.Done)
		for _, account := range []string{"mail", ""} {
			if err := r.Pause(t.Context(), account, "eve", "test", r.Now); err != nil {
				t.Fatal(err)
			}
			before, job := r.vendor.requests(), r.Send("ann")
			time.Sleep(40 * time.Millisecond)
			if r.vendor.requests() != before {
				t.Error("sent while paused")
			}
			if err := r.Resume(t.Context(), account, r.Now); err != nil {
				t.Fatal(err)
			}
			r.becomes(job, outbox.Done)
		}
	})
}

func TestTheRateOfTheAccountIsKept(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.vendor.limits.Rate, r.vendor.limits.Burst = 2, 3
		for i := range 12 {
			r.Send(fmt.Sprint("c", i))
		}
		r.deliver()
		for n := 3; n < 12; n += 2 {
			r.eventually("the next ones", func() bool { return r.vendor.requests() >= n })
			time.Sleep(30 * time.Millisecond)
			if got := r.vendor.requests(); got != n {
				t.Fatalf("%d requests, %d allowed", got, n)
			}
			r.step(time.Second)
		}
	})
}

// A clock that steps back by an hour holds no account up for an hour.
func TestTheRateIsKeptWhenTheClockStepsBack(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		r.vendor.limits.Rate, r.vendor.limits.Burst = 1, 1
		r.deliver()
		r.becomes(r.Send("ann"), outbox.Done)
		r.step(-time.Hour)
		r.Send("bob")
		passed := time.Duration(0)
		r.eventually("the next one", func() bool {
			r.step(100 * time.Millisecond)
			passed += 100 * time.Millisecond
			return r.vendor.requests() == 2
		})
		if passed > 30*time.Minute {
			t.Errorf("it went out after %s", passed)
		}
	})
}
