package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

const (
	// stall is how long a body may stand still.
	stall = 15 * time.Second
	// firstChunk is what a body gets of the budget before a byte of it came.
	firstChunk = 16 << 10
)

// Errors of reading a body, beside those of the connection.
var (
	errTooLarge = errors.New("too large")
	errBusy     = errors.New("too much is under way")
)

// budget is the memory that bodies may take together, in bytes. Each pays for
// what has arrived of it, so that a client who announces much and sends little
// takes nothing from the others.
type budget struct {
	left atomic.Int64
}

func newBudget(n int64) *budget {
	b := &budget{}
	b.left.Store(n)
	return b
}

func (b *budget) take(n int64) bool {
	if b.left.Add(-n) >= 0 {
		return true
	}
	b.left.Add(n)
	return false
}

func (b *budget) give(n int64) { b.left.Add(n) }

// readBody reads a body of at most limit bytes within total, and cuts a client
// who stalls. The caller gives cost back when the body is done with, also
// after an error.
func readBody(w http.ResponseWriter, r *http.Request, b *budget, limit int64, total time.Duration) (body []byte, cost int64, err error) {
	if r.ContentLength > limit {
		return nil, 0, errTooLarge
	}
	if !b.take(firstChunk) {
		return nil, 0, errBusy
	}
	cost = firstChunk
	if r.Body == nil || r.Body == http.NoBody {
		return nil, cost, nil
	}
	src := patient(w, r.Body, total)
	defer src.done()
	// One byte more than announced, so that the end is seen without growing.
	buf := make([]byte, 0, min(max(r.ContentLength+1, 512), firstChunk))
	for {
		n, err := src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, cost, errTooLarge
		}
		if errors.Is(err, io.EOF) {
			return buf, cost, nil
		}
		if err != nil {
			return nil, cost, err
		}
		if len(buf) < cap(buf) {
			continue
		}
		// One byte over the limit is read at most, to see that it is over.
		grown := min(2*int64(cap(buf)), limit+1)
		if !b.take(grown) { // both stand in memory while one is copied
			return nil, cost, errBusy
		}
		bigger := make([]byte, len(buf), grown)
		copy(bigger, buf)
		b.give(cost)
		buf, cost = bigger, grown
	}
}

// patience reads a body as long as it keeps coming, and no longer than total.
type patience struct {
	io.Reader
	control *http.ResponseController
	end     time.Time
	ended   bool
}

func patient(w http.ResponseWriter, body io.Reader, total time.Duration) *patience {
	return &patience{Reader: body, control: http.NewResponseController(w), end: time.Now().Add(total)}
}

func (p *patience) Read(b []byte) (int, error) {
	until := time.Now().Add(stall)
	if until.After(p.end) {
		until = p.end
	}
	// Not all writers have deadlines; those of real connections do.
	_ = p.control.SetReadDeadline(until)
	n, err := p.Reader.Read(b)
	p.ended = p.ended || errors.Is(err, io.EOF)
	return n, err
}

// done takes the deadline off a body that was read to its end: it would
// otherwise end the handler's context. On one that was not it stays, since
// net/http reads on after the handler.
func (p *patience) done() {
	if p.ended {
		_ = p.control.SetReadDeadline(time.Time{})
	}
}

// bodyProblem answers for an error of reading a body.
func bodyProblem(err error, limit int64) *Problem {
	switch {
	case errors.Is(err, errTooLarge):
		return problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("at most %d bytes are taken", limit))
	case errors.Is(err, errBusy):
		return unavailable("too many requests are under way; try again")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem(http.StatusRequestTimeout, "the body came too slowly")
	}
	return problem(http.StatusBadRequest, "the body ended early")
}
