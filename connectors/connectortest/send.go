package connectortest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

var quiet = slog.New(slog.DiscardHandler)

// words is the text of messages in the tests; it must not stand in a log.
const words = "Your parcel has left, Ms. Li"

// outbound is one request, and begun tells whether it reached Begin.
type outbound struct {
	*channel.Outbound
	begun atomic.Int32
}

func (s Suite) outbound(p normalize.Part) *outbound {
	o := &outbound{}
	p.ID = normalize.NewID(time.Now())
	m := &normalize.Message{
		ID: normalize.NewID(time.Now()), Direction: normalize.Outbound, Channel: normalize.Account{Name: name, Type: s.Type},
		Address: s.To, Thread: s.Thread, Text: p.Text, Parts: []normalize.Part{p},
		ReplyWindow: &normalize.ReplyWindow{Until: time.Now().Add(time.Hour), Remaining: 3},
	}
	content := []byte("content")
	if p.Media != nil && p.Media.Data != nil {
		content = p.Media.Data
	}
	o.Outbound = &channel.Outbound{
		Key: p.ID.String(), Attempt: 1, Message: m, Parts: m.Parts, Recipients: []normalize.Address{s.To},
		Begin: func(context.Context) error { o.begun.Add(1); return nil },
		Known: func(context.Context, string) (bool, error) { return false, nil },
		Link:  func(m *normalize.Media) string { return publicURL + "/files/" + m.Name },
		Open: func(context.Context, *normalize.Media) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(content)), nil
		},
	}
	return o
}

func (s Suite) text() *outbound {
	return s.outbound(normalize.Part{Kind: normalize.PartText, Text: words})
}

// statuses: each documented refusal says what has to happen next.
func (s Suite) statuses(t *testing.T) {
	if len(s.Statuses) == 0 {
		t.Error("the suite lists no refusals of the vendor")
	}
	for _, c := range s.Statuses {
		t.Run(c.Name, func(t *testing.T) {
			a := s.open(t, s.intercept(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				maps.Copy(w.Header(), c.Header)
				if w.Header().Get("Content-Type") == "" {
					w.Header().Set("Content-Type", "application/json")
				}
				w.WriteHeader(c.Code)
				_, _ = io.WriteString(w, c.Body)
			}))
			o := s.text()
			_, err := a.sender(t).Send(t.Context(), o.Outbound)
			e := s.failed(t, a, o, err)
			if e == nil {
				return
			}
			if e.Class != c.Want {
				t.Errorf("class %s, want %s (%v)", e.Class, c.Want, e)
			}
			if c.WantCode != "" && e.Code != c.WantCode {
				t.Errorf("code %q, want %q", e.Code, c.WantCode)
			}
			if c.RetryAfter > 0 && e.RetryAfter != c.RetryAfter {
				t.Errorf("retry after %v, want %v", e.RetryAfter, c.RetryAfter)
			}
			if e.Detail == "" {
				t.Error("it says nothing in plain words")
			}
		})
	}
}

// failed checks what holds for every error of Send.
func (s Suite) failed(t *testing.T, a *account, o *outbound, err error) *connectors.Error {
	t.Helper()
	if err == nil {
		t.Error("sent, though the vendor refused")
		return nil
	}
	var e *connectors.Error
	if !errors.As(err, &e) {
		t.Errorf("%T is no *connectors.Error: %v", err, err)
		return nil
	}
	if n := o.begun.Load(); n > 1 {
		t.Errorf("Begin was called %d times", n)
	}
	a.hides(t, "the error", err.Error()+e.Detail+e.Code)
	for cause := error(e); cause != nil; cause = errors.Unwrap(cause) {
		a.hides(t, "the error's cause", cause.Error())
	}
	if strings.Contains(err.Error()+a.log.String(), words) {
		t.Error("the error or the log holds the text of the message")
	}
	return e
}

// intercept answers the one request that counts by fault, and all others as
// the vendor does.
func (s Suite) intercept(t testing.TB, fault http.HandlerFunc) http.Handler {
	well := s.vendor(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Sends(r) {
			fault(w, r)
			return
		}
		well.ServeHTTP(w, r)
	})
}

// faults: whatever happens on the way, what may have been taken is ambiguous
// and what was surely not taken is not, and nothing outlives its context.
func (s Suite) faults(t *testing.T) {
	t.Run("no answer to the request", func(t *testing.T) {
		a := s.open(t, s.intercept(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler)
		}))
		o := s.text()
		_, err := a.sender(t).Send(t.Context(), o.Outbound)
		s.unknown(t, a, o, err)
	})
	t.Run("an answer that nobody can read", func(t *testing.T) {
		a := s.open(t, s.intercept(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, "<html>welcome to the hotel's network")
		}))
		o := s.text()
		_, err := a.sender(t).Send(t.Context(), o.Outbound)
		s.unknown(t, a, o, err)
	})
	t.Run("the vendor is not there", func(t *testing.T) {
		a := s.open(t, s.vendor(t))
		if _, err := a.sender(t).Send(t.Context(), s.text().Outbound); err != nil {
			t.Fatalf("while the vendor is well: %v", err) // and has given us its tokens
		}
		a.vendor.CloseClientConnections()
		a.vendor.Close()
		a.transport.CloseIdleConnections() // over one of them a request could get lost
		o := s.text()
		_, err := a.sender(t).Send(t.Context(), o.Outbound)
		if e := s.failed(t, a, o, err); e != nil && e.Class != connectors.Transient {
			t.Errorf("class %s, want transient: nobody took it (%v)", e.Class, e)
		}
	})
	t.Run("our own store fails", func(t *testing.T) {
		var asked atomic.Int32
		a := s.open(t, s.intercept(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
		o := s.text()
		o.Begin = func(context.Context) error { return errors.New("the disk is full") }
		if _, err := a.sender(t).Send(t.Context(), o.Outbound); err == nil {
			t.Error("sent, though Begin failed")
		}
		if asked.Load() > 0 {
			t.Error("the vendor was asked, though Begin failed")
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		arrived := make(chan struct{}, 1)
		a := s.open(t, s.intercept(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			arrived <- struct{}{}
			<-r.Context().Done()
		}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var began time.Time
		go func() {
			<-arrived
			began = time.Now()
			cancel()
		}()
		o := s.text()
		_, err := a.sender(t).Send(ctx, o.Outbound)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it went on for %v after its context had ended", took)
		}
		s.unknown(t, a, o, err)
	})
}

// unknown: nobody can tell whether the vendor has taken the request.
func (s Suite) unknown(t *testing.T, a *account, o *outbound, err error) {
	t.Helper()
	if e := s.failed(t, a, o, err); e != nil && e.Class != connectors.Ambiguous {
		t.Errorf("class %s, want ambiguous: the vendor may have it (%v)", e.Class, e)
	}
	if o.begun.Load() != 1 {
		t.Error("the vendor was asked without Begin")
	}
}
