package server

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

func TestMedia(t *testing.T) {
	w := newWorld(t, Config{MaxMedia: 100 << 10})
	form := func(name, content string) (string, string) {
		var b bytes.Buffer
		f := multipart.NewWriter(&b)
		f.WriteField("comment", "before the file")
		if name != "" {
			p, _ := f.CreateFormFile("file", name)
			io.WriteString(p, content)
		}
		f.Close()
		return b.String(), f.FormDataContentType()
	}
	formed, formType := form("../a b.txt", "hello")
	for _, c := range []struct {
		name, query, body string
		header            []string
		file, kind        string
		shown             bool
	}{
		{"raw", "?name=blue.png", string(png), []string{"Content-Type", "image/png"}, "blue.png", "image/png", true},
		{"named by a header", "", "hello", []string{"Content-Type", "text/plain", "Content-Disposition", `attachment; filename="a.txt"`}, "a.txt", "text/plain", false},
		{"form", "", formed, []string{"Content-Type", formType}, "a b.txt", "application/octet-stream", false},
		{"page called a picture", "?name=x.png", "<html><script>alert(1)</script>", []string{"Content-Type", "image/png"}, "x.png", "text/html; charset=utf-8", false},
		{"as large as may be", "", strings.Repeat("x", 100<<10), []string{"Content-Type", "text/plain"}, "file", "text/plain", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := *w
			w.t = t
			m := get[normalize.Media](&w, "POST", "/v1/media"+c.query, c.body, c.header...)
			if m.Name != c.file || !strings.HasPrefix(m.ContentType, strings.Split(c.kind, ";")[0]) && c.name != "form" {
				t.Errorf("got %+v, want %s of type %s", m, c.file, c.kind)
			}
			resp := w.do("GET", "/v1/media/"+m.ID.String(), nil)
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			want := c.body
			if c.name == "form" {
				want = "hello"
			}
			if resp.StatusCode != http.StatusOK || string(b) != want || resp.ContentLength != m.Size {
				t.Errorf("%d, %d of %d bytes came back", resp.StatusCode, len(b), len(want))
			}
			h := resp.Header
			if inline := strings.HasPrefix(h.Get("Content-Disposition"), "inline"); inline != c.shown {
				t.Errorf("shown in a browser: %v, want %v", inline, c.shown)
			}
			if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("Content-Type") != m.ContentType {
				t.Errorf("unsafe headers: %v", h)
			}
		})
	}
	tooLarge := strings.Repeat("x", 100<<10+1)
	formed, formType = form("a.txt", tooLarge)
	w.refused(413, "POST", "/v1/media", tooLarge, "Content-Type", "text/plain")
	w.refused(413, "POST", "/v1/media", formed, "Content-Type", formType)
	w.refused(413, "POST", "/v1/media", strings.Repeat("x", 10<<20), "Content-Type", "text/plain")
	formed, formType = form("", "")
	w.refused(422, "POST", "/v1/media", formed, "Content-Type", formType)
	w.refused(422, "POST", "/v1/media", "", "Content-Type", "text/plain")
	w.refused(422, "POST", "/v1/media", "x", "Content-Type", "multipart/form-data")
	w.refused(422, "POST", "/v1/media", "no form at all", "Content-Type", "multipart/form-data; boundary=x")
}

func TestAnswerShowsItsPictures(t *testing.T) {
	w := newWorld(t, Config{})
	m := w.receive("ann@example.com", "a1", "what does it look like?", nil)
	shown := get[normalize.Media](w, "POST", "/v1/media?name=blue.png", string(png), "Content-Type", "image/png").ID
	other := get[normalize.Media](w, "POST", "/v1/media?name=other.png", string(png), "Content-Type", "image/png").ID
	answer := get[normalize.Message](w, "POST", "/v1/conversations/"+m.ConversationID.String()+"/messages", map[string]any{
		"html":        `<p>So: <img src="cid:` + shown.String() + `"> <img src="cid:` + m.ID.String() + `" alt="nothing of ours"></p>`,
		"attachments": []normalize.ID{other, shown},
	})
	plain, picture := answer.Parts[1].Media, answer.Parts[2].Media
	if plain.ContentID != "" || !strings.HasSuffix(picture.ContentID, "@deskbridge") {
		t.Errorf("got the Content-IDs %q and %q, want one for the picture that is shown", plain.ContentID, picture.ContentID)
	}
	if !strings.Contains(answer.HTML, `src="cid:`+picture.ContentID+`"`) || strings.Count(answer.HTML, "cid:") != 1 {
		t.Errorf("the text does not show the picture, and only it: %s", answer.HTML)
	}
}

