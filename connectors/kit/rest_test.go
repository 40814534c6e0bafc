package kit

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

func rest(address string) *REST {
	c := &REST{
		Product: "Desk", URL: address, Mend: "token", Clock: connectors.SystemClock{}, Words: func(b []byte) string { return string(b) },
		Authorize: func(r *http.Request) { r.Header.Set("Authorization", "hunter2") },
	}
	c.Use(http.DefaultClient)
	return c
}

func TestRESTClassifiesAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		method string
		status int
		after  string
		class  connectors.Class
		wait   time.Duration
		says   string
	}{
		{"busy", "POST", 429, "7", connectors.Throttled, 7 * time.Second, "wait"},
		{"busy without a time", "POST", 429, "", connectors.Throttled, 0, "wait"},
		{"busy for a year", "GET", 503, "31536000", connectors.Throttled, time.Hour, "wait"},
		{"down, when only asked", "GET", 503, "", connectors.Transient, 0, "failed"},
		{"failed while writing", "POST", 500, "", connectors.Ambiguous, 0, "failed"},
		{"bad credentials", "POST", 401, "", connectors.AccountDown, 0, "check token"},
		{"moved", "GET", 302, "", connectors.AccountDown, 0, "set url"},
		{"refused", "POST", 422, "", connectors.Rejected, 0, "no such group"},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls++
				w.Header().Set("Location", "/elsewhere")
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, "no such group")
			}))
			defer srv.Close()
			_, err := rest(srv.URL).Do(t.Context(), RESTCall{Method: c.method, Path: "/x", JSON: map[string]int{}})
			e, ok := errors.AsType[*connectors.Error](err)
			if !ok || e.Class != c.class || e.RetryAfter != c.wait || !strings.Contains(e.Detail, c.says) || !IsStatus(err, c.status) || calls != 1 {
				t.Errorf("got %v after %v in %d calls", err, e.RetryAfter, calls)
			}
		})
	}
}

func TestRESTWithoutAnAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	_ = l.Close()
	var giveUp context.CancelFunc
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server see the client go
			giveUp()
			<-r.Context().Done()
		}
		panic(http.ErrAbortHandler)
	}))
	defer srv.Close()
	for _, c := range []struct {
		name, address, method, path string
		class                       connectors.Class
	}{
		{"nobody there", nobody, "POST", "/x", connectors.Transient},
		{"cut while asking", srv.URL, "GET", "/x", connectors.Transient},
		{"cut while writing", srv.URL, "POST", "/x", connectors.Ambiguous},
		{"given up while writing", srv.URL, "POST", "/hang", connectors.Ambiguous},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			giveUp = cancel
			_, err := rest(c.address).Do(ctx, RESTCall{Method: c.method, Path: c.path + "?key=hunter2", JSON: 1})
			e, ok := errors.AsType[*connectors.Error](err)
			if !ok || e.Class != c.class || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRESTReadsWhatIsDocumented(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "hunter2" || r.URL.Query().Get("a") != "b" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, strings.TrimPrefix(r.URL.Path, "/"))
	}))
	defer srv.Close()
	var n int
	call := RESTCall{Method: "GET", Path: "/42", Query: map[string][]string{"a": {"b"}}, Into: &n}
	if h, err := rest(srv.URL).Do(t.Context(), call); err != nil || n != 42 || h.Get("Date") == "" {
		t.Errorf("%d, %v, %v", n, h, err)
	}
	call.Path = "/page"
	if _, err := rest(srv.URL).Do(t.Context(), call); err == nil || !strings.Contains(err.Error(), "check url") {
		t.Errorf("a page of another program: %v", err)
	}
}
