package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"
)

// withPicture is a mail with a file that its raw form is kept without.
func withPicture(from, id, subject string) []byte {
	var lines strings.Builder
	encoded := base64.StdEncoding.EncodeToString(picture(subject))
	for ; len(encoded) > 76; encoded = encoded[76:] {
		lines.WriteString(encoded[:76] + "\r\n")
	}
	lines.WriteString(encoded)
	raw := letter(from, id, subject, "--b\r\n\r\nLook at this.\r\n--b\r\nContent-Type: image/jpeg; name=a.jpg\r\nContent-Transfer-Encoding: base64\r\n\r\n"+
		lines.String()+"\r\n--b--")
	return bytes.Replace(raw, []byte("text/plain; charset=utf-8"), []byte("multipart/mixed; boundary=b"), 1)
}

// wholeMails holds the raw mails and files that a customer's export has against
// what was delivered, by subject, and returns how many there were.
func (r *rig) wholeMails(customer string, messages map[string]string, delivered map[string][]byte) (n int) {
	t := r.t
	t.Helper()
	b, err := r.request("GET", "http://"+r.listen+"/v1/customers/"+customer+"/export", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	pictures := map[string]bool{}
	for _, f := range z.File {
		content := unzip(t, f)
		if strings.HasPrefix(f.Name, "media/") {
			pictures[string(content)] = true
		}
		id, isRaw := strings.CutPrefix(f.Name, "raw/")
		subject := messages[strings.TrimSuffix(id, ".eml")]
		if !isRaw || delivered[subject] == nil {
			continue
		}
		n++
		if !bytes.Equal(content, delivered[subject]) {
			t.Errorf("the raw mail of %q has %d bytes, was delivered with %d, or others", subject, len(content), len(delivered[subject]))
		}
	}
	for id, subject := range messages {
		if delivered[subject] != nil && !pictures[string(picture(subject))] {
			t.Errorf("the picture of %q, message %s, is not there", subject, id)
		}
	}
	return n
}

func unzip(t *testing.T, f *zip.File) []byte {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", f.Name, err))
	}
	return b
}
