package rt

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestCursorOverABurst: a cursor always gets on, forgets nothing that may still
// come late, and stays short.
func TestCursorOverABurst(t *testing.T) {
	now := time.Now()
	var list []transaction
	for n := range 3000 {
		x := transaction{ID: strconv.Itoa(n + 1), Created: now}
		if n < 500 {
			x.Created = now.Add(-2 * settling)
		}
		list = append(list, x)
	}
	c := cursor{}.next(list[:700], now)
	if c.After != 500 || len(c.Seen) != 200 || !c.saw(&list[699]) || c.saw(&list[700]) {
		t.Errorf("after 500 old and 200 new ones: %d and %d seen", c.After, len(c.Seen))
	}
	if again := c.next(list[500:700], now); again.After != c.After || !slices.Equal(again.Seen, c.Seen) {
		t.Errorf("the same list moved it from %v to %v", c, again)
	}
	late := c.next(list[500:700], now.Add(2*settling))
	if late.After != 700 || len(late.Seen) != 0 {
		t.Errorf("when they have settled: %v", late)
	}
	c = c.next(list[500:], now)
	if c.After != 2000 || len(c.Seen) != maxSeen {
		t.Errorf("after 2500 new ones: %d and %d seen", c.After, len(c.Seen))
	}
	back, err := parseCursor(c.String())
	if err != nil || back.After != c.After || !slices.Equal(back.Seen, c.Seen) {
		t.Errorf("read back as %v, %v", back, err)
	}
	for _, s := range []string{"x", "[]", `{"after":"1"}`} {
		if _, err := parseCursor(s); err == nil {
			t.Errorf("%q was taken for a cursor", s)
		}
	}
}

func TestTagsInSubjects(t *testing.T) {
	for _, s := range []string{"Where is my order?", "[desk.test #1] Where", "Re: [x] [y]", "", "a]b [c"} {
		if got := tagOf(subject(s, "m42")); got != "m42" {
			t.Errorf("the tag in %q is %q", subject(s, "m42"), got)
		}
	}
	for _, s := range []string{"Where", "[m42]", "Where [m 42]", "Where [m42] now", "Where []]"} {
		if got := tagOf(s); got != "" {
			t.Errorf("%q has the tag %q", s, got)
		}
	}
}
