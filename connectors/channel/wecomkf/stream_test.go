package wecomkf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
	"github.com/deskbridge/deskbridge/normalize"
)

func TestNewsArrivesAfterEachCall(t *testing.T) {
	r := newRig(t, wecom.Options{PageCap: 3, Untokened: time.Nanosecond}, nil)
	stop := r.stream()
	var want []string
	for i := range 20 {
		kfID := []string{kf1, kf2}[i%2]
		r.vendor.Write(kfID, someone, wecom.Text(fmt.Sprintf("line %02d", i)))
		want = append(want, fmt.Sprintf("inbound %s line %02d", kfID, i))
		if i == 10 {
			r.vendor.EmptyPages(3)
		}
	}
	r.vendor.WriteAsServicer(kf1, someone, "zhangsan", wecom.Text("looking"))
	want = append(want, "outbound "+kf1+" looking")
	slices.Sort(want)
	r.eventually("all lines are there", func() bool { return len(r.texts()) == len(want) })
	if diff := cmp.Diff(want, r.texts()); diff != "" {
		t.Error(diff)
	}
	r.eventually("it counts as alive", func() bool { return r.alive.Load() > 0 })
	if err := stop(); err == nil {
		t.Error("Stream ended without a reason")
	}

	// Another node goes on where this one was.
	r.stream()
	r.vendor.Write(kf1, someone, wecom.Text("after the restart"))
	r.eventually("the next line is there", func() bool { return len(r.texts()) > len(want) })
	if n := len(r.texts()); n != len(want)+1 {
		t.Errorf("%d messages, want %d: some came twice", n, len(want)+1)
	}
}

func TestNewsArrivesWithoutACall(t *testing.T) {
	// A call that never came is made up for by asking now and then.
	r := newRig(t, wecom.Options{Untokened: time.Millisecond}, func(c *Config) { c.PollInterval = 30 * time.Millisecond })
	r.vendor.Connect("")
	r.stream()
	r.vendor.Write(kf2, someone, wecom.Text("hello"))
	r.eventually("the message is there", func() bool { return len(r.texts()) == 1 })

	// One that another node took is found in the store.
	r = newRig(t, wecom.Options{}, func(c *Config) { c.PollInterval = time.Hour })
	r.woken = nil
	r.stream()
	r.eventually("the first pull is over", func() bool { return r.vendor.Requests("/cgi-bin/kf/sync_msg") == 2 })
	r.vendor.Write(kf2, someone, wecom.Text("hello"))
	r.eventually("the message is there", func() bool { return len(r.texts()) == 1 })
}

func TestTheTokenOfACallRunsOutOnTheWay(t *testing.T) {
	r := newRig(t, wecom.Options{PageCap: 2, Untokened: time.Nanosecond}, nil)
	for i := range 7 {
		r.vendor.Write(kf1, someone, wecom.Text(fmt.Sprint("line ", i)))
	}
	r.eventually("the calls have come", func() bool { c, _ := r.Cursor(t.Context(), tokenKey(kf1)); return c != "" })
	r.mu.Lock()
	r.onSink = func(b normalize.Batch) error {
		if len(b.Inputs) > 0 {
			r.vendor.ExpireCalls()
		}
		return nil
	}
	r.mu.Unlock()
	r.stream()
	r.eventually("all lines are there", func() bool { return len(r.texts()) == 7 })

	// An old token is not even tried: the stream after ten minutes.
	if got := newCallToken("T", r.clock.Now()).good(r.clock.Now().Add(10 * time.Minute)); got != "" {
		t.Errorf("a token of ten minutes ago is used: %q", got)
	}
}

func TestWhatIsNotCommittedIsReadAgain(t *testing.T) {
	r := newRig(t, wecom.Options{Untokened: time.Nanosecond}, func(c *Config) { c.Welcome = "Hello!" })
	full := errors.New("the disk is full")
	r.onSink = func(b normalize.Batch) error {
		if len(b.Inputs) > 0 {
			return full
		}
		return nil
	}
	r.vendor.Enter(kf1, someone)
	r.vendor.Write(kf1, someone, wecom.Text("hello"))
	if err := r.Stream(t.Context(), r); !errors.Is(err, full) {
		t.Fatalf("Stream returned %v", err)
	}
	if sent := r.vendor.Record(); len(sent) > 0 {
		t.Errorf("greeted for an event that was not committed: %+v", sent)
	}
	r.mu.Lock()
	r.onSink = nil
	r.mu.Unlock()
	r.stream()
	r.eventually("the message is there", func() bool { return len(r.texts()) == 2 })
}