func TestExportIsCompleteAndErasureStays(t *testing.T) {
	w := newWorld(t, Config{})
	png := append(bytes.Clone(png), bytes.Repeat([]byte("pixels"), 2000)...) // large enough to be kept apart from the raw input
	m := w.receive("ann@example.com", "a1", "in blue?", png)
	ann := "/v1/customers/" + m.Customer.ID.String()
	b := w.raw(200, "GET", ann+"/export", nil)
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		c, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		content[f.Name] = string(c)
	}
	var record identity.Export
	if err := json.Unmarshal([]byte(content["customer.json"]), &record); err != nil || len(record.Messages) != 1 || record.Messages[0].Text != "in blue?" || len(record.Conversations) != 1 {
		t.Errorf("customer.json: %v %s", err, content["customer.json"])
	}
	file := m.Parts[1].Media
	if content["media/"+file.ID.String()+"-blue.png"] != string(png) {
		t.Errorf("the picture is not among %v", z.File)
	}
	if raw := content["raw/"+m.ID.String()+".json"]; !strings.Contains(raw, "in blue?") || !strings.Contains(raw, base64.StdEncoding.EncodeToString(png)) {
		t.Errorf("the raw input is not among %v", z.File)
	}

	w.age()
	w.raw(204, "DELETE", ann, nil)
	for _, path := range []string{
		ann, ann + "/timeline", ann + "/export", "/v1/messages/" + m.ID.String(), "/v1/media/" + file.ID.String(),
		"/v1/customers", "/v1/conversations/" + m.ConversationID.String(), "/v1/events?limit=200",
	} {
		resp := w.do("GET", path, nil)
		left, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode >= 500 {
			t.Errorf("%s after erasure: %d %v", path, resp.StatusCode, err)
		}
		for _, secret := range []string{"ann@example.com", "Ann", "in blue?", string(png)} {
			if bytes.Contains(left, []byte(secret)) {
				t.Errorf("%s after erasure still tells %q", path, secret)
			}
		}
	}
	w.refused(404, "GET", "/v1/media/"+file.ID.String(), nil)
	if _, err := w.s.deps.Media.Open(t.Context(), file.SHA256); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the picture is still in the media store: %v", err)
	}
}

// age makes all files old: those of the last hour are kept for whoever is
// about to refer to them.
func (w *world) age() {
	w.t.Helper()
	then := time.Now().Add(-2 * time.Hour)
	err := filepath.WalkDir(w.files, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(path, then, then))
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A link opens its file to whoever has it, until it ends, and no other file.
func TestLinkedFiles(t *testing.T) {
	w := newWorld(t, Config{})
	m := get[normalize.Media](w, "POST", "/v1/media?name=blue.png", string(png), "Content-Type", "image/png")
	fetch := func(file normalize.ID, made time.Time) (int, string) {
		link, _ := links.Link(file, made)
		resp, err := http.Get(w.url + strings.TrimPrefix(link, publicURL))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode == http.StatusOK && (resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Content-Type") != "image/png") {
			t.Errorf("headers %v", resp.Header)
		}
		return resp.StatusCode, string(b)
	}
	if status, content := fetch(m.ID, time.Now()); status != http.StatusOK || content != string(png) {
		t.Errorf("the link: %d, %d bytes", status, len(content))
	}
	if status, words := fetch(m.ID, time.Now().Add(-2*time.Hour)); status != http.StatusGone || !strings.Contains(words, "worked until") {
		t.Errorf("an old link: %d %s", status, words)
	}
	if status, _ := fetch(m.ID+2, time.Now()); status != http.StatusGone {
		t.Errorf("a link to no file: %d", status)
	}
	link, _ := links.Link(m.ID, time.Now())
	for i, forged := range []string{link[:len(link)-2] + "xx", link + "x", publicURL + timeline.LinkPath + m.ID.String(), publicURL + timeline.LinkPath} {
		resp, err := http.Get(w.url + strings.TrimPrefix(forged, publicURL))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("forged link %d: %d", i, resp.StatusCode)
		}
	}
}
