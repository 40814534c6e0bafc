// Package fault lets a simulated vendor misbehave: an http.Handler is wrapped
// and faults are put into a queue, each of which strikes so many requests of a
// path.
package fault

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Kind is a way to misbehave.
type Kind string

// The kinds, with the fields that each one heeds beside Path and Times.
const (
	// Refuse answers with Status, RetryAfter and Body in the vendor's place.
	// Nothing is taken.
	Refuse Kind = "refuse"
	// Cut closes the connection before the request is handled. Nothing is
	// taken.
	Cut Kind = "cut"
	// Lose lets the vendor take the request and closes the connection before
	// the answer.
	Lose Kind = "lose"
	// Late handles the request after Delay.
	Late Kind = "late"
	// Hang lets the vendor take the request and then says nothing until the
	// client goes.
	Hang Kind = "hang"
	// Twice handles the request two times and gives the second answer.
	Twice Kind = "twice"
	// SlowBody gives the answer's body in four pieces, Delay before each.
	SlowBody Kind = "slow body"
)

// Fault is one fault.
type Fault struct {
	Kind Kind
	// Path is a part of the path of the requests that it strikes; empty for
	// all.
	Path string
	// Times is how many requests it strikes; 0 is 1, negative is all.
	Times int

	Status     int // 500 where 0
	RetryAfter time.Duration
	Body       string
	Delay      time.Duration
}

// Queue holds the faults to come. The zero value is ready.
type Queue struct {
	mu     sync.Mutex
	faults []*Fault
	struck map[Kind]int
}

// Add puts faults into the queue. The first one that fits a request strikes.
func (q *Queue) Add(faults ...Fault) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		q.faults = append(q.faults, &f)
	}
}

// AddOnce is Add unless a fault of the same kind and path is still to strike:
// for faults that come again and again, of which requests that pause after
// each would else meet more and more in a row.
func (q *Queue) AddOnce(f Fault) {
	q.mu.Lock()
	waits := slices.ContainsFunc(q.faults, func(w *Fault) bool { return w.Kind == f.Kind && w.Path == f.Path })
	q.mu.Unlock()
	if !waits {
		q.Add(f)
	}
}

// Clear removes all faults that are still to come.
func (q *Queue) Clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.faults = nil
}

// Struck returns how many requests each kind has struck.
func (q *Queue) Struck() map[Kind]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return maps.Clone(q.struck)
}

// take returns the fault that strikes a request, nil for none.
func (q *Queue) take(path string) *Fault {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, f := range q.faults {
		if !strings.Contains(path, f.Path) {
			continue
		}
		if f.Times--; f.Times == 0 {
			q.faults = append(q.faults[:i:i], q.faults[i+1:]...)
		}
		if q.struck == nil {
			q.struck = map[Kind]int{}
		}
		q.struck[f.Kind]++
		hit := *f
		return &hit
	}
	return nil
}

// Wrap returns a handler that does what h does, but for the faults.
func (q *Queue) Wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := q.take(r.URL.Path)
		if f == nil {
			h.ServeHTTP(w, r)
			return
		}
		switch f.Kind {
		case Refuse:
			f.refuse(w)
		case Cut:
			panic(http.ErrAbortHandler)
		case Lose:
			h.ServeHTTP(newAnswer(), r)
			panic(http.ErrAbortHandler)
		case Hang:
			h.ServeHTTP(newAnswer(), r)
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		case Late:
			if pause(r.Context(), f.Delay) {
				h.ServeHTTP(w, r)
			}
		case Twice:
			twice(w, r, h)
		case SlowBody:
			f.drip(w, r, h)
		}
	})
}

func (f *Fault) refuse(w http.ResponseWriter) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
	}
	status := f.Status
	if status == 0 {
		status = http.StatusInternalServerError
	}
	if strings.HasPrefix(f.Body, "{") {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, f.Body)
}

func twice(w http.ResponseWriter, r *http.Request, h http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	again := r.Clone(r.Context())
	again.Body, r.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	h.ServeHTTP(newAnswer(), r)
	h.ServeHTTP(w, again)
}

func (f *Fault) drip(w http.ResponseWriter, r *http.Request, h http.Handler) {
	a := newAnswer()
	h.ServeHTTP(a, r)
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	body := a.body.Bytes()
	for piece := range 4 {
		if !pause(r.Context(), f.Delay) {
			return
		}
		from, to := len(body)*piece/4, len(body)*(piece+1)/4
		if _, err := w.Write(body[from:to]); err != nil {
			return
		}
		if flush, ok := w.(http.Flusher); ok {
			flush.Flush()
		}
	}
}

// pause waits for d and reports whether the client is still there.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// answer is one that the client gets in another way than it was written, or
// not at all.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: http.Header{}, status: http.StatusOK} }

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
