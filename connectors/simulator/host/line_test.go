package host_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/host"
)

func TestLineKeepsOrderAndTriesAgain(t *testing.T) {
	const all = 7
	bodies := make(chan string, all)
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		bodies <- string(body)
		if string(body) == "refused" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer desk.Close()
	h := host.New(10 * time.Second)
	defer h.Close()
	line := h.Line(time.Millisecond, time.Millisecond)
	call := func(body string) {
		line.Add(func() bool {
			status, err := h.Post(desk.URL, http.Header{}, []byte(body))
			return err == nil && status == http.StatusOK
		})
	}
	for _, body := range []string{"first", "refused", "second", "third"} {
		call(body)
	}
	seen := make([]string, 0, all)
	for range all - 1 {
		seen = append(seen, <-bodies)
	}
	call("later")
	seen = append(seen, <-bodies)
	if want := []string{"first", "refused", "refused", "refused", "second", "third", "later"}; !slices.Equal(seen, want) {
		t.Errorf("the calls are %q, want %q", seen, want)
	}
}

func TestCloseEndsCallsAndPauses(t *testing.T) {
	begun := make(chan struct{})
	desk := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		begun <- struct{}{}
		<-r.Context().Done()
	}))
	defer desk.Close()
	h := host.New(time.Hour)
	post := func() bool { _, err := h.Post(desk.URL, http.Header{}, []byte("call")); return err == nil }
	h.Line(time.Hour).Add(post)
	paused := h.Line(time.Hour)
	paused.Add(func() bool { return false })
	<-begun
	h.Close() // returns when both have ended
	ran := false
	paused.Add(func() bool { ran = true; return true })
	h.Go(func() { ran = true })
	h.Close()
	if ran {
		t.Error("work began after Close")
	}
}
