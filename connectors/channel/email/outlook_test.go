package email

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

func TestOutlooksIndexTellsWhenAConversationBegan(t *testing.T) {
	for _, c := range []struct{ name, index, want string }{
		{"Exchange", "AQHWLRNo4NaOjvXU8EODe0ZotrA8Bw==", "2020-05-18T12:54:02Z"},
		{"Outlook", "AdxbHzp3jS9LbJoeQ/C3xdbn+AkaKw==", "2025-11-21T19:44:19Z"},
	} {
		index, err := base64.StdEncoding.DecodeString(c.index)
		if err != nil {
			t.Fatal(err)
		}
		if got := indexTime(index).UTC().Truncate(time.Second).Format(time.RFC3339); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// The delay loses its low bits, and more of them after 1.7 years.
func TestOutlooksIndexTellsTheDelayOfAnAnswer(t *testing.T) {
	for _, c := range []struct {
		delay, unit time.Duration
		long        bool
	}{
		{-time.Hour, 1 << 18 * fileTimeUnit, false},
		{0, 1 << 18 * fileTimeUnit, false},
		{3 * time.Hour, 1 << 18 * fileTimeUnit, false},
		{500 * 24 * time.Hour, 1 << 18 * fileTimeUnit, false},
		{3 * 365 * 24 * time.Hour, 1 << 23 * fileTimeUnit, true},
	} {
		got := answerDelay(c.delay)
		if long := got>>31 == 1; long != c.long {
			t.Errorf("%v: delta code %v", c.delay, long)
		}
		if d := max(c.delay, 0) - time.Duration(got&(1<<31-1))*c.unit; d < 0 || d >= c.unit {
			t.Errorf("%v: off by %v", c.delay, d)
		}
	}
}

func TestAnAnswerContinuesOutlooksIndex(t *testing.T) {
	m := &normalize.Message{ExternalID: "x@example.test", ReceivedAt: now}
	begun := now.Add(-time.Hour).UnixMicro()*10 + fileTimeOfUnix
	index := make([]byte, conversationIndex)
	for i := range 6 {
		index[i] = byte(begun >> (56 - 8*i))
	}
	id := indexID(index)
	for level := 1; level <= 3; level++ {
		if id = answerIndex(id, m); id == "" {
			t.Fatal("the index ends")
		}
		got, err := base64.StdEncoding.DecodeString(id)
		if err != nil || len(got) != conversationIndex+level*answerLevel || string(got[:conversationIndex]) != string(index) {
			t.Fatalf("answer %d: % x, %v", level, got, err)
		}
	}
	for name, odd := range map[string][]byte{
		"none": nil, "short": index[:21], "cut off": append(index[:22:22], 1, 2), "another version": make([]byte, 22),
		"endless": append(index[:22:22], make([]byte, answerLevel*maxAnswerLevels)...),
	} {
		if got := answerIndex(indexID(odd), m); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := answerIndex("no index", m); got != "" {
		t.Errorf("of words: %q", got)
	}
}
