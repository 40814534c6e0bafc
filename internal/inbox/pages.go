package inbox

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/deskbridge/deskbridge/normalize/timeline"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// pages are the templates and words of one language.
type pages struct {
	lang  string
	words map[string]string // by the English ones; none for English
	set   *template.Template
}

// t returns words in the language, with what stands in for %s and %d.
func (p *pages) t(english string, with ...any) string {
	s := english
	if own, ok := p.words[english]; ok {
		s = own
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "job "), "outcome ") // which only tell these words from others
	if len(with) > 0 {
		return fmt.Sprintf(s, with...)
	}
	return s
}

func (p *pages) refused(r *timeline.Refused) string {
	if own, ok := p.words["refused:"+r.Reason]; ok {
		return own + " (" + r.Detail + ")"
	}
	if r.Detail == "" {
		return r.Reason
	}
	return strings.ToUpper(r.Detail[:1]) + r.Detail[1:] + "."
}

// view is what every page gets.
type view struct {
	Title   string
	Unread  int // conversations, before the title
	User    User
	Lang    string
	Page    string // which one it is
	Back    string // the page itself, for the language switch
	Version string // of scripts and styles
	Data    any
}

// languages in which the inbox speaks; the first is the fallback.
var languages = []language.Tag{language.English, language.SimplifiedChinese}

var matcher = language.NewMatcher(languages)

func parsePages(now func() time.Time) map[string]*pages {
	all := map[string]*pages{}
	for lang, words := range map[string]map[string]string{"en": nil, "zh-Hans": chinese} {
		p := &pages{lang: lang, words: words}
		p.set = template.Must(template.New("").Funcs(template.FuncMap{
			"t": p.t, "since": func(at time.Time) string { return p.span(now().Sub(at)) }, "until": func(at time.Time) string { return p.span(at.Sub(now())) },
			"stamp": func(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") },
			"iso":   func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
			"path":  func() string { return Path }, "status": p.status, "size": size, "took": p.span, "happened": p.happened,
			"upTo99": upTo99,
		}).ParseFS(pageFiles, "pages/*.html"))
		all[lang] = p
	}
	return all
}

// span is a length of time in a word.
func (p *pages) span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return p.t("under a minute")
	case d < time.Hour:
		return p.t("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return p.t("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return p.t("%d days", int(d.Hours()/24))
}

func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// language is the one that was chosen, or else what the browser asks for.
func (in *Inbox) language(r *http.Request) *pages {
	if c, err := r.Cookie(languageCookie); err == nil && in.pages[c.Value] != nil {
		return in.pages[c.Value]
	}
	accept := r.Header.Get("Accept-Language")
	if len(accept) > 200 {
		accept = ""
	}
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err == nil {
		if _, i, confidence := matcher.Match(wanted...); i == 1 && confidence != language.No {
			return in.pages["zh-Hans"]
		}
	}
	return in.pages["en"]
}

// show writes a page, or a piece of one.
func (in *Inbox) show(w http.ResponseWriter, r *request, status int, name string, v view) {
	v.User, v.Lang, v.Version, v.Page, v.Back = r.user, r.pages.lang, version, name, r.URL.RequestURI()
	if r.Method != http.MethodGet {
		v.Back = Path
	}
	var b bytes.Buffer
	if err := r.pages.set.ExecuteTemplate(&b, name, v); err != nil {
		in.Log.Error("a page of the inbox could not be made", "page", name, "err", err)
		http.Error(w, r.pages.t("The server cannot do this now. Try again in a moment."), http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// assets are the scripts and styles, with their types.
var assets = map[string]string{"inbox.js": "text/javascript; charset=utf-8", "agents.js": "text/javascript; charset=utf-8", "canned.js": "text/javascript; charset=utf-8", "inbox.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}

// version names the content of the assets, so that browsers may keep them.
var version = func() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(assets)) {
		b, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}()

func (in *Inbox) static(w http.ResponseWriter, r *http.Request) {
	kind, ok := assets[r.PathValue("name")]
	b, err := assetFiles.ReadFile("assets/" + r.PathValue("name"))
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age=86400")
	if r.URL.Query().Get("v") == version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(b) //nolint:gosec // a file of ours
}
