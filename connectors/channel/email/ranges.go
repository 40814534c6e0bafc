package email

import (
	"slices"
	"strconv"
	"strings"
)

// ranges are UIDs, as ascending spans that neither touch nor overlap.
type ranges []span

type span struct{ first, last uint32 }

// maxSpans bounds what is kept. A mailbox has as many spans as mails vanished
// before they were read, which are few.
const maxSpans = 500

// with returns r and uid. What is beyond maxSpans is forgotten at the lower
// end: everything there then counts as taken in. r itself is not changed.
func (r ranges) with(uid uint32) ranges {
	// i is the first span that ends at uid-1 or later.
	i, _ := slices.BinarySearchFunc(r, uid, func(s span, u uint32) int {
		if uint64(s.last)+1 < uint64(u) {
			return -1
		}
		return 1
	})
	out := slices.Clone(r)
	switch {
	case i == len(out) || uint64(uid)+1 < uint64(out[i].first):
		out = slices.Insert(out, i, span{uid, uid})
	case uid < out[i].first:
		out[i].first = uid
	case uid > out[i].last:
		out[i].last = uid
		if i+1 < len(out) && out[i+1].first == uid+1 {
			out[i].last = out[i+1].last
			out = slices.Delete(out, i+1, i+2)
		}
	}
	if n := len(out) - maxSpans; n > 0 {
		out = slices.Delete(out, 0, n)
		out[0].first = 1
	}
	return out
}

func (r ranges) has(uid uint32) bool {
	_, found := slices.BinarySearchFunc(r, uid, func(s span, u uint32) int {
		switch {
		case s.last < u:
			return -1
		case s.first > u:
			return 1
		}
		return 0
	})
	return found
}

// gaps are the spans up to last that r does not have.
func (r ranges) gaps(last uint32) (gaps []span) {
	next := uint64(1)
	for _, s := range append(slices.Clone(r), span{first: last}) {
		// The last round is for what lies above all spans.
		end := uint64(s.first)
		if s.last == 0 {
			end++
		}
		if end = min(end, uint64(last)+1); end > next {
			gaps = append(gaps, span{uint32(next), uint32(end - 1)})
		}
		next = max(next, uint64(s.last)+1)
	}
	return gaps
}

// String is the form of IMAP's own sets, "1:4711,4713".
func (r ranges) String() string {
	var b strings.Builder
	for i, s := range r {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(s.first), 10))
		if s.last != s.first {
			b.WriteString(":" + strconv.FormatUint(uint64(s.last), 10))
		}
	}
	return b.String()
}

// parseRanges reads what String wrote; ok is false for anything else.
func parseRanges(s string) (r ranges, ok bool) {
	before := uint64(0)
	for part := range strings.SplitSeq(s, ",") {
		first, last, two := strings.Cut(part, ":")
		if !two {
			last = first
		}
		a, err1 := strconv.ParseUint(first, 10, 32)
		b, err2 := strconv.ParseUint(last, 10, 32)
		if err1 != nil || err2 != nil || a == 0 || b < a || len(r) > 0 && a <= before+1 || len(r) == maxSpans {
			return nil, false
		}
		before = b
		r = append(r, span{uint32(a), uint32(b)})
	}
	return r, true
}
