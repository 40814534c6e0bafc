package email

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// segment is one written parameter: filename*1*=%E4%B8 is segment 1 of
// "filename", extended.
type segment struct {
	name     string
	index    int
	rfc2231  bool
	extended bool
	value    string
}

func newSegment(name, value string) segment {
	base, rest, star := strings.Cut(name, "*")
	s := segment{name: base, rfc2231: star, value: value}
	if !star {
		return s
	}
	if rest == "" { // filename*=utf-8''...
		s.extended = true
		return s
	}
	number, extended := strings.CutSuffix(rest, "*")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return segment{name: name, value: value}
	}
	s.index, s.extended = n, extended
	return s
}

// joinSegments puts the segments of each parameter together. A parameter that
// is there in both forms means the RFC 2231 one.
func joinSegments(segments []segment) map[string]string {
	params := make(map[string]string, len(segments))
	groups := map[string][]segment{} // of the RFC 2231 form
	for _, s := range segments {
		if s.rfc2231 {
			groups[s.name] = append(groups[s.name], s)
		} else if _, known := params[s.name]; !known {
			params[s.name] = decodeHeader(s.value)
		}
	}
	for name, g := range groups {
		slices.SortStableFunc(g, func(a, b segment) int { return cmp.Compare(a.index, b.index) })
		params[name] = joinExtended(g)
	}
	return params
}

// joinExtended decodes only after joining: a character may be split over two
// segments.
func joinExtended(g []segment) string {
	var b []byte
	var label string
	for i, s := range g {
		v := s.value
		if !s.extended {
			b = append(b, v...)
			continue
		}
		if f := strings.SplitN(v, "'", 3); i == 0 && len(f) == 3 {
			label, v = f[0], f[2]
		}
		b = append(b, unpercent(v)...)
	}
	if label == "" {
		// Some programs put RFC 2047 words where RFC 2231 forbids them.
		return decodeHeader(string(b))
	}
	return toUTF8(b, label)
}

func unpercent(s string) []byte {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return b
}
