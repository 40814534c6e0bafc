package connectortest

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

// vendor is one that is well, gives no answer, or cuts every connection.
type vendor struct {
	well  http.Handler
	mood  atomic.Int32
	asked chan struct{} // one for each request that it does not answer
}

const (
	moodWell = iota
	moodSilent
	moodCutting
)

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch v.mood.Load() {
	case moodWell:
		v.well.ServeHTTP(w, r)
		return
	case moodSilent:
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case v.asked <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	}
	panic(http.ErrAbortHandler)
}

// operations are all that a channel may be asked for beside Send.
func (s Suite) operations(t *testing.T, a *account, sent channel.Sent, ref string) map[string]func(ctx context.Context) error {
	t.Helper()
	ops := map[string]func(ctx context.Context) error{
		"Probe": func(ctx context.Context) error { _, err := a.Probe(ctx); return err },
	}
	if c, ok := a.Channel.(channel.Streamer); ok {
		ops["Stream"] = func(ctx context.Context) error { return c.Stream(ctx, reads{}) }
	}
	if c, ok := a.Channel.(channel.Poller); ok {
		ops["Poll"] = func(ctx context.Context) error { _, _, err := c.Poll(ctx, ""); return err }
	}
	if c, ok := a.Channel.(channel.Profiler); ok {
		ops["Profile"] = func(ctx context.Context) error { _, err := c.Profile(ctx, s.To); return err }
	}
	if c, ok := a.Channel.(channel.Typer); ok {
		ops["Typing"] = func(ctx context.Context) error { return c.Typing(ctx, s.Thread, s.To) }
	}
	if c, ok := a.Channel.(channel.Recaller); ok {
		ops["Recall"] = func(ctx context.Context) error { return c.Recall(ctx, s.text().Outbound, sent.ExternalID) }
	}
	if c, ok := a.Channel.(channel.Resolver); ok {
		ops["Resolve"] = func(ctx context.Context) error {
			o := s.text()
			o.Begun = time.Now()
			_, _, err := c.Resolve(ctx, o.Outbound)
			return err
		}
	}
	if c, ok := a.Channel.(channel.Fetcher); ok {
		ops["Fetch"] = func(ctx context.Context) error {
			f, err := c.Fetch(ctx, ref)
			if err == nil {
				_ = f.Body.Close()
			}
			return err
		}
	}
	return ops
}

// ref is how the fixtures refer to a medium; "" where none does.
func (s Suite) ref(t *testing.T, a *account) string {
	t.Helper()
	for _, f := range Fixtures(t) {
		items, _ := s.items(t, a, f)
		for _, item := range items {
			m, ok := item.(*normalize.Message)
			if !ok {
				continue
			}
			for _, p := range m.Parts {
				if p.Media != nil && p.Media.Ref != "" {
					return p.Media.Ref
				}
			}
		}
	}
	return ""
}

// asked: whatever the vendor is asked for, it ends within a second of its
// context, and soon where the vendor hangs up; no error shows a secret.
func (s Suite) asked(t *testing.T) {
	v := &vendor{well: s.vendor(t), asked: make(chan struct{}, 1)}
	a := s.open(t, v)
	sent, err := a.sender(t).Send(t.Context(), s.text().Outbound) // and has given us its tokens
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range s.operations(t, a, sent, s.ref(t, a)) {
		t.Run(name+" without an answer", func(t *testing.T) {
			v.mood.Store(moodSilent)
			select {
			case <-v.asked:
			default:
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- do(ctx) }()
			select {
			case <-v.asked:
			case err := <-done: // it asks nobody
				s.quiet(t, a, err)
				return
			case <-time.After(time.Minute):
				t.Error("it neither asks nor ends")
			}
			s.ends(t, a, cancel, done)
		})
		t.Run(name+" of a vendor that hangs up", func(t *testing.T) {
			v.mood.Store(moodCutting)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second) // a stream may try again by itself
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- do(ctx) }()
			select {
			case err := <-done:
				s.quiet(t, a, err)
			case <-ctx.Done():
				s.ends(t, a, cancel, done)
			}
		})
	}
}

// ends ends an operation and waits until it has ended.
func (s Suite) ends(t *testing.T, a *account, cancel context.CancelFunc, done <-chan error) {
	t.Helper()
	began := time.Now()
	cancel()
	select {
	case err := <-done:
		s.quiet(t, a, err)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it went on for %v after its context had ended", took)
		}
	case <-time.After(time.Minute):
		t.Fatal("it outlives its context")
	}
}

// quiet: an error shows no secret, wherever one looks.
func (s Suite) quiet(t *testing.T, a *account, err error) {
	t.Helper()
	for ; err != nil; err = unwrap(err) {
		a.hides(t, "the error", err.Error())
	}
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

// streams reads until the vendor has answered; a stream goes on while the
// vendor is well, and ends with its context.
func (s Suite) streams(t *testing.T, a *account, c channel.Streamer) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	src := reads{alive: make(chan struct{}, 1)}
	done := make(chan error, 1)
	go func() { done <- c.Stream(ctx, src) }()
	select {
	case <-src.alive:
		s.ends(t, a, cancel, done)
	case err := <-done:
		t.Errorf("the stream ended though the vendor is well: %v", err)
	case <-time.After(time.Minute):
		t.Error("the stream does not say that the vendor answers")
	}
}

// reads is a source whose batches nobody keeps. The zero value is ready.
type reads struct{ alive chan struct{} }

func (reads) Cursor(context.Context, string) (string, error) { return "", nil }
func (reads) Sink(context.Context, normalize.Batch) error    { return nil }
func (reads) Woken() <-chan struct{}                         { return nil }

func (r reads) Alive() {
	select {
	case r.alive <- struct{}{}:
	default:
	}
}
