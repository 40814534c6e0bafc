package tencent

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

func TestOneTokenIsFetchedForAll(t *testing.T) {
	for name, grant := range map[string]Grant{"official account": OfficialAccount("wx1", "the-secret"), "wecom": WeCom("ww1", "the-secret")} {
		a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"errcode":0,"n":7}`) })
		s := &store{}
		var wg sync.WaitGroup
		for range 2 {
			c := NewClient(a.URL, grant, nil, testDeps(s))
			for range 10 {
				wg.Go(func() {
					var out struct{ N int }
					if err := c.Call(t.Context(), Request{Path: "/x", Out: &out}); err != nil || out.N != 7 {
						t.Errorf("%s: %v, %v", name, out, err)
					}
				})
			}
			wg.Wait()
		}
		if n := a.issued.Load(); n != 1 {
			t.Errorf("%s: %d tokens were fetched", name, n)
		}
		for name, until := range s.expire { // it is good for two hours, and renewed before
			if left := time.Until(until); left > 2*time.Hour-tokenMargin || left < time.Hour {
				t.Errorf("%s is kept for %s", name, left)
			}
		}
	}
}

func TestAnotherNodesTokenIsTakenBeforeANewOneIsAskedFor(t *testing.T) {
	var a *api
	s := &store{}
	a = newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if a.issued.CompareAndSwap(1, 2) { // another node renews it just now
			for name := range s.m {
				_ = s.Set(r.Context(), name, "TOKEN-2", time.Now().Add(time.Hour))
			}
			_, _ = io.WriteString(w, `{"errcode":40001,"errmsg":"invalid credential"}`)
			return
		}
		_, _ = io.WriteString(w, `{"errcode":0}`)
	})
	c := NewClient(a.URL, OfficialAccount("wx1", "the-secret"), nil, testDeps(s))
	if err := c.Call(t.Context(), Request{Path: "/x"}); err != nil {
		t.Fatal(err)
	}
	if n := a.issued.Load(); n != 2 {
		t.Errorf("%d tokens were issued; ours ends those of others", n)
	}
}

func TestARefusedTokenIsRenewedOnce(t *testing.T) {
	var calls atomic.Int64
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) { calls.Add(1); _, _ = io.WriteString(w, `{"errcode":0}`) })
	c := NewClient(a.URL, OfficialAccount("wx1", "the-secret"), nil, testDeps(&store{}))
	begun := 0
	begin := func(context.Context) error { begun++; return nil }
	if err := c.Call(t.Context(), Request{Path: "/x", Begin: begin}); err != nil {
		t.Fatal(err)
	}
	a.issued.Add(1) // another program made the vendor issue a new one
	a.repeat.Store(true)
	if err := c.Call(t.Context(), Request{Path: "/x", Begin: begin}); err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 2 || begun != 2 {
		t.Errorf("%d calls were taken, %d begun; want 2 and 2", calls.Load(), begun)
	}
}

func TestAVendorThatRepeatsARefusedTokenIsMadeToRenewIt(t *testing.T) {
	refuse := atomic.Bool{}
	a := newAPI(t, nil)
	a.answers = func(w http.ResponseWriter, _ *http.Request) {
		if refuse.Load() && a.issued.Load() == 1 {
			_, _ = io.WriteString(w, `{"errcode":42001,"errmsg":"expired"}`)
			return
		}
		_, _ = io.WriteString(w, `{"errcode":0}`)
	}
	c := NewClient(a.URL, OfficialAccount("wx1", "the-secret"), nil, testDeps(&store{}))
	if err := c.Call(t.Context(), Request{Path: "/x"}); err != nil {
		t.Fatal(err)
	}
	refuse.Store(true)
	a.repeat.Store(true)
	if err := c.Call(t.Context(), Request{Path: "/x"}); err != nil {
		t.Fatal(err)
	}
}

func TestANewTokenIsForcedNotTooOften(t *testing.T) {
	var forced atomic.Int64
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"errcode":42001}`) })
	inner := a.Config.Handler
	a.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cgi-bin/stable_token" {
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), `"force_refresh":true`) {
				forced.Add(1)
			}
			r.Body = io.NopCloser(strings.NewReader(string(body)))
		}
		inner.ServeHTTP(w, r)
	})
	a.repeat.Store(true)
	a.issued.Store(1)
	c := NewClient(a.URL, OfficialAccount("wx1", "the-secret"), nil, testDeps(&store{}))
	for range 5 {
		if err := c.Call(t.Context(), Request{Path: "/x"}); connectors.Classify(err).Code != "42001" {
			t.Fatal(err)
		}
	}
	if n := forced.Load(); n != 1 {
		t.Errorf("forced %d times; the vendor allows it twenty times a day", n)
	}
}
