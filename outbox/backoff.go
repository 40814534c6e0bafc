package outbox

import (
	"math/rand/v2"
	"time"
)

// Backoff is a growing pause with full jitter: before try n (from 0) one waits
// a random time below the ceiling Base * 2^n, which Cap bounds. Half of Base
// is always waited, so that a retry is never immediate.
type Backoff struct{ Base, Cap time.Duration }

// Ceiling returns the longest pause before try n.
func (b Backoff) Ceiling(n int) time.Duration {
	d := b.Base
	for range n {
		if d >= b.Cap/2 {
			return b.Cap
		}
		d *= 2
	}
	return min(d, b.Cap)
}

// Pause draws the pause before try n.
func (b Backoff) Pause(n int) time.Duration {
	floor, ceiling := b.Base/2, b.Ceiling(n)
	if ceiling <= floor {
		return ceiling
	}
	return floor + rand.N(ceiling-floor)
}
