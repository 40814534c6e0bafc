package kit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors"
)

func TestAFormHasItsLengthAndItsFiles(t *testing.T) {
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			return // its body ends early
		}
		if r.ContentLength <= 0 || r.Header.Get("X-Own") != "yes" {
			t.Errorf("length %d, header %q", r.ContentLength, r.Header.Get("X-Own"))
		}
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
			return
		}
		got = r.FormValue("text")
		for _, h := range r.MultipartForm.File["files[]"] {
			f, err := h.Open()
			if err != nil {
				t.Error(err)
				return
			}
			b, _ := io.ReadAll(f)
			got += fmt.Sprintf("|%s %s %s", h.Filename, h.Header.Get("Content-Type"), b)
		}
	}))
	defer srv.Close()
	file := func(name, content string) FormFile {
		return FormFile{Field: "files[]", Name: name, ContentType: "text/plain", Size: int64(len(content)), Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(content)), nil
		}}
	}
	body, err := Form([][2]string{{"text", "hello"}}, []FormFile{file(`grün".txt`, "one"), file("empty", ""), file("b", "two")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rest(srv.URL).Do(t.Context(), RESTCall{Method: http.MethodPost, Path: "/", Stream: body, Header: http.Header{"X-Own": {"yes"}}}); err != nil {
		t.Fatal(err)
	}
	if want := "hello|grün%22.txt text/plain one|empty text/plain |b text/plain two"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	broken := file("c", "x")
	broken.Open = func(context.Context) (io.ReadCloser, error) {
		return nil, connectors.Errorf(connectors.Rejected, "", "the file is lost")
	}
	if body, err = Form(nil, []FormFile{broken}); err != nil {
		t.Fatal(err)
	}
	if _, err := rest(srv.URL).Do(t.Context(), RESTCall{Method: http.MethodPost, Path: "/broken", Stream: body}); connectors.Classify(err).Class != connectors.Rejected {
		t.Errorf("a lost file: %v", err)
	}
}

// A file may lie elsewhere, where our credentials have no business.
func TestDownloadsShowOurCredentialsToTheProductAlone(t *testing.T) {
	var seen []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, "elsewhere:"+r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, "content")
	}))
	defer elsewhere.Close()
	product := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, "product:"+r.Header.Get("Authorization"))
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		http.Redirect(w, r, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
	}))
	defer product.Close()
	c := rest(product.URL)
	for _, x := range []struct {
		ours bool
		want string
	}{{true, "product:hunter2 elsewhere:"}, {false, "product: elsewhere:"}} {
		seen = nil
		body, err := c.Download(t.Context(), product.URL+"/file", x.ours)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(body)
		if err != nil || body.Close() != nil || string(content) != "content" || strings.Join(seen, " ") != x.want {
			t.Errorf("%q by %v, %v", content, seen, err)
		}
	}
	for _, address := range []string{product.URL + "/gone", "file:///etc/passwd", "/relative"} {
		if _, err := c.Download(t.Context(), address, false); connectors.Classify(err).Class != connectors.Rejected {
			t.Errorf("%s: %v", address, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Download(ctx, product.URL+"/file", false); connectors.Classify(err).Class != connectors.Transient {
		t.Errorf("interrupted: %v", err)
	}
}
