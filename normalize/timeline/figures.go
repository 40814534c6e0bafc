package timeline

import "time"

// Traffic is what a channel took in from customers and sent to them in a
// stretch of time, in messages. Notes are not counted.
type Traffic struct {
	Channel string
	In, Out int
}

// Spread tells how long something took in a channel.
type Spread struct {
	Channel string
	Count   int
	// Median is reached by half of them, P90 by nine of ten.
	Median, P90 time.Duration
}

// Backlog is the open conversations of a channel whose customer has not been
// answered.
type Backlog struct {
	Channel string
	Count   int
	// Since is when the one that waits longest wrote last.
	Since time.Time
}