func TestWeComRefusesToList(t *testing.T) {
	r := newRig(t, wecom.Options{Untokened: time.Nanosecond}, nil)
	r.vendor.Distrust(true)
	err := r.Stream(t.Context(), r)
	if e := connectors.Classify(err); e.Class != connectors.AccountDown || e.Code != "60020" {
		t.Errorf("from an address that is not trusted: %v", err)
	}
	r.vendor.Distrust(false)

	throttled := fault.Fault{Path: "sync_msg", Kind: fault.Refuse, Status: 200, Body: `{"errcode":45009,"errmsg":"api freq out of limit"}`}
	r.cursors[tokenKey(kf1)] = newCallToken("token of a call", r.clock.Now()).String()
	r.vendor.Faults.Add(throttled)
	err = r.Stream(t.Context(), r)
	if e := connectors.Classify(err); e.Class != connectors.Throttled || e.RetryAfter < 10*time.Second {
		t.Errorf("asked too often: %v, retry after %v", err, e.RetryAfter)
	}
	delete(r.cursors, tokenKey(kf1))

	// Who asks without a call has to wait; others go on with theirs.
	throttled.Times = 2 // both accounts
	r.vendor.Faults.Add(throttled)
	stop := r.stream()
	r.eventually("both have been refused", func() bool { return contains(r.log.String(), kf1) && contains(r.log.String(), kf2) })
	r.vendor.Write(kf2, someone, wecom.Text("at once"))
	r.eventually("the message is there", func() bool { return len(r.texts()) == 1 })
	if n := r.vendor.Requests("/cgi-bin/kf/sync_msg"); n != 1 {
		t.Errorf("WeCom was asked %d times besides, and wants a minute", n-1)
	}
	_ = stop()

	// A revoked token is renewed without anybody noticing.
	r.stream()
	r.vendor.RevokeAccess()
	r.vendor.Write(kf1, someone, wecom.Text("hello"))
	r.eventually("the message is there", func() bool { return len(r.texts()) == 2 })
}

func TestACursorThatWeComForgotCostsNoMessage(t *testing.T) {
	r := newRig(t, wecom.Options{Untokened: time.Nanosecond}, nil)
	r.cursors[syncKey(kf1)] = "of-another-life"
	r.vendor.Write(kf1, someone, wecom.Text("hello"))
	r.stream()
	r.eventually("the message is there", func() bool { return len(r.texts()) == 1 })

	// Without a token the next request comes too soon. After the wait that WeCom
	// asks for the cursor is not tried again, by whichever node it is then.
	r = newRig(t, wecom.Options{Untokened: time.Minute}, nil)
	r.vendor.Connect("")
	r.cursors[syncKey(kf1)] = "of-another-life"
	r.vendor.Write(kf1, someone, wecom.Text("hello"))
	stop := r.stream()
	r.eventually("two requests without a token", func() bool { return contains(r.log.String(), "45009") })
	_ = stop()
	r.clock.step(time.Minute)
	r.stream()
	r.eventually("the message is there", func() bool { return len(r.texts()) == 1 })

	// A call that came meanwhile has a token to go on with at once.
	r = newRig(t, wecom.Options{Untokened: time.Hour}, nil)
	r.vendor.Write(kf1, someone, wecom.Text("hello"))
	r.eventually("the call has come", func() bool { c, _ := r.Cursor(t.Context(), tokenKey(kf1)); return c != "" })
	latest := r.cursors[tokenKey(kf1)]
	r.cursors[syncKey(kf1)] = "of-another-life"
	delete(r.cursors, tokenKey(kf1))
	r.onSink = func(b normalize.Batch) error {
		r.cursors[tokenKey(kf1)] = latest
		return nil
	}
	r.stream()
	r.eventually("the message is there", func() bool { return len(r.texts()) == 1 })
}

func TestAnAccountThatIsGoneHoldsUpNoOther(t *testing.T) {
	r := newRig(t, wecom.Options{Untokened: time.Nanosecond}, func(c *Config) {
		c.OpenKfIDs, c.PollInterval = []string{"wkDeleted", kf1}, 20*time.Millisecond
	})
	r.stream()
	r.vendor.Write(kf1, someone, wecom.Text("hello"))
	r.eventually("the other account's message is there", func() bool { return len(r.texts()) == 1 })
	if r.alive.Load() > 0 {
		t.Error("it counts as alive though one account cannot be read")
	}
	if e := r.log.String(); !contains(e, "wkDeleted") || !contains(e, "95004") {
		t.Errorf("nothing tells which account is gone: %s", e)
	}
}

