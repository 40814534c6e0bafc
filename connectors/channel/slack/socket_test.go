package slack_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/slack"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/normalize"
)

// quick lets Slack lose patience soon.
var quick = simulator.Options{AckWithin: 200 * time.Millisecond, Retries: slices.Repeat([]time.Duration{20 * time.Millisecond}, 20)}

// patient never loses it within a test.
var patient = simulator.Options{AckWithin: 9 * time.Second}

func TestWhatCustomersSayArrivesOnceAndInOrder(t *testing.T) {
	r := open(t, quick, nil)
	r.stream(t)
	r.slack.Twice(5)
	r.slack.Deaf(5)
	var want []string
	root := r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "root"})
	want = append(want, "root")
	r.settled(t)
	for i := range 30 {
		words := fmt.Sprintf("message %d", i)
		r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: words, Thread: root})
		want = append(want, words)
		r.settled(t)
	}
	got := r.src.texts()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	key := shared + ":" + root
	for _, m := range r.src.messages {
		if m.Thread.Key != key || m.Address.Value != "T07ACME:U07MARIE" {
			t.Errorf("%q stands in %q, from %v", m.Text, m.Thread.Key, m.Address)
		}
	}
	if c := r.slack.Counts(); c.GivenUp > 0 || c.Deliveries <= c.Events {
		t.Errorf("Slack says %+v; faults were asked for", c)
	}
}

// Nothing is acknowledged before it is stored.
func TestAStoreThatFailsLosesNothing(t *testing.T) {
	r := open(t, quick, nil)
	r.src.failures = 1
	ended := r.stream(t)
	r.slack.Say(simulator.Post{User: marie.ID, Text: "hello"})
	if err := <-ended; !errors.Is(err, errStore) {
		t.Fatalf("the stream ended with %v", err)
	}
	if c := r.slack.Counts(); c.Acknowledged > 0 {
		t.Error("it was acknowledged though it was not stored")
	}
	r.stream(t)
	r.settled(t)
	if got := r.src.texts(); !slices.Equal(got, []string{"hello"}) {
		t.Errorf("got %q", got)
	}
	r.src.mu.Lock()
	defer r.src.mu.Unlock()
	if last := r.src.inputs[len(r.src.inputs)-1]; last.Meta["retry"] != "1 timeout" || !strings.HasPrefix(last.Key, "Ev") {
		t.Errorf("the input says %v, key %q", last.Meta, last.Key)
	}
}

func TestWhatCannotBeReadIsStoredAndAcknowledged(t *testing.T) {
	for name, frame := range map[string]string{
		"no JSON":               `{"envelope_id":"bad-1","type":"events_api","payload":{"event":`,
		"no payload":            `{"envelope_id":"bad-1","type":"events_api"}`,
		"payload of no object":  `{"envelope_id":"bad-1","type":"events_api","payload":[1]}`,
		"attempt of no number":  `{"envelope_id":"bad-1","type":"events_api","retry_attempt":"many","payload":{}}`,
		"larger than all sense": `{"envelope_id":"bad-1","type":"events_api","payload":{"text":"` + strings.Repeat("x", 5<<20) + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, patient, nil)
			r.stream(t)
			if !r.slack.Frame(within(t), "bad-1", []byte(frame)) {
				t.Error("not acknowledged")
			}
			r.slack.Say(simulator.Post{User: marie.ID, Text: "after"})
			r.settled(t)
			r.src.mu.Lock()
			defer r.src.mu.Unlock()
			if in := r.src.inputs[0]; in.Refused == "" || in.Key != "envelope/bad-1" || len(in.Raw) == 0 || len(in.Raw) > 2<<20 {
				t.Errorf("key %q, refused %q, %d bytes", in.Key, in.Refused, len(in.Raw))
			}
			if len(r.src.messages) != 1 {
				t.Errorf("%d messages after it", len(r.src.messages))
			}
		})
	}
}

