package normalize_test

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/deskbridge/deskbridge/normalize"
)

func TestIDsIncreaseThoughTheClockStepsBack(t *testing.T) {
	now := time.Now()
	last := normalize.NewID(now)
	for i := range 10_000 {
		id := normalize.NewID(now.Add(-time.Duration(i) * time.Second))
		if id <= last {
			t.Fatalf("id %d after %d", id, last)
		}
		if id.String() <= last.String() {
			t.Fatalf("%s sorts before %s", id, last)
		}
		last = id
	}
}

func TestIDsAreUniqueOverGoroutines(t *testing.T) {
	const workers, each = 8, 2000
	ids := make([]normalize.ID, workers*each)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				ids[w*each+i] = normalize.NewID(time.Now())
			}
		})
	}
	wg.Wait()
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != workers*each {
		t.Fatalf("%d distinct ids of %d", n, workers*each)
	}
}

func TestIDReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(1, 4_000_000_000_000_000).Draw(t, "µs"))
		id := normalize.FirstID(at)
		back, err := normalize.ParseID(id.String())
		if err != nil || back != id {
			t.Fatalf("%d -> %q -> %d, %v", id, id, back, err)
		}
		if !id.Time().Equal(at) {
			t.Fatalf("time %v, want %v", id.Time(), at)
		}
	})
	for _, bad := range []string{"x", "0123456789abcd", "zzzzzzzzzzzzz", "0123456789ab!", "0000000000000"} {
		if id, err := normalize.ParseID(bad); err == nil {
			t.Errorf("ParseID(%q) = %d", bad, id)
		}
	}
}

func TestStatusNeverStepsDown(t *testing.T) {
	all := []normalize.Status{
		normalize.StatusQueued, normalize.StatusSending, normalize.StatusUncertain, normalize.StatusAccepted,
		normalize.StatusFailed, normalize.StatusDelivered, normalize.StatusRead,
	}
	rapid.Check(t, func(t *rapid.T) {
		reports := rapid.SliceOf(rapid.SampledFrom(all)).Draw(t, "reports")
		forward, backward := normalize.StatusQueued, normalize.StatusQueued
		for i := range reports {
			forward = normalize.Advance(forward, reports[i])
			backward = normalize.Advance(backward, reports[len(reports)-1-i])
		}
		if forward != backward {
			t.Fatalf("%v gives %s, in reverse %s", reports, forward, backward)
		}
	})
	for _, c := range []struct{ cur, next, want normalize.Status }{
		{normalize.StatusFailed, normalize.StatusAccepted, normalize.StatusFailed},
		{normalize.StatusDelivered, normalize.StatusAccepted, normalize.StatusDelivered},
		{normalize.StatusDelivered, normalize.StatusFailed, normalize.StatusDelivered},
		{normalize.StatusUncertain, normalize.StatusDelivered, normalize.StatusDelivered},
		{normalize.StatusAccepted, normalize.StatusFailed, normalize.StatusFailed},
	} {
		if got := normalize.Advance(c.cur, c.next); got != c.want {
			t.Errorf("Advance(%s, %s) = %s, want %s", c.cur, c.next, got, c.want)
		}
	}
}

// The public form of a message is part of the contract with helpdesks.
func TestMessageJSON(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	m := &normalize.Message{
		ID: normalize.FirstID(at), ConversationID: normalize.FirstID(at), Direction: normalize.Inbound,
		Customer: &normalize.Customer{ID: normalize.FirstID(at), Name: "张三", Addresses: []normalize.Address{normalize.Email("Zhang@Example.CN", "张三")}},
		Channel:  normalize.Account{Name: "support", Type: "email"}, Address: normalize.Email("Zhang@Example.CN", "张三"),
		ReceivedAt: at, Text: "hi", FullText: "hi", Fingerprint: "x",
		Parts: []normalize.Part{{Kind: normalize.PartText, Text: "hi", Status: normalize.StatusReceived}},
	}
	var got map[string]any
	b, err := json.Marshal(normalize.MessageEvent{Message: m})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"id", "conversation_id", "customer", "direction", "channel", "address", "external_id", "thread", "subject",
		"received_at", "text", "full_text", "html", "parts", "reply_window", "automated", "raw_available",
	} {
		if _, ok := got[key]; !ok {
			t.Errorf("%q is missing in %s", key, b)
		}
	}
	if got["address"].(map[string]any)["value"] != "zhang@example.cn" {
		t.Errorf("address %v", got["address"])
	}
	if got["reply_window"] != nil {
		t.Errorf("reply_window %v, want null", got["reply_window"])
	}
}
