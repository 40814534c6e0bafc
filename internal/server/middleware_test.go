package server

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWhatNoRouteTakesIsAProblem(t *testing.T) {
	s := newTestServer(t, Config{}, Deps{Tokens: &tokens{names: map[string]string{"good": "script"}}})
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/", 404, ""},
		{"GET", "/v2/customers", 404, ""},
		{"GET", "/v1/docs", 404, ""},
		{"GET", "/v1/openapi.yaml", 404, ""},
		{"PUT", "/v1/customers", 405, "GET, HEAD"},
		{"PATCH", "/v1/media", 405, "POST"},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Header.Set("Authorization", "Bearer good")
		w := httptest.NewRecorder()
		s.Public().ServeHTTP(w, r)
		resp := w.Result()
		resp.Request = r
		readProblem(t, resp, c.status)
		if got := resp.Header.Get("Allow"); got != c.allow {
			t.Errorf("%s %s: Allow is %q, want %q", c.method, c.path, got, c.allow)
		}
		for _, name := range []string{"X-Content-Type-Options", "X-Request-Id", "Content-Security-Policy"} {
			if resp.Header.Get(name) == "" {
				t.Errorf("%s %s: no %s", c.method, c.path, name)
			}
		}
	}
}

func TestAPanicIsA503AndQuotesNothing(t *testing.T) {
	log := &logged{}
	s := newTestServer(t, Config{}, Deps{Log: log.logger()})
	h := s.outer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a customer's words") }))
	r := httptest.NewRequest(http.MethodGet, "/x?token=hunter2", nil)
	r.Header.Set("X-Request-Id", "from-proxy-1")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	if p := readProblem(t, resp, 503); !strings.Contains(p.Detail, "from-proxy-1") {
		t.Errorf("the answer does not name the request: %s", p.Detail)
	}
	if l := log.String(); strings.Contains(l, "words") || strings.Contains(l, "hunter2") || !strings.Contains(l, "middleware_test.go") {
		t.Errorf("the log should tell where, and not what: %s", l)
	}
	if !strings.Contains(scrape(s), "deskbridge_http_panics_total 1\n") {
		t.Error("not counted")
	}
}

func TestAnAnswerThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	s := newTestServer(t, Config{}, Deps{})
	srv := httptest.NewUnstartedServer(s.outer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half of ")
		panic(errors.New("disk gone"))
	})))
	srv.Config = Listener(srv.Config.Handler, s.log)
	srv.Start()
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("the client saw a complete answer")
	}
}

func TestRequestNames(t *testing.T) {
	for given, kept := range map[string]bool{"abc-1.2_X": true, "": false, strings.Repeat("x", 65): false, "a\"b": false, "a b": false} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Request-Id", given)
		if got := requestName(r); got == "" || (got == given) != kept {
			t.Errorf("%q became %q", given, got)
		}
	}
}
