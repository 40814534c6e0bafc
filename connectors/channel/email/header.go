package email

import (
	"bytes"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/normalize/text"
)

// Bounds on what a stranger may send. Programs that write mail stay far below.
const (
	maxHeaderBytes  = 256 << 10
	maxHeaderFields = 2000
	maxAllFields    = 20000 // of all parts together
	maxNesting      = 50
	maxParts        = 1000
	maxBoundary     = 200 // RFC 2046 allows 70
	maxParams       = 100
	maxAddresses    = 500
	maxReferences   = 100
)

// unreadable is an error of Decode: a short fixed name that is counted, and
// words for people.
type unreadable struct{ name, words string }

func (e *unreadable) Error() string { return e.name + ": " + e.words }

func refuse(name, format string, args ...any) error {
	return &unreadable{name, fmt.Sprintf(format, args...)}
}

// header is the fields of a mail or a part in their order, unfolded, their
// names in lower case and their values as raw as they came.
type header []field

type field struct{ name, value string }

func (h header) get(name string) string {
	for _, f := range h {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

func (h header) has(name string) bool {
	for _, f := range h {
		if f.name == name {
			return true
		}
	}
	return false
}

// all joins the values of a field that stands there several times, as lists of
// addresses sometimes do.
func (h header) all(name string) string {
	var v []string
	for _, f := range h {
		if f.name == name {
			v = append(v, f.value)
		}
	}
	return strings.Join(v, ", ")
}

// readHeader takes the header off the front of raw. A line that is no field is
// skipped, so that it costs itself and not the mail; where no empty line ends
// the header, the body begins there. With an error come the fields before the
// bound that was reached.
func readHeader(raw []byte) (h header, body []byte, err error) {
	unended := sync.OnceValue(func() bool {
		return !bytes.Contains(raw, []byte("\n\r\n")) && !bytes.Contains(raw, []byte("\n\n"))
	})
	h = make(header, 0, usualFields)
	var names strings.Builder // of all fields, each where the one before ends
	names.Grow(usualFields * len("content-type"))
	var name string
	var value []byte
	flush := func() {
		if name != "" {
			h = append(h, field{name, string(value)})
			name = ""
		}
	}
	for rest := raw; ; {
		line, next, _ := bytes.Cut(rest, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			flush()
			return h, next, nil
		}
		if len(raw)-len(next) > maxHeaderBytes {
			return h, nil, refuse("header_too_large", "a header is larger than %d bytes", maxHeaderBytes)
		}
		if line[0] == ' ' || line[0] == '\t' {
			value = append(append(value, ' '), bytes.TrimSpace(line)...)
		} else if before, after, ok := bytes.Cut(line, []byte(":")); ok && fieldName(bytes.TrimRight(before, " \t")) {
			flush()
			if len(h) == maxHeaderFields {
				return h, nil, refuse("too_many_headers", "a header has more than %d fields", maxHeaderFields)
			}
			name = appendLower(&names, bytes.TrimRight(before, " \t"))
			value = append(value[:0], bytes.TrimSpace(after)...)
		} else if unended() {
			flush()
			return h, rest, nil
		}
		if next == nil {
			flush()
			return h, nil, nil
		}
		rest = next
	}
}

// usualFields are as many as many mails have.
const usualFields = 12

// appendLower appends b, which is ASCII, in lower case and returns that.
func appendLower(out *strings.Builder, b []byte) string {
	begin := out.Len()
	for _, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		out.WriteByte(c)
	}
	return out.String()[begin:]
}

func fieldName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(b) > 0
}

// cutAny cuts before the first of the stop characters.
func cutAny(s, stops string) (before, after string) {
	if i := strings.IndexAny(s, stops); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// maxMessageID bounds an id in a References or In-Reply-To field, in characters.
const maxMessageID = 900

// messageIDs returns the ids in a References or In-Reply-To field: what stands
// between angle brackets without white space.
func messageIDs(v string) []string {
	var ids []string
	for {
		_, after, ok := strings.Cut(v, "<")
		if !ok {
			return ids
		}
		v = after
		end := strings.IndexAny(v, "<> \t\n\f\r")
		if end < 1 || v[end] != '>' || utf8.RuneCountInString(v[:end]) > maxMessageID {
			continue
		}
		if id := text.CleanLine(v[:end]); id != "" {
			ids = append(ids, id)
		}
		v = v[end+1:]
	}
}

var comment = regexp.MustCompile(`\([^()]*\)`)

// parseDate reads a Date field; the zero time where it says nothing sensible.
func parseDate(v string) time.Time {
	if strings.Contains(v, "(") {
		v = comment.ReplaceAllString(v, "")
	}
	v = strings.TrimSpace(v)
	// Nearly all are written so, which the library finds out last.
	t, err := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", v)
	if err != nil {
		t, err = mail.ParseDate(v)
	}
	for _, layout := range []string{time.RFC3339, "Mon, 2 Jan 2006 15:04:05", "2006-01-02 15:04:05", time.ANSIC} {
		if err == nil {
			break
		}
		t, err = time.Parse(layout, v)
	}
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
