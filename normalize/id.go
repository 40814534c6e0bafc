package normalize

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"
)

// ID names a stored thing: a customer, a message, a part, a job. IDs of one
// process strictly increase, even when the clock steps back, and IDs of
// several processes are ordered by their time of creation to within clock
// skew. The low 11 bits are drawn once per process, so that two nodes hardly
// ever meet; a store refuses the second of two equal ones and the caller tries
// again. Users see an ID as an opaque string of 13 letters and digits, whose
// lexical order is the order of creation. The zero ID names nothing.
type ID int64

const (
	idNodeBits = 11
	idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz" // Crockford's base 32
	idLength   = 13
)

var (
	idNode = rand.Int64N(1 << idNodeBits)
	idLast atomic.Int64
)

// NewID returns an ID for something that is created at now.
func NewID(now time.Time) ID {
	micros := now.UnixMicro()
	for {
		last := idLast.Load()
		next := max(micros, last+1)
		if idLast.CompareAndSwap(last, next) {
			return ID(next<<idNodeBits | idNode)
		}
	}
}

// FirstID returns the smallest ID of time t, for range scans over time.
func FirstID(t time.Time) ID { return ID(t.UnixMicro() << idNodeBits) }

// Time returns when the ID was made, to within the correction that NewID
// applies for a clock that stepped back.
func (id ID) Time() time.Time { return time.UnixMicro(int64(id) >> idNodeBits).UTC() }

func (id ID) String() string {
	if id == 0 {
		return ""
	}
	var b [idLength]byte
	u := uint64(id)
	for i := idLength - 1; i >= 0; i-- {
		b[i] = idAlphabet[u&31]
		u >>= 5
	}
	return string(b[:])
}

// ErrBadID is returned by ParseID for a string that String never returns.
var ErrBadID = errors.New("not an id: ids have 13 letters and digits, as shown by the listing commands")

// ParseID is the inverse of String. The empty string is the zero ID.
func ParseID(s string) (ID, error) {
	if s == "" {
		return 0, nil
	}
	if len(s) != idLength {
		return 0, ErrBadID
	}
	var u uint64
	for i := range idLength {
		d := strings.IndexByte(idAlphabet, s[i])
		if d < 0 {
			return 0, ErrBadID
		}
		u = u<<5 | uint64(d)
	}
	if s[0] > '7' || int64(u) <= 0 {
		return 0, ErrBadID
	}
	return ID(u), nil
}

// MarshalText writes the string form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the string form.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}
