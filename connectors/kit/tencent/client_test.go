package tencent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

// store is the shared token store.
type store struct {
	mu     sync.Mutex
	m      map[string]string
	expire map[string]time.Time
}

func (s *store) Get(_ context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[name], nil
}

func (s *store) Set(_ context.Context, name, value string, expires time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m, s.expire = map[string]string{}, map[string]time.Time{}
	}
	s.m[name], s.expire[name] = value, expires
	return nil
}

// api plays the vendor: it counts the tokens that it issues and takes the
// latest one only.
type api struct {
	*httptest.Server
	issued  atomic.Int64
	repeat  atomic.Bool // the vendor hands out the current token again
	answers func(w http.ResponseWriter, r *http.Request)
}

func newAPI(t *testing.T, answers func(w http.ResponseWriter, r *http.Request)) *api {
	a := &api{answers: answers}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/cgi-bin/stable_token":
			var in struct {
				Secret string `json:"secret"`
				Force  bool   `json:"force_refresh"`
			}
			_ = json.NewDecoder(r.Body).Decode(&in)
			if in.Secret != "the-secret" {
				fmt.Fprintf(w, `{"errcode":40125,"errmsg":"invalid appsecret %s"}`, in.Secret)
				return
			}
			if !a.repeat.Load() || in.Force {
				a.issued.Add(1)
			}
		case "/cgi-bin/gettoken":
			a.issued.Add(1)
		default:
			if r.URL.Query().Get("access_token") != fmt.Sprintf("TOKEN-%d", a.issued.Load()) {
				fmt.Fprintf(w, `{"errcode":40001,"errmsg":"invalid credential, access_token %s"}`, r.URL.Query().Get("access_token"))
				return
			}
			a.answers(w, r)
			return
		}
		fmt.Fprintf(w, `{"access_token":"TOKEN-%d","expires_in":7200}`, a.issued.Load())
	}))
	t.Cleanup(a.Close)
	return a
}

func testDeps(s *store) connectors.Deps {
	return connectors.Deps{Log: slog.New(slog.DiscardHandler), HTTP: &http.Client{Timeout: time.Minute}, Tokens: s, Clock: connectors.SystemClock{}}
}

func TestATokenGoesToNobodyElse(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s got %s", r.Host, r.URL) }))
	t.Cleanup(elsewhere.Close)
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+"/?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
	})
	c := NewClient(a.URL, OfficialAccount("wx1", "the-secret"), nil, testDeps(&store{}))
	if err := c.Call(t.Context(), Request{Method: http.MethodGet, Path: "/x"}); connectors.Classify(err).Class != connectors.AccountDown {
		t.Error(err)
	}
	// Nor does a secret stand in an error, as it is or as it stood in the address.
	a.Close()
	for _, grant := range []Grant{WeCom("ww1", "a/b+c d"), OfficialAccount("wx1", "a/b+c d")} {
		c = NewClient(a.URL, grant, nil, testDeps(&store{}))
		err := c.Call(t.Context(), Request{Path: "/x"})
		if err == nil || strings.Contains(err.Error(), "a/b+c d") || strings.Contains(err.Error(), url.QueryEscape("a/b+c d")) {
			t.Errorf("%v", err)
		}
	}
}

