package kit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Since is a place in a product's list of things in the order of their latest
// change, oldest first, asked for in pages from a time on. While it is read,
// things that change move to the end of the list: so it goes on from the time
// of the last one that was seen, and by pages only through what changed all at
// once. Of that, one may be missed if another changes again at that moment.
type Since struct {
	At   time.Time
	Page int // from 1
}

// ParseSince reads what String wrote.
func ParseSince(s string) (Since, error) {
	at, page, _ := strings.Cut(s, " ")
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return Since{}, fmt.Errorf("not a cursor: %w", err)
	}
	n, err := strconv.Atoi(page)
	if err != nil || n < 1 {
		return Since{}, fmt.Errorf("not a cursor: page %q", page)
	}
	return Since{At: t, Page: n}, nil
}

func (s Since) String() string {
	return s.At.UTC().Format(time.RFC3339Nano) + " " + strconv.Itoa(s.Page)
}

// Next returns where to go on after a page whose last thing was changed at
// last, zero for an empty page; more says that it was full. A change shows some
// time after its own time, so the place stays lag behind now, the product's
// time; what is younger is named again. step is what the product's times are
// counted in.
func (s Since) Next(last time.Time, more bool, now time.Time, lag, step time.Duration) Since {
	if last.IsZero() {
		if s.Page == 1 {
			return s
		}
		last = s.At // of the pages before
	}
	switch {
	case more && last.After(s.At):
		return Since{At: last, Page: 1}
	case more:
		return Since{At: s.At, Page: s.Page + 1}
	}
	at := last.Add(step)
	if settled := now.Add(-lag).Truncate(step); settled.Before(at) {
		at = settled
	}
	return Since{At: at, Page: 1}
}
