package server

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// unused are the calls that a stream never makes.
type unused interface{ Timeline }

// journal is an event log in memory, so that a stream can be watched under
// synctest's clock. The tests of the API use the real one.
type journal struct {
	unused
	mu     sync.Mutex
	events []*normalize.Event
	err    error
}

func (j *journal) append(n int, reason string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for range n {
		seq := int64(len(j.events) + 1)
		j.events = append(j.events, &normalize.Event{
			ID: normalize.ID(seq), Type: normalize.AccountState, Seq: seq,
			Data: &normalize.AccountEvent{State: "down", Reason: reason},
		})
	}
}

func (j *journal) Events(_ context.Context, after int64, limit int) ([]*normalize.Event, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return nil, j.err
	}
	rest := j.events[min(after, int64(len(j.events))):]
	return rest[:min(limit, len(rest))], nil
}

func (j *journal) SweptEvents(context.Context) (int64, error) { return 0, nil }

func (j *journal) LastEvent(context.Context) (int64, error) { return int64(len(j.events)), nil }

// open asks for a stream and reads nothing.
func open(dial func() net.Conn, query, last string) net.Conn {
	conn := dial()
	go fmt.Fprintf(conn, "GET /v1/events/stream%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nLast-Event-ID: %s\r\n\r\n", query, last)
	return conn
}

// follow opens a stream and reads its lines as they come.
func follow(t *testing.T, dial func() net.Conn, query, last string) (net.Conn, <-chan string) {
	t.Helper()
	conn := open(dial, query, last)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	lines := make(chan string, 10_000)
	go func() {
		defer close(lines)
		in := bufio.NewScanner(resp.Body)
		in.Buffer(nil, 2<<20)
		for in.Scan() {
			lines <- in.Text()
		}
	}()
	if line := next(lines); line != "retry: 3000" {
		t.Fatalf("begins with %q", line)
	}
	return conn, lines
}

// next returns the next line that is not empty; "" at the end.
func next(lines <-chan string) string {
	for line := range lines {
		if line != "" {
			return line
		}
	}
	return ""
}

// nextID skips to the next event and returns its cursor.
func nextID(lines <-chan string) string {
	for {
		line := next(lines)
		if id, ok := strings.CutPrefix(line, "id: "); ok || line == "" {
			return id
		}
	}
}

func journalServer(t *testing.T, c Config, j *journal) (*Server, *tokens, func() net.Conn) {
	known := &tokens{names: map[string]string{"good": "script"}}
	s := newTestServer(t, c, Deps{Timeline: j, Tokens: known})
	return s, known, serve(t, s)
}

func TestAStreamGivesEveryEventOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		j.append(250, "x") // more than are read at once
		s, _, dial := journalServer(t, Config{}, j)
		conn, lines := follow(t, dial, "", "")
		defer conn.Close()
		for i := range 250 {
			if id := nextID(lines); id != fmt.Sprint(i+1) {
				t.Fatalf("got %q, want %d", id, i+1)
			}
		}
		if line := next(lines); line != "event: account.state" {
			t.Errorf("got %q", line)
		}
		if line := next(lines); !strings.HasPrefix(line, `data: {"id":`) || !strings.Contains(line, `"type":"account.state"`) {
			t.Errorf("got %q", line)
		}

		begun := time.Now()
		j.append(1, "x")
		s.Notify()
		if id := nextID(lines); id != "251" || time.Since(begun) > 0 {
			t.Errorf("notified: got %q after %v, want 251 at once", id, time.Since(begun))
		}
		begun = time.Now()
		j.append(1, "another node's")
		if id := nextID(lines); id != "252" || time.Since(begun) > streamPoll {
			t.Errorf("not notified: got %q after %v, want 252 within %v", id, time.Since(begun), streamPoll)
		}
	})
}

func TestAStreamIsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		j.append(10, "x")
		_, _, dial := journalServer(t, Config{}, j)
		for _, c := range []struct{ query, last, want string }{{"", "", "1"}, {"?after=4", "", "5"}, {"?after=4", "7", "8"}} {
			conn, lines := follow(t, dial, c.query, c.last)
			if id := nextID(lines); id != c.want {
				t.Errorf("%s, Last-Event-ID %q: begins at %q, want %s", c.query, c.last, id, c.want)
			}
			conn.Close()
		}
		conn, lines := follow(t, dial, "?after=now", "")
		defer conn.Close()
		j.append(1, "x")
		if id := nextID(lines); id != "11" {
			t.Errorf("from now on: begins at %q, want 11", id)
		}
	})
}

func TestAQuietStreamShowsThatItLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, known, dial := journalServer(t, Config{}, &journal{})
		conn, lines := follow(t, dial, "", "")
		defer conn.Close()
		begun := time.Now()
		for i := range 20 {
			line := next(lines)
			if want := time.Duration(i+1) * streamAlive; line != ": alive" || time.Since(begun) != want {
				t.Fatalf("got %q after %v, want a comment after %v", line, time.Since(begun), want)
			}
		}
		known.revoke("good")
		if line := next(lines); line != "" {
			t.Errorf("the stream of a revoked token goes on: %q", line)
		}
	})
}

func TestAStreamEndsWhenItMust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		s, _, dial := journalServer(t, Config{MaxStreams: 2}, j)

		stalled := open(dial, "", "")
		synctest.Wait()
		_, lines := follow(t, dial, "?after=now", "")

		refused := open(dial, "", "")
		req, _ := http.NewRequest(http.MethodGet, "/v1/events/stream", nil)
		resp, err := http.ReadResponse(bufio.NewReader(refused), req)
		if err != nil {
			t.Fatal(err)
		}
		readProblem(t, resp, 503)
		refused.Close()

		// One client does not read; the other is served all the same.
		begun := time.Now()
		j.append(1, strings.Repeat("x", 1<<20))
		s.Notify()
		if id := nextID(lines); id != "1" || time.Since(begun) > 0 {
			t.Errorf("got %q after %v", id, time.Since(begun))
		}
		time.Sleep(streamWrite + time.Second)
		if n := len(s.streams); n != 1 {
			t.Errorf("%d streams are open, want 1: who does not read is cut", n)
		}
		stalled.Close()

		s.Stop()
		next(lines) // event:
		next(lines) // data:
		if line := next(lines); line != "" {
			t.Errorf("the server stops and the stream goes on: %q", line)
		}
	})
}

func TestAStreamEndsWithTheStoreAndTheClientComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		j.append(1, "x")
		_, _, dial := journalServer(t, Config{}, j)
		_, lines := follow(t, dial, "", "")
		id := nextID(lines)
		j.mu.Lock()
		j.err = errDisk
		j.mu.Unlock()
		if again := nextID(lines); again != "" {
			t.Fatalf("got %q from a store that fails", again)
		}
		j.mu.Lock()
		j.err = nil
		j.mu.Unlock()
		j.append(1, "x")
		conn, lines := follow(t, dial, "", id)
		defer conn.Close()
		if id := nextID(lines); id != "2" {
			t.Errorf("got %q, want 2", id)
		}
	})
}