func TestCommandsAndButtonsAreAcknowledged(t *testing.T) {
	r := open(t, patient, nil)
	r.stream(t)
	r.slack.Command(marie.ID, "/weather")
	r.slack.Click(marie.ID)
	r.slack.Emit(map[string]any{"type": "a_new_event", "channel": map[string]any{"id": shared}})
	r.settled(t)
	if c := r.slack.Counts(); c.Acknowledged != 3 || c.GivenUp != 0 {
		t.Errorf("Slack says %+v", c)
	}
	var reasons []string
	for _, item := range r.src.others {
		reasons = append(reasons, item.(*normalize.Ignored).Reason)
	}
	slices.Sort(reasons)
	if !slices.Equal(reasons, []string{"interactive", "slash_command", "unknown_event"}) {
		t.Errorf("ignored for %q", reasons)
	}
}

// Slack ends connections every few hours, and says so before.
func TestANewConnectionWhenSlackAsksForOne(t *testing.T) {
	r := open(t, quick, nil)
	ended := r.stream(t)
	r.connected(t)
	r.slack.Say(simulator.Post{User: marie.ID, Text: "before"})
	r.settled(t)
	r.slack.Disconnect("refresh_requested")
	// So soon after the first one it waits for the daemon's back-off.
	if err := <-ended; connectors.Classify(err).Class != connectors.Transient {
		t.Fatalf("the stream ended with %v", err)
	}
	r.stream(t)
	r.slack.Say(simulator.Post{User: marie.ID, Text: "after"})
	r.settled(t)
	if got := r.src.texts(); !slices.Equal(got, []string{"before", "after"}) {
		t.Errorf("got %q", got)
	}
}

func TestAConnectionThatBreaksIsTransient(t *testing.T) {
	r := open(t, quick, nil)
	ended := r.stream(t)
	r.connected(t)
	r.slack.Cut()
	if e := connectors.Classify(<-ended); e.Class != connectors.Transient || strings.Contains(e.Error(), "ticket") {
		t.Errorf("%v", e)
	}
}

func TestTheAccountGoesDown(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*rig)
		code string
	}{
		"tokens revoked":      {func(r *rig) { r.slack.Revoke() }, "token_revoked"},
		"Socket Mode was off": {func(r *rig) { r.slack.Disconnect("link_disabled") }, "link_disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, quick, nil)
			ended := r.stream(t)
			r.connected(t)
			c.do(r)
			e := connectors.Classify(<-ended)
			if e.Class != connectors.AccountDown || e.Code != c.code {
				t.Errorf("%v", e)
			}
			if strings.Contains(e.Error(), "xoxb") || strings.Contains(e.Error(), "xapp") {
				t.Error("the error shows a token")
			}
		})
	}
	t.Run("wrong app token", func(t *testing.T) {
		r := open(t, quick, func(c *slack.Config) { c.AppToken = "xapp-wrong" })
		if e := connectors.Classify(<-r.stream(t)); e.Class != connectors.AccountDown || !strings.Contains(e.Detail, "app_token") {
			t.Errorf("%v", e)
		}
		if _, err := r.Probe(t.Context()); connectors.Classify(err).Class != connectors.AccountDown {
			t.Errorf("the probe says %v", err)
		}
	})
}

func TestEditsDeletesAndReactionsOfACustomer(t *testing.T) {
	r := open(t, patient, nil)
	r.stream(t)
	ts := r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "one"})
	r.settled(t)
	r.slack.Edit(shared, ts, "two")
	r.settled(t)
	r.slack.React(shared, ts, marie.ID, "tada", false)
	r.settled(t)
	r.slack.React(shared, ts, marie.ID, "tada", true)
	r.settled(t)
	r.slack.Delete(shared, ts)
	r.settled(t)
	id := shared + ":" + ts
	var got []string
	for _, item := range r.src.others {
		switch it := item.(type) {
		case *normalize.Edit:
			got = append(got, "edit "+it.Target+" "+it.Text)
		case *normalize.Reaction:
			got = append(got, fmt.Sprint("reaction ", it.Target, " ", it.Emoji, it.From.Value, it.Removed))
		case *normalize.Delete:
			got = append(got, "delete "+it.Target)
		}
	}
	want := []string{
		"edit " + id + " two", "reaction " + id + " 🎉T07ACME:U07MARIEfalse", "reaction " + id + " 🎉T07ACME:U07MARIEtrue", "delete " + id,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
