package email

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"
	"pgregory.net/rapid"

	"github.com/deskbridge/deskbridge/normalize"
)

// drawPart draws a part, and notes a token for each leaf in it.
func drawPart(t *rapid.T, depth int, allowed []string, tokens *[]string) string {
	kind := rapid.SampledFrom(allowed).Draw(t, "kind")
	token := fmt.Sprintf("token%dx", len(*tokens))
	if sub, ok := strings.CutPrefix(kind, "multipart/"); ok {
		boundary := fmt.Sprintf("b%d-%d", depth, rapid.IntRange(0, 1<<30).Draw(t, "boundary"))
		var b strings.Builder
		fmt.Fprintf(&b, "Content-Type: multipart/%s; boundary=\"%s\"\r\n\r\npreamble\r\n", sub, boundary)
		all := []string{"text/plain", "text/html", "image/png", "application/pdf", "message/rfc822", "text/calendar", "application/pkcs7-mime"}
		if depth < 4 {
			all = append(all, "multipart/mixed", "multipart/related", "multipart/alternative")
		}
		for i := range rapid.IntRange(1, 4).Draw(t, "parts") {
			from := all
			if sub == "alternative" { // one of each form: of two the last is meant
				if i > 2 {
					break
				}
				from = [][]string{{"text/plain"}, {"text/html"}, {"text/calendar", "image/png"}}[i]
			}
			b.WriteString("--" + boundary + "\r\n" + drawPart(t, depth+1, from, tokens) + "\r\n")
		}
		return b.String() + "--" + boundary + "--\r\nepilogue\r\n"
	}
	*tokens = append(*tokens, token)
	content := token + " content"
	head := "Content-Type: " + kind
	switch kind {
	case "text/html":
		content = "<p>" + content + "</p>"
	case "text/calendar":
		content = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:" + token + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	case "message/rfc822":
		return head + "\r\n\r\nSubject: inner\r\n\r\n" + content
	case "image/png":
		head += "\r\nContent-ID: <" + token + "@x>"
	}
	switch rapid.SampledFrom([]string{"", "base64", "8-bit", "BASE64"}).Draw(t, "encoding") {
	case "base64", "BASE64":
		return head + "\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(content))
	case "8-bit":
		head += "\r\nContent-Transfer-Encoding: 8-bit"
	}
	return head + "\r\n\r\n" + content
}

// TestNoPartIsLost: whatever a mail is made of, each of its leaves is found in
// the text, in the HTML or among the files.
func TestNoPartIsLost(t *testing.T) {
	e := offline(t)
	rapid.Check(t, func(t *rapid.T) {
		var tokens []string
		raw := "From: a@customers.test\r\nMIME-Version: 1.0\r\n" + drawPart(t, 0, []string{"multipart/mixed", "multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png"}, &tokens)
		item, err := e.Decode(normalize.Input{Raw: []byte(raw), ReceivedAt: now})
		if err != nil {
			t.Fatal(err)
		}
		m := item.(*normalize.Message)
		for _, token := range tokens {
			if !carries(m, token) {
				t.Fatalf("%s is lost:\n%s", token, raw)
			}
		}
	})
}

func carries(m *normalize.Message, token string) bool {
	if strings.Contains(m.FullText, token) || strings.Contains(m.HTML, token) {
		return true
	}
	for _, p := range m.Parts {
		if p.Media != nil && strings.Contains(string(p.Media.Data), token) {
			return true
		}
	}
	return false
}

// corpusMails returns all mails by others that are at hand.
func corpusMails(t *testing.T) []string {
	t.Helper()
	var files []string
	_ = filepath.WalkDir(corpus(t, ""), func(path string, d os.DirEntry, err error) error {
		if ext := filepath.Ext(path); err == nil && !d.IsDir() && (ext == ".eml" || ext == ".txt") {
			files = append(files, path)
		}
		return nil
	})
	return files
}

// TestCorpusLosesNothing: mails by others neither crash nor hang the decoder,
// and it finds at least as many files as an independent reader does.
func TestCorpusLosesNothing(t *testing.T) {
	e := offline(t)
	for _, name := range corpusMails(t) {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		in := normalize.Input{Raw: raw, ReceivedAt: now}
		item, err := e.Decode(in)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: %v", name, took)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "no_sender: ") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		m, ok := item.(*normalize.Message)
		if !ok {
			continue
		}
		checkMessage(t, m)
		env, err := enmime.ReadEnvelope(strings.NewReader(string(raw)))
		if err != nil {
			continue
		}
		files := 0
		for _, p := range m.Parts {
			if p.Media != nil {
				files++
			}
		}
		want := 0
		for _, p := range append(env.Attachments, env.Inlines...) {
			// A text that is shown in its place is text here.
			if strings.Contains(p.ContentType, "/") && !strings.HasPrefix(p.ContentType, "text/") {
				want++
			}
		}
		if files < want {
			t.Errorf("%s: %d files, want %d", name, files, want)
		}
		if strings.Trim(env.Text, "- \n") != "" && m.FullText == "" {
			t.Errorf("%s: no text, want %q", name, env.Text)
		}
	}
}

// checkMessage fails when anything in m is not what the model promises.
func checkMessage(t *testing.T, m *normalize.Message) {
	t.Helper()
	for what, s := range map[string]string{"text": m.Text, "full text": m.FullText, "html": m.HTML, "subject": m.Subject, "id": m.ExternalID, "from": m.Address.String()} {
		clean(t, what, s)
	}
	for _, p := range m.Parts {
		clean(t, "a part", p.Text)
		if p.Media != nil {
			clean(t, "a file name", p.Media.Name)
		}
	}
}
