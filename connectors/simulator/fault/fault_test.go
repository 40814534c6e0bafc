package fault_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
)

func TestFaultsStrikeWhatTheyAreMeantFor(t *testing.T) {
	for _, c := range []struct {
		fault   fault.Fault
		want    string // of the first request: status and body, or "lost"
		handled int32  // how often the vendor got the first request
	}{
		{fault.Fault{Kind: fault.Refuse, Status: 429, RetryAfter: 1500 * time.Millisecond}, "429 2 ", 0},
		{fault.Fault{Kind: fault.Refuse, Body: `{"ok":false}`}, `500  {"ok":false}`, 0},
		{fault.Fault{Kind: fault.Cut}, "lost", 0},
		{fault.Fault{Kind: fault.Lose}, "lost", 1},
		{fault.Fault{Kind: fault.Hang}, "lost", 1},
		{fault.Fault{Kind: fault.Late, Delay: time.Millisecond}, "200  got 4", 1},
		{fault.Fault{Kind: fault.Twice}, "200  got 4", 2},
		{fault.Fault{Kind: fault.SlowBody, Delay: time.Millisecond}, "200  got 4", 1},
	} {
		t.Run(string(c.fault.Kind), func(t *testing.T) {
			var handled atomic.Int32
			var q fault.Queue
			srv := httptest.NewServer(q.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				handled.Add(1)
				fmt.Fprintf(w, "got %d", len(b))
			})))
			defer srv.Close()
			ask := func(path string) string {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if c.fault.Kind == fault.Hang && handled.Load() == 0 && path == "/api/send" {
					go func() { // whoever asks loses patience once the vendor has it
						for handled.Load() == 0 && ctx.Err() == nil {
							time.Sleep(time.Millisecond)
						}
						cancel()
					}()
				}
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+path, strings.NewReader("body"))
				if err != nil {
					t.Fatal(err)
				}
				req.GetBody = nil // so that the client does not repeat it by itself
				resp, err := srv.Client().Do(req)
				if err != nil {
					return "lost"
				}
				defer resp.Body.Close()
				b, err := io.ReadAll(resp.Body)
				if err != nil {
					return "lost"
				}
				return fmt.Sprintf("%d %s %s", resp.StatusCode, resp.Header.Get("Retry-After"), b)
			}
			c.fault.Path = "/send"
			q.Add(c.fault)
			if got := ask("/other"); got != "200  got 4" {
				t.Errorf("another path: %q", got)
			}
			handled.Store(0)
			if got := ask("/api/send"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if handled.Load() != c.handled {
				t.Errorf("the vendor got the request %d times, want %d", handled.Load(), c.handled)
			}
			if got := ask("/api/send"); got != "200  got 4" {
				t.Errorf("after the fault: %q", got)
			}
			if n := q.Struck()[c.fault.Kind]; n != 1 {
				t.Errorf("struck %d times", n)
			}
		})
	}
}

func TestAFaultForEverIsCleared(t *testing.T) {
	var q fault.Queue
	h := q.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	status := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Code
	}
	q.Add(fault.Fault{Kind: fault.Refuse, Status: 503, Times: -1})
	for range 5 {
		if got := status(); got != 503 {
			t.Fatalf("status %d", got)
		}
	}
	q.Clear()
	if got := status(); got != 200 {
		t.Errorf("status %d after Clear", got)
	}
}

func TestOnceIsNotTwiceInARow(t *testing.T) {
	var q fault.Queue
	for range 3 {
		q.AddOnce(fault.Fault{Kind: fault.Cut})
	}
	srv := httptest.NewServer(q.Wrap(http.NotFoundHandler()))
	defer srv.Close()
	lost := func() bool {
		res, err := http.Post(srv.URL, "text/plain", nil)
		if err == nil {
			_ = res.Body.Close()
		}
		return err != nil
	}
	if !lost() || lost() {
		t.Error("the fault does not strike once")
	}
	if q.AddOnce(fault.Fault{Kind: fault.Cut}); !lost() {
		t.Error("a fault that has struck does not come again")
	}
}
