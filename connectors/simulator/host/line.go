package host

import (
	"sync"
	"time"
)

// Line makes the calls to a webhook that keeps their order: each once more
// after every pause, until it is taken or the pauses are over.
type Line struct {
	host   *Host
	pauses []time.Duration

	mu    sync.Mutex
	calls []func() (taken bool)
	busy  bool
}

// Line returns an empty one.
func (h *Host) Line(pauses ...time.Duration) *Line { return &Line{host: h, pauses: pauses} }

// Add puts a call at the end.
func (l *Line) Add(call func() (taken bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call)
	if !l.busy {
		l.busy = true
		l.host.Go(l.work)
	}
}

// work makes calls as long as there are some.
func (l *Line) work() {
	for {
		l.mu.Lock()
		if len(l.calls) == 0 {
			l.busy = false
			l.mu.Unlock()
			return
		}
		call := l.calls[0]
		l.calls = l.calls[1:]
		l.mu.Unlock()
		taken := call()
		for _, pause := range l.pauses {
			if taken {
				break
			}
			if !l.host.Pause(pause) {
				return
			}
			taken = call()
		}
	}
}