// On a connection that is idle nobody could tell whether a request was taken.
func TestWhatCannotBeTakenBackHasAConnectionOfItsOwn(t *testing.T) {
	var mu sync.Mutex
	var from []string
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		from = append(from, r.RemoteAddr)
		_, _ = io.WriteString(w, `{"errcode":0}`)
	})
	c := NewClient(a.URL, OfficialAccount("wx1", "the-secret"), nil, testDeps(&store{}))
	for range 3 {
		if err := c.Call(t.Context(), Request{Path: "/x", Begin: func(context.Context) error { return nil }}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(from)
	if len(slices.Compact(from)) != 3 {
		t.Errorf("requests came from %q", from)
	}
}

func TestAWrongSecretStopsTheAccountAndStaysHidden(t *testing.T) {
	a := newAPI(t, nil)
	c := NewClient(a.URL, OfficialAccount("wx1", "wrong-secret"), nil, testDeps(&store{}))
	err := c.Call(t.Context(), Request{Path: "/x"})
	if e := connectors.Classify(err); e.Class != connectors.AccountDown || e.Code != "40125" {
		t.Errorf("%v", err)
	}
	if strings.Contains(err.Error(), "wrong-secret") {
		t.Errorf("the secret shows: %v", err)
	}
}

func TestAnswersAndSilence(t *testing.T) {
	verdicts := map[int]Verdict{45015: {Class: connectors.Unreachable, Words: "too late"}}
	drop := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	say := func(status int, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, c := range []struct {
		name         string
		answer       func(http.ResponseWriter, *http.Request)
		plain, final connectors.Class // without and with Begin
		code         string
	}{
		{"documented code", say(200, `{"errcode":45015,"errmsg":"late"}`), connectors.Unreachable, connectors.Unreachable, "45015"},
		{"common code", say(200, `{"errcode":45011}`), connectors.Throttled, connectors.Throttled, "45011"},
		{"unknown code", say(200, `{"errcode":99999,"errmsg":"no"}`), connectors.Rejected, connectors.Rejected, "99999"},
		{"token refused again", say(200, `{"errcode":40014}`), connectors.AccountDown, connectors.AccountDown, "40014"},
		{"dropped", drop, connectors.Transient, connectors.Ambiguous, ""},
		{"gateway", say(502, "bad gateway"), connectors.Transient, connectors.Ambiguous, "502"},
		{"too many", say(429, ""), connectors.Throttled, connectors.Throttled, "429"},
		{"too large", say(413, ""), connectors.Rejected, connectors.Rejected, "413"},
		{"elsewhere", say(404, "<html>"), connectors.AccountDown, connectors.AccountDown, "404"},
		{"no JSON", say(200, "<html>"), connectors.Transient, connectors.Ambiguous, ""},
		{"redirect", say(302, ""), connectors.AccountDown, connectors.AccountDown, "302"},
	} {
		a := newAPI(t, c.answer)
		client := NewClient(a.URL, OfficialAccount("wx1", "the-secret"), verdicts, testDeps(&store{}))
		for _, begin := range []func(context.Context) error{nil, func(context.Context) error { return nil }} {
			want := c.plain
			if begin != nil {
				want = c.final
			}
			err := client.Call(t.Context(), Request{Path: "/x", Begin: begin})
			if e := connectors.Classify(err); err == nil || e.Class != want || e.Code != c.code {
				t.Errorf("%s: %v, want %s %s", c.name, err, want, c.code)
			} else if strings.Contains(err.Error(), "TOKEN") || strings.Contains(err.Error(), "the-secret") {
				t.Errorf("%s: a secret shows: %v", c.name, err)
			}
		}
	}
}

func TestWhatIsNotBegunIsNotSent(t *testing.T) {
	a := newAPI(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	c := NewClient(a.URL, OfficialAccount("wx1", "the-secret"), nil, testDeps(&store{}))
	lost := errors.New("the lease is lost")
	if err := c.Call(t.Context(), Request{Path: "/x", Begin: func(context.Context) error { return lost }}); !errors.Is(err, lost) {
		t.Error(err)
	}
	a.Close()
	c = NewClient(a.URL, OfficialAccount("wx1", "the-secret"), nil, testDeps(&store{m: map[string]string{}}))
	err := c.Call(t.Context(), Request{Path: "/x", Begin: func(context.Context) error { return nil }})
	if connectors.Classify(err).Class != connectors.Transient {
		t.Errorf("nobody was there: %v", err)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	held := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	a := newAPI(t, func(http.ResponseWriter, *http.Request) { cancel(); <-held })
	t.Cleanup(func() { close(held) })
	c := NewClient(a.URL, OfficialAccount("wx1", "the-secret"), nil, testDeps(&store{}))
	begun := func(context.Context) error { return nil }
	start := time.Now()
	err := c.Call(ctx, Request{Path: "/x", Begin: begun})
	if connectors.Classify(err).Class != connectors.Ambiguous || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

func TestFilesGoUpAndDown(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			f, h, err := r.FormFile("media")
			if err != nil || r.ContentLength <= 0 {
				t.Errorf("no file of a known length: %v", err)
				return
			}
			b, _ := io.ReadAll(f)
			fmt.Fprintf(w, `{"media_id":"%s:%s:%s"}`, r.URL.Query().Get("type"), h.Filename, b)
			return
		}
		if r.URL.Query().Get("media_id") == "gone" {
			_, _ = io.WriteString(w, `{"errcode":40007,"errmsg":"invalid media_id"}`)
			return
		}
		w.Header().Set("Content-Type", r.URL.Query().Get("media_id"))
		w.Header().Set("Content-Disposition", `attachment; filename="文件.jpg"`)
		_, _ = io.WriteString(w, "bytes")
	})
	c := NewClient(a.URL+"/", OfficialAccount("wx1", "the-secret"), map[int]Verdict{40007: {Class: connectors.Rejected, Words: "gone"}}, testDeps(&store{}))
	var out struct {
		MediaID string `json:"media_id"`
	}
	err := c.Upload(t.Context(), Request{Path: "/media/upload", Query: map[string][]string{"type": {"image"}}, Out: &out}, File{Name: "a\"b.jpg", ContentType: "image/jpeg", Data: []byte("data")})
	if err != nil || out.MediaID != "image:ab.jpg:data" {
		t.Errorf("%v, %v", out, err)
	}
	for _, contentType := range []string{"image/jpeg", "text/plain", "application/json"} { // a customer's, too
		d, err := c.Download(t.Context(), Request{Path: "/media/get", Query: map[string][]string{"media_id": {contentType}}})
		if err != nil || d == nil {
			t.Fatalf("%s: %v", contentType, err)
		}
		b, _ := io.ReadAll(d.Body)
		_ = d.Body.Close()
		if string(b) != "bytes" || d.Name != "文件.jpg" || d.ContentType != contentType || d.Size != 5 {
			t.Errorf("%q %+v", b, d)
		}
	}
	if _, err := c.Download(t.Context(), Request{Path: "/media/get", Query: map[string][]string{"media_id": {"gone"}}}); connectors.Classify(err).Code != "40007" {
		t.Errorf("%v", err)
	}
}

func TestTextGoesOutWithoutUnicodeEscapes(t *testing.T) {
	var got string
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if got = string(b); strings.Contains(got, `\u`) && !strings.Contains(got, `\\u`) {
			_, _ = io.WriteString(w, `{"errcode":40033}`)
			return
		}
		_, _ = io.WriteString(w, `{"errcode":0}`)
	})
	c := NewClient(a.URL, OfficialAccount("wx1", "the-secret"), nil, testDeps(&store{}))
	for in, want := range map[string]string{
		"a < b & ü \n":   `"a < b & ü \n"`,
		"x\u2028y\u2029": "\"x\u2028y\u2029\"",
		"\x01\x1f.":      `"  ."`,
		`C:\u2028 "q"`:   `"C:\\u2028 \"q\""`,
		`\`:              `"\\"`,
	} {
		if err := c.Call(t.Context(), Request{Path: "/x", In: in}); err != nil || strings.TrimSpace(got) != want {
			t.Errorf("%q became %s, want %s (%v)", in, got, want, err)
		}
	}
}
