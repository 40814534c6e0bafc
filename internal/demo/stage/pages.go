package stage

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"golang.org/x/text/language"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// assets are the scripts and styles, with their types.
var assets = map[string]string{
	"stage.js": "text/javascript; charset=utf-8", "phone.js": "text/javascript; charset=utf-8",
	"stage.css": "text/css; charset=utf-8", "phone.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml",
}

// pages are the templates of one language.
type pages struct {
	lang  string
	words map[string]string // by the English ones; none for English
	set   *template.Template
}

// t returns words in the language, with what stands in for %s.
func (p *pages) t(english string, with ...any) string {
	s := english
	if own, ok := p.words[english]; ok {
		s = own
	}
	if len(with) > 0 {
		return fmt.Sprintf(s, with...)
	}
	return s
}

// languages that the pages are in; the first is the fallback.
var languages = []language.Tag{language.English, language.SimplifiedChinese}

var matcher = language.NewMatcher(languages)

// parsePages also names the content of the assets, so that no browser keeps
// those of an earlier version.
func parsePages() (map[string]*pages, error) {
	sum := sha256.New()
	for _, name := range []string{"stage.js", "phone.js", "stage.css", "phone.css", "icon.svg"} {
		b, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			return nil, err
		}
		sum.Write(b)
	}
	version := hex.EncodeToString(sum.Sum(nil)[:6])
	all := map[string]*pages{}
	for lang, words := range map[string]map[string]string{"en": nil, "zh-Hans": chinese} {
		p := &pages{lang: lang, words: words}
		set, err := template.New("").Funcs(template.FuncMap{
			"t": p.t, "lang": func() string { return lang }, "version": func() string { return version },
			"iso":   func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
			"clock": func(at time.Time) string { return at.UTC().Format("15:04") },
		}).ParseFS(pageFiles, "pages/*.html")
		if err != nil {
			return nil, err
		}
		p.set = set
		all[lang] = p
	}
	return all, nil
}

// language is what the browser asks for.
func (s *Stage) language(r *http.Request) *pages {
	accept := r.Header.Get("Accept-Language")
	if len(accept) > 200 {
		accept = ""
	}
	if wanted, _, err := language.ParseAcceptLanguage(accept); err == nil {
		if _, i, confidence := matcher.Match(wanted...); i == 1 && confidence != language.No {
			return s.pages["zh-Hans"]
		}
	}
	return s.pages["en"]
}

// show writes a page, or a piece of one.
func (s *Stage) show(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var b bytes.Buffer
	if err := s.language(r).set.ExecuteTemplate(&b, name, data); err != nil {
		s.Log.Error("a page of the demo could not be made", "page", name, "err", err)
		http.Error(w, "this page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

func (s *Stage) static(w http.ResponseWriter, r *http.Request) {
	kind, ok := assets[r.PathValue("name")]
	b, err := assetFiles.ReadFile("assets/" + r.PathValue("name"))
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age=86400")
	_, _ = w.Write(b) //nolint:gosec // a file of ours
}
