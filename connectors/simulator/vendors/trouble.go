package vendors

import (
	"net/http"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
)

// Trouble is a way in which a vendor, or the network, fails for a moment.
type Trouble string

// The troubles. The first three befall the next answer that the daemon sends,
// the others what customers write next.
const (
	// Throttle: the vendor refuses it and wants to be asked a second later.
	Throttle Trouble = "throttle"
	// Fail: the vendor fails, in a way that leaves open whether it was taken.
	// It was not.
	Fail Trouble = "fail"
	// Lose: the vendor takes it, and its acknowledgement is lost.
	Lose Trouble = "lose"
	// Repeat: the vendor brings it twice.
	Repeat Trouble = "repeat"
	// Deaf: the vendor does not hear that the daemon has taken it.
	Deaf Trouble = "deaf"
	// Shuffle: the vendor brings it in another order.
	Shuffle Trouble = "shuffle"
)

// held is how long a vendor keeps back what it is to bring in another order.
const held = 300 * time.Millisecond

// overHTTP are the troubles of answers that are requests of a path. refusal is
// the body of a 429.
func overHTTP(q *fault.Queue, path, refusal string) map[Trouble]func() {
	return map[Trouble]func(){
		Throttle: func() {
			q.Add(fault.Fault{Path: path, Kind: fault.Refuse, Status: http.StatusTooManyRequests, RetryAfter: time.Second, Body: refusal})
		},
		Fail: func() { q.Add(fault.Fault{Path: path, Kind: fault.Refuse, Status: http.StatusBadGateway}) },
		Lose: func() { q.Add(fault.Fault{Path: path, Kind: fault.Lose}) },
	}
}

// holder is a vendor who can keep back what it brings.
type holder interface {
	Hold()
	Release(reverse bool)
}

// backwards brings what customers write within a moment the last one first.
func backwards(h holder) func() {
	return func() {
		h.Hold()
		time.Sleep(held)
		h.Release(true)
	}
}
