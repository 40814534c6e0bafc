package server

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWhatAFileIs(t *testing.T) {
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 20)
	for _, c := range []struct{ name, head, declared, file, want string }{
		{"picture", png, "", "a.png", "image/png"},
		{"picture called a page", png, "text/html", "a.html", "image/png"},
		{"page called a picture", "<html><script>alert(1)</script>", "image/png", "a.png", "text/html; charset=utf-8"},
		{"table", "a,b\n1,2\n", "text/csv", "a.csv", "text/csv"},
		{"text that nobody named", "hello", "", "", "text/plain; charset=utf-8"},
		{"document in a ZIP container", "PK\x03\x04", "application/vnd.oasis.opendocument.text", "a.odt", "application/vnd.oasis.opendocument.text"},
		{"drawing with a program", "<?xml version=\"1.0\"?><svg/>", "image/svg+xml", "a.svg", "image/svg+xml"},
		{"bytes", "\x00\x01\x02", "application/octet-stream", "", "application/octet-stream"},
		{"type that is none", "\x00\x01\x02", "x\r\nSet-Cookie: a=b", "", "application/octet-stream"},
		{"type without end", "\x00\x01\x02", "a/" + strings.Repeat("b", 200), "", "application/octet-stream"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := contentType([]byte(c.head), c.declared, c.file); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFileNames(t *testing.T) {
	for given, want := range map[string]string{
		"photo.jpg":               "photo.jpg",
		"../../etc/passwd":        "passwd",
		`C:\Users\ann\photo.jpg`:  "photo.jpg",
		"":                        "file",
		"..":                      "file",
		"/":                       "file",
		"a\x00b\r\nSet-Cookie: x": "",
		"Größe 图.pdf":             "Größe 图.pdf",
	} {
		got := fileName(given)
		if want != "" && got != want || strings.ContainsAny(got, "\x00\r\n/\\") || got == "" {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
	long := fileName(strings.Repeat("ö", 1000) + ".pdf")
	if utf8.RuneCountInString(long) != maxFileName || !strings.HasSuffix(long, ".pdf") {
		t.Errorf("a long name became %d runes: %q", utf8.RuneCountInString(long), long)
	}
}

func FuzzFileName(f *testing.F) {
	f.Add("../a.b")
	f.Add("\xff\xfe.\x00")
	f.Fuzz(func(t *testing.T, s string) {
		got := fileName(s)
		if got == "" || got == "." || got == ".." || strings.ContainsAny(got, "\x00\r\n/\\") || !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxFileName {
			t.Errorf("%q became %q", s, got)
		}
	})
}
