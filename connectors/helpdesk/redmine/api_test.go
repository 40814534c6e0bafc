package redmine

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
)

// TestRefusals: what becomes of each answer, to a question and to a change.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		status      int
		header      string
		body        string
		read, write connectors.Class
		after       time.Duration
		says        string
	}{
		"wrong key":         {status: 401, read: connectors.AccountDown, write: connectors.AccountDown, says: "api_key"},
		"no permission":     {status: 403, read: connectors.AccountDown, write: connectors.AccountDown, says: "role"},
		"not Redmine":       {status: 404, read: connectors.AccountDown, write: connectors.AccountDown, says: "url"},
		"redirect":          {status: 302, read: connectors.AccountDown, write: connectors.AccountDown, says: "redirects"},
		"invalid":           {status: 422, body: `{"errors":["Subject cannot be blank","Size is not in the list"]}`, read: connectors.Rejected, write: connectors.Rejected, says: "Subject cannot be blank; Size is not in the list"},
		"too many":          {status: 429, header: "7", read: connectors.Throttled, write: connectors.Throttled, after: 7 * time.Second},
		"maintenance":       {status: 503, header: "120", read: connectors.Throttled, write: connectors.Throttled, after: 2 * time.Minute},
		"wait for ever":     {status: 429, header: "99999999999", read: connectors.Throttled, write: connectors.Throttled, after: time.Hour},
		"proxy without it":  {status: 502, read: connectors.Transient, write: connectors.Ambiguous},
		"own failure":       {status: 500, body: "<html>Internal error</html>", read: connectors.Transient, write: connectors.Ambiguous},
		"a page, no answer": {status: 200, body: "<html>Secret words</html>", read: connectors.Transient, write: connectors.Ambiguous, says: "check url"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json; charset=utf-8")
				w.Header().Set("Location", "/login")
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer s.Close()
			h := connect(s.URL, "k3y", "support")
			var out struct{ Issue issue }
			for method, class := range map[string]connectors.Class{http.MethodGet: c.read, http.MethodPost: c.write} {
				err := h.json(t.Context(), method, "/issues.json", nil, &out)
				e := connectors.Classify(err)
				if err == nil || e.Class != class || e.RetryAfter != c.after || !strings.Contains(e.Detail, c.says) {
					t.Errorf("%s: %v (wait %v), want %v, %v and words about %q", method, err, e.RetryAfter, class, c.after, c.says)
				}
				if s := err.Error(); strings.Contains(s, "k3y") || strings.Contains(s, "Secret words") {
					t.Errorf("the error tells too much: %s", s)
				}
			}
		})
	}
}

// TestKeyStaysHome: no redirect leads the key to another host.
func TestKeyStaysHome(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host was called, with the key %q", r.Header.Get("X-Redmine-API-Key"))
	}))
	defer other.Close()
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	h := connect(s.URL, "k3y", "support")
	if err := h.Probe(t.Context()); err == nil {
		t.Error("a redirect passes for Redmine")
	}
	if _, err := h.Changed(t.Context(), ""); err == nil {
		t.Error("a redirect passes for Redmine")
	}
}

// TestSameSecond: a change in the second of one that was seen is named, and
// what stands still is named no more.
func TestSameSecond(t *testing.T) {
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	a, b := issue{ID: 1, Created: at, Updated: at}, issue{ID: 2, Created: at, Updated: at}
	var c cursor
	for step, s := range []struct {
		list []issue
		now  time.Duration
		want []string
	}{
		{[]issue{a}, 0, []string{a.ticket()}},
		{[]issue{a, b}, time.Second, []string{a.ticket(), b.ticket()}}, // a may have changed once more
		{[]issue{a, b}, settling, []string{a.ticket(), b.ticket()}},
		{[]issue{a, b}, settling + time.Second, []string{b.ticket()}},
		{[]issue{a, b}, settling + 2*time.Second, nil},
		{[]issue{b, {ID: 1, Created: at, Updated: at.Add(9 * time.Second)}}, time.Minute, []string{a.ticket()}},
		{nil, time.Hour, nil},
	} {
		if got := c.take(s.list, at.Add(s.now)); !slices.Equal(got, s.want) {
			t.Errorf("step %d names %v, want %v", step, got, s.want)
		}
	}
	if want := at.Add(9*time.Second - overlap); !c.From.Equal(want) {
		t.Errorf("the next question begins at %v, want %v", c.From, want)
	}
}

func TestConfig(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"":              func(*Config) {},
		"url":           func(c *Config) { c.URL = "redmine.example.com" },
		"project":       func(c *Config) { c.Project = "projects/support" },
		"poll_interval": func(c *Config) { c.PollInterval = time.Millisecond },
	} {
		c := newConfig()
		c.URL, c.APIKey, c.Project = "https://redmine.example.com/", configs.Secret("k3y"), "support"
		change(c)
		errs := c.Validate()
		if want == "" && len(errs) > 0 || want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), want)) {
			t.Errorf("%q: %v", want, errs)
		}
	}
}

// FuzzWords: what an agent quotes reads as the customer wrote it.
func FuzzWords(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || strings.ContainsAny(s, joiner+"\u00a0&%") || strings.Contains(s, "://") || strings.Contains(strings.ToLower(s), "www.") {
			return // written in another way, or not to be told from what we write
		}
		blank := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, "\u00a0", " ")), " ") }
		if got := worded(literal(s)); blank(got) != blank(s) {
			t.Errorf("%q became %q", s, got)
		}
		if strings.ContainsAny(literal(s), "<>*`[]{}|") {
			t.Errorf("%q holds markup: %q", s, literal(s))
		}
	})
}
