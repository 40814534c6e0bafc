package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func look(s *Server, path string) (int, string) {
	w := httptest.NewRecorder()
	s.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestReadyFollowsTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		var failing atomic.Value
		failing.Store("")
		release := make(chan struct{})
		s := newTestServer(t, Config{}, Deps{Ready: func(context.Context) error {
			asked.Add(1)
			switch failing.Load() {
			case "full":
				return errDisk
			case "stuck": // and deaf to its context
				<-release
			}
			return nil
		}})
		expect := func(status int, words string) {
			t.Helper()
			if code, body := look(s, "/readyz"); code != status || !strings.Contains(body, words) {
				t.Errorf("got %d %q, want %d with %q", code, body, status, words)
			}
			if code, _ := look(s, "/healthz"); code != 200 {
				t.Errorf("healthz is %d: the process lives all the same", code)
			}
		}
		expect(503, "starting")
		s.Started()
		for range 100 {
			expect(200, "ready")
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("the store was asked %d times within a second, want once", n)
		}
		failing.Store("full")
		time.Sleep(readyFor)
		expect(503, "disk full")
		failing.Store("")
		time.Sleep(readyFor)
		expect(200, "ready")
		failing.Store("stuck")
		time.Sleep(readyFor)
		expect(503, "has not answered")
		expect(503, "has not answered")
		if n := asked.Load(); n != 4 {
			t.Errorf("a stuck store was asked again: %d questions, want 4", n)
		}
		failing.Store("")
		close(release)
		time.Sleep(readyFor)
		expect(200, "ready")
		s.Stop()
		expect(503, "stopping")
	})
}

func TestAdminShowsMetricsAndProfiles(t *testing.T) {
	s := newTestServer(t, Config{}, Deps{})
	if code, body := look(s, "/metrics"); code != 200 || !strings.Contains(body, "deskbridge_http_panics_total 0") {
		t.Errorf("metrics: %d %.200s", code, body)
	}
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/cmdline"} {
		if code, body := look(s, path); code != 200 || body == "" {
			t.Errorf("%s: %d", path, code)
		}
	}
	if code, _ := look(s, "/v1/customers"); code != 404 {
		t.Errorf("the API on the admin listener: %d, want 404", code)
	}
}
