package kit

import (
	"slices"
	"testing"
	"time"
)

// A list changes while it is read: everything is seen at least once, and
// what is settled once only.
func TestSinceMissesNothing(t *testing.T) {
	const perPage, lag, step = 3, 10 * time.Second, time.Second
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	changed := map[int]time.Time{}
	for n := range 20 {
		changed[n] = start.Add(time.Duration(min(n/2, 6)) * time.Minute) // eight of them at once
	}
	now := start.Add(time.Hour)
	seen := map[int]time.Time{} // when each was seen last
	look := func(at Since) (next Since, named int) {
		for range 50 {
			var list []int
			for n, c := range changed {
				if !c.Before(at.At) {
					list = append(list, n)
				}
			}
			slices.SortFunc(list, func(a, b int) int {
				if c := changed[a].Compare(changed[b]); c != 0 {
					return c
				}
				return a - b
			})
			from := min((at.Page-1)*perPage, len(list))
			page := list[from:min(from+perPage, len(list))]
			var last time.Time
			for _, n := range page {
				seen[n], last = changed[n], changed[n]
				named++
			}
			more := len(page) == perPage
			at = at.Next(last, more, now, lag, step)
			if named == 2*perPage { // one that was seen moves to the end meanwhile
				changed[0] = now
			}
			again, err := ParseSince(at.String())
			if err != nil || again != at {
				t.Fatalf("%v is read as %v, %v", at, again, err)
			}
			if !more {
				return at, named
			}
		}
		t.Fatal("it has no end")
		return at, named
	}
	at, _ := look(Since{At: start, Page: 1})
	for n, c := range changed {
		if !seen[n].Equal(c) {
			t.Errorf("%d was seen at %v, and changed at %v", n, seen[n], c)
		}
	}
	// What is young is named again, since something may come before it.
	at, named := look(at)
	if named != 1 {
		t.Errorf("%d are named again, want the young one", named)
	}
	changed[19] = now.Add(-time.Second)
	now = now.Add(time.Minute)
	if at, _ = look(at); !seen[19].Equal(changed[19]) {
		t.Error("what came late was missed")
	}
	if at, named = look(at); named != 0 {
		t.Errorf("at %v, %d are named without a change", at, named)
	}
}

func TestSinceRefusesWhatItDidNotWrite(t *testing.T) {
	for _, s := range []string{"", "x", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z 0"} {
		if _, err := ParseSince(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}