func TestPagesThatAreTooLargeAreReadInPieces(t *testing.T) {
	r := newRig(t, wecom.Options{Untokened: time.Nanosecond}, nil)
	r.perPage = 12
	huge := wecom.Content{Type: "merged_msg", Body: map[string]any{"title": strings.Repeat("x", 900_000)}}
	for range 10 {
		r.vendor.Write(kf1, someone, huge)
	}
	r.stream()
	r.eventually("all are there", func() bool { return r.taken() == 10 })
}

func TestShuffledAndRepeatedEntriesAreAllTakenIn(t *testing.T) {
	r := newRig(t, wecom.Options{}, nil)
	r.vendor.Shuffle(true)
	r.vendor.Write(kf1, someone, wecom.Text("one"))
	r.vendor.Relist(kf1)
	id := r.vendor.Write(kf1, someone, wecom.Text("two"))
	r.vendor.Recall(kf1, someone, id)
	r.stream()
	r.eventually("all are there", func() bool { return r.taken() == 4 })
	r.mu.Lock()
	defer r.mu.Unlock()
	deleted := 0
	for _, in := range r.inputs {
		item, err := r.Decode(in)
		if d, ok := item.(*normalize.Delete); ok && d.Target == id && err == nil {
			deleted++
		}
	}
	if deleted != 1 {
		t.Errorf("%d deletions of the recalled message, want 1", deleted)
	}
}

func TestTheConsoleCanVerifyTheAddress(t *testing.T) {
	r := newRig(t, wecom.Options{}, nil)
	if err := r.vendor.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	r = newRig(t, wecom.Options{}, func(c *Config) { c.Token = "another-token" })
	if err := r.vendor.Verify(t.Context()); err == nil {
		t.Error("verified with another token")
	}
}

// Whatever goes wrong on the way, each message is taken in, and no cursor
// steps over one.
func TestNothingIsLostThroughFaults(t *testing.T) {
	r := newRig(t, wecom.Options{PageCap: 7, Untokened: time.Nanosecond}, func(c *Config) { c.PollInterval = 50 * time.Millisecond })
	r.vendor.Shuffle(true)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { // as the daemon does, but for its patience
		defer close(done)
		for ctx.Err() == nil {
			_ = r.Stream(ctx, r)
		}
	}()
	defer func() { stop(); <-done }()
	var sinks atomic.Int32
	r.mu.Lock()
	r.onSink = func(b normalize.Batch) error {
		if len(b.Inputs) > 0 && sinks.Add(1)%5 == 0 {
			return errors.New("the store is busy")
		}
		return nil
	}
	r.mu.Unlock()
	want := map[string]bool{}
	for i := range 300 {
		want[r.vendor.Write([]string{kf1, kf2}[i%2], fmt.Sprint("wm", i%9), wecom.Text(fmt.Sprint(i)))] = true
		switch i % 60 {
		case 10:
			r.vendor.Faults.Add(fault.Fault{Path: "sync_msg", Kind: fault.Lose}, fault.Fault{Path: "sync_msg", Kind: fault.Cut})
		case 20:
			r.vendor.RevokeAccess()
		case 30:
			r.vendor.ExpireCalls()
			r.vendor.EmptyPages(2)
		case 40:
			r.vendor.Relist(kf1)
			r.vendor.Faults.Add(fault.Fault{Path: "sync_msg", Kind: fault.Refuse, Status: 502}, fault.Fault{Path: "sync_msg", Kind: fault.Twice})
		case 50:
			r.vendor.Faults.Add(
				fault.Fault{Path: "gettoken", Kind: fault.Refuse, Status: 200, Body: `{"errcode":-1,"errmsg":"system busy"}`},
				fault.Fault{Path: "sync_msg", Kind: fault.SlowBody, Delay: time.Millisecond},
			)
		}
	}
	r.eventually("all messages are there", func() bool {
		have := map[string]bool{}
		for _, m := range r.messages() {
			have[m.ExternalID] = true
		}
		return len(have) == len(want)
	})
	for _, m := range r.messages() {
		if !want[m.ExternalID] {
			t.Errorf("nobody wrote %s", m.ExternalID)
		}
	}
}
