package slack_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/channel/slack"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/normalize"
)

// What was said while nobody was connected, and what Slack has given up to
// tell, is read from the channels.
func TestAnOutageLosesNothing(t *testing.T) {
	for _, mode := range []string{"socket", "events"} {
		t.Run(mode, func(t *testing.T) {
			r := open(t, quick, func(c *slack.Config) { c.Mode = mode })
			r.slack.Hold()
			root := r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "root"})
			r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "another"})
			want := []string{"root"}
			for i := range 250 { // more than a page
				words := fmt.Sprintf("answer %d", i)
				r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: words, Thread: root})
				want = append(want, words)
			}
			r.slack.Say(simulator.Post{User: marie.ID, Text: "directly to <@U02JONAS>"})
			r.slack.Say(simulator.Post{Channel: "C02OTHER", User: marie.ID, Text: "elsewhere"})
			if _, err := r.Send(t.Context(), answer("1", normalize.Thread{ID: shared + ":" + root}, say("ours"), nil)); err != nil {
				t.Fatal(err)
			}
			r.slack.Drop()
			want = append(want, "another", "directly to @Jonas Beck")
			r.src.cursors["alive"] = strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)
			r.slack.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "conversations.replies", Status: 429, RetryAfter: time.Second})
			r.stream(t)
			r.src.until(t, "all read", func() bool {
				seconds, err := strconv.ParseInt(r.src.cursors["alive"], 10, 64)
				return err == nil && time.Since(time.Unix(seconds, 0)) < time.Minute
			})
			if diff := cmp.Diff(want, r.src.texts()); diff != "" {
				t.Error(diff)
			}
			for _, m := range r.src.messages[:251] {
				if m.Thread.Key != shared+":"+root || m.Address.Value != "T07ACME:U07MARIE" {
					t.Errorf("%q stands in %q, from %v", m.Text, m.Thread.Key, m.Address)
				}
			}
		})
	}
}

// A proxy that lets none of Slack's calls through is not taken for a quiet day.
func TestCallsThatStayAwayAreMadeUpFor(t *testing.T) {
	r := hooked(t, nil)
	r.Hurry(10*time.Millisecond, 100*time.Millisecond)
	r.stream(t)
	r.src.until(t, "begun", func() bool { return r.src.noted > 0 })
	r.slack.Hold()
	r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "into the void"})
	r.slack.Drop()
	r.src.until(t, "read from the channel", func() bool { return len(r.src.messages) == 1 })
	if in := r.src.inputs[0]; !strings.HasPrefix(in.Key, "history/") {
		t.Errorf("it came as %s", in.Key)
	}
	r.src.until(t, "counted", func() bool { return r.src.gaps == 1 })
}

// As long as Slack calls, nothing is asked for a second time.
func TestWhoIsCalledAsksForNothing(t *testing.T) {
	r := hooked(t, nil)
	r.Hurry(10*time.Millisecond, 20*time.Millisecond)
	calls := make(chan struct{})
	close(calls) // one after the other
	r.src.woken = calls
	r.stream(t)
	r.src.until(t, "noted ten times", func() bool { return r.src.noted >= 10 })
	for _, q := range r.slack.Requests() {
		if q.Method == "conversations.history" {
			t.Fatal("the channels were read though Slack calls")
		}
	}
}

// What was said before the account was set up is none of ours.
func TestTheFirstConnectionReadsNoHistory(t *testing.T) {
	r := open(t, quick, nil)
	r.slack.Hold()
	r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "long ago"})
	r.slack.Drop()
	r.stream(t)
	r.src.until(t, "noted", func() bool { return r.src.cursors["alive"] != "" })
	r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "now"})
	r.settled(t)
	if diff := cmp.Diff([]string{"now"}, r.src.texts()); diff != "" {
		t.Error(diff)
	}
}

// As long as the outage was not read to its end, it counts as not read.
func TestAnOutageIsReadAgainAfterAFailure(t *testing.T) {
	r := open(t, quick, nil)
	r.slack.Hold()
	r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "missed"})
	r.slack.Drop()
	before := strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)
	r.src.cursors["alive"] = before
	r.slack.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "conversations.history", Status: 500})
	ctx, cancel := context.WithCancel(within(t))
	go func() { // ends it before the next try, minutes later
		for r.slack.Faults.Struck()[fault.Refuse] == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if err := r.Stream(ctx, r.src); err == nil {
		t.Error("the stream ended without a reason")
	}
	if got := r.src.cursors["alive"]; got != before {
		t.Fatalf("the outage counts as read: %s", got)
	}
	r.stream(t)
	r.src.until(t, "read", func() bool { return len(r.src.messages) == 1 })
}

var (
	_ channel.Streamer = (*slack.Slack)(nil)
	_ channel.Peeker   = (*slack.Slack)(nil)
)
