package e2e

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// zeros reads as n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

func hostileMails(t *testing.T) map[string][]byte {
	t.Helper()
	var headers strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&headers, "X-Header-%d: value\r\n", i)
	}
	var deep strings.Builder
	for i := range 500 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	head := "From: evil@customers.test\r\nTo: " + support + "\r\nMessage-ID: <%s@customers.test>\r\nSubject: %s\r\nMIME-Version: 1.0\r\n"
	mail := func(name, rest string) []byte { return []byte(fmt.Sprintf(head, name, name) + rest) }
	return map[string][]byte{
		"headers": mail("headers", headers.String()+"\r\nx"),
		"deep":    mail("deep", deep.String()+"\r\nx"),
		"big":     mail("big", "\r\n"+strings.Repeat(strings.Repeat("x", 76)+"\r\n", 400_000)),
		"bomb": mail("bomb", "Content-Type: application/zip; name=bomb.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"+
			base64.StdEncoding.EncodeToString(bomb(t))),
	}
}

// bomb is a ZIP file with a gigabyte of zeros. One piece of them is packed, and
// stands in the file again and again.
func bomb(t *testing.T) []byte {
	t.Helper()
	const pieces, piece = 1024, 1 << 20
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var packed, stream, file bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	must(err)
	sum := crc32.NewIEEE()
	for i := range pieces {
		_, _ = sum.Write(make([]byte, piece))
		if i < 2 { // all that follow are packed like the second
			packed.Reset()
			_, err := w.Write(make([]byte, piece))
			must(err)
			must(w.Flush())
		}
		_, _ = stream.Write(packed.Bytes())
	}
	packed.Reset()
	must(w.Close())
	_, _ = stream.Write(packed.Bytes())
	z := zip.NewWriter(&file)
	f, err := z.CreateRaw(&zip.FileHeader{Name: "zeros", Method: zip.Deflate, CRC32: sum.Sum32(), CompressedSize64: uint64(stream.Len()), UncompressedSize64: pieces * piece})
	must(err)
	_, err = f.Write(stream.Bytes())
	must(err)
	must(z.Close())
	return file.Bytes()
}

// Hostile mails are quarantined or kept as they are, each with a reason, the
// mailbox goes on, and memory stays bounded.
func TestHostileInput(t *testing.T) {
	r := newMailRig(t, func(_ *testing.T, dir string) string { return "sqlite://" + filepath.Join(dir, "deskbridge.db") })
	r.usePlain()
	r.start()
	mails := hostileMails(t)
	for _, raw := range mails {
		r.imap.Deliver(support, "INBOX", raw)
	}
	r.imap.Deliver(support, "INBOX", letter("good@customers.test", "good@customers.test", "good", "x"))
	testenv.WaitFor(t, testenv.Patience, "the good mail behind the hostile ones", func() bool {
		for _, e := range r.desk.received("message.received") {
			if e.Data.Subject == "good" {
				return true
			}
		}
		return false
	})
	var ledger struct {
		Items []struct{ ID, Outcome, Reason string }
	}
	r.json(&ledger, "ledger", "list", "--json", "--limit", "50")
	if len(ledger.Items) != len(mails)+1 {
		t.Errorf("%d ledger rows, want %d", len(ledger.Items), len(mails)+1)
	}
	quarantined := 0
	for _, e := range ledger.Items {
		if e.Outcome == "quarantined" {
			quarantined++
			if e.Reason == "" {
				t.Errorf("%s is quarantined without a reason", e.ID)
			}
		}
	}
	if quarantined != 3 {
		t.Errorf("%d mails are quarantined, want the one with 10,000 headers, the deep one and the big one: %+v", quarantined, ledger.Items)
	}
	// The customer's timeline shows that there was something.
	if out := r.run("timeline", "evil@customers.test"); !strings.Contains(out, "ledger") {
		t.Errorf("no stub on the timeline:\n%s", out)
	}
	r.hostileCalls()
	if rss := r.peakMemory(); rss > 300<<20 {
		t.Errorf("the daemon took %d MiB", rss>>20)
	}
	r.stop()
}

// usePlain makes the daemon one without the race detector.
func (r *rig) usePlain() {
	r.t.Helper()
	var err error
	if r.bin, err = plain(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) hostileCalls() {
	t := r.t
	do := func(want int, method, path, token string, body io.Reader) {
		t.Helper()
		req, err := http.NewRequest(method, "http://"+r.listen+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if status, err := ask(req); err != nil || status != want {
			t.Errorf("%s %s: %d, %v, want %d", method, path, status, err, want)
		}
	}
	do(http.StatusUnauthorized, "GET", "/v1/customers", "wrong", nil)
	do(http.StatusUnauthorized, "GET", "/v1/customers", "", nil)
	do(http.StatusNotFound, "POST", "/webhooks/nobody", "", strings.NewReader("{}"))
	do(http.StatusRequestEntityTooLarge, "POST", "/v1/messages", r.token, &zeros{n: 100 << 20})
	do(http.StatusRequestEntityTooLarge, "POST", "/v1/media?name=x", r.token, &zeros{n: 100 << 20})

	// Clients that stall hold up nobody.
	for range 50 {
		c, err := net.Dial("tcp", r.listen)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", r.token)
	}
	r.must("GET", "/v1/customers", nil, nil)
}

// peakMemory returns the most that the daemon ever had resident, in bytes.
func (r *rig) peakMemory() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.daemon.cmd.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscanf(rest, "%d", &kib); err != nil {
		r.t.Fatalf("VmHWM in %s: %v", b, err)
	}
	return kib << 10
}
