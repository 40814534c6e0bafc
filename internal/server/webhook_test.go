package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// vendor is a channel whose vendor signs the URL and the body, and a store
// that may fail.
type vendor struct {
	mu      sync.Mutex
	batches []normalize.Batch
	paths   []string
	failing error
	release chan struct{} // where set, a commit waits for it
}

var errDisk = errors.New("disk full")

func signature(url, body string) string {
	m := hmac.New(sha256.New, []byte("vendor's secret"))
	m.Write([]byte(url + "\n" + body))
	return hex.EncodeToString(m.Sum(nil))
}

func (v *vendor) Parse(_ context.Context, r *connectors.Request) (normalize.Batch, connectors.Reply, error) {
	if r.Header.Get("X-Signature") != signature(r.URL, string(r.Body)) {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrForged
	}
	if r.Method == http.MethodGet {
		return normalize.Batch{}, connectors.Reply{ContentType: "text/plain", Body: []byte("challenge")}, nil
	}
	switch string(r.Body) {
	case "nonsense":
		return normalize.Batch{}, connectors.Reply{}, fmt.Errorf("%w: no such event", connectors.ErrMalformed)
	case "poison":
		panic("poison with a customer's words")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.paths = append(v.paths, r.Path)
	return normalize.Batch{Inputs: []normalize.Input{{Raw: r.Body, ReceivedAt: r.ReceivedAt}}},
		connectors.Reply{Status: http.StatusAccepted, ContentType: "application/xml", Body: []byte("<ok/>")}, nil
}

func (v *vendor) take(ctx context.Context, b normalize.Batch) error {
	if v.release != nil {
		select {
		case <-v.release:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failing != nil {
		return v.failing
	}
	v.batches = append(v.batches, b)
	return nil
}

func (v *vendor) taken() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.batches)
}

const publicURL = "https://support.example.com"

func vendorServer(t *testing.T, v *vendor, c Config) (*Server, *logged) {
	log := &logged{}
	c.PublicURL = publicURL
	return newTestServer(t, c, Deps{Log: log.logger(), Endpoint: func(name string) (Endpoint, bool) {
		return ChannelEndpoint(v, v.take), name == "sms"
	}}), log
}

func TestVendorsCalls(t *testing.T) {
	for _, c := range []struct {
		name, method, target, body string
		sign                       string // the URL that is signed, where it is not the one called
		failing                    error
		status                     int
		result                     string
		taken                      int
	}{
		{name: "signed", target: "/webhooks/sms", body: "hello", status: 202, result: "accepted", taken: 1},
		{name: "below the name, with a query", target: "/webhooks/sms/status?a=b%20c&d", body: "hello", status: 202, result: "accepted", taken: 1},
		{name: "verification", method: "GET", target: "/webhooks/sms?challenge=1", status: 200, result: "accepted"},
		{name: "signed for another host", target: "/webhooks/sms", body: "hello", sign: "https://evil.example.com/webhooks/sms", status: 401, result: "forged"},
		{name: "signed for another query", target: "/webhooks/sms?a=1", body: "hello", sign: publicURL + "/webhooks/sms?a=2", status: 401, result: "forged"},
		{name: "malformed", target: "/webhooks/sms", body: "nonsense", status: 400, result: "malformed"},
		{name: "poison", target: "/webhooks/sms", body: "poison", status: 503, result: "panic"},
		{name: "store down", target: "/webhooks/sms", body: "hello", failing: errDisk, status: 503, result: "failed"},
		{name: "too large", target: "/webhooks/sms", body: strings.Repeat("x", 5000), status: 413, result: "too_large"},
		{name: "nobody", target: "/webhooks/nobody", body: "hello", status: 404, result: "unknown"},
		{name: "wrong method", method: "DELETE", target: "/webhooks/sms", status: 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := &vendor{failing: c.failing}
			s, log := vendorServer(t, v, Config{MaxWebhook: 4096})
			cl := client(t, serve(t, s))
			method, sign := c.method, c.sign
			if method == "" {
				method = http.MethodPost
			}
			if sign == "" {
				sign = publicURL + c.target
			}
			req, err := http.NewRequest(method, "http://127.0.0.1"+c.target, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Signature", signature(sign, c.body))
			req.Header.Set("X-Forwarded-Host", "support.example.com")
			resp, err := cl.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if c.status >= 400 {
				readProblem(t, resp, c.status)
			} else {
				b, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != c.status || len(b) == 0 {
					t.Errorf("got %d %q, want %d with the channel's reply", resp.StatusCode, b, c.status)
				}
			}
			if v.taken() != c.taken {
				t.Errorf("%d batches committed, want %d", v.taken(), c.taken)
			}
			account := "sms"
			if c.result == "unknown" {
				account = ""
			}
			line := fmt.Sprintf("deskbridge_webhooks_total{account=%q,result=%q} 1\n", account, c.result)
			if c.result != "" && !strings.Contains(scrape(s), line) {
				t.Errorf("not counted as %s", c.result)
			}
			if strings.Contains(log.String(), "customer's words") || strings.Contains(log.String(), "a=b") {
				t.Errorf("the log shows what was sent: %s", log)
			}
		})
	}
}

func TestTheLogTellsWhyCallsAreRefusedAndIsNotFlooded(t *testing.T) {
	s, log := vendorServer(t, &vendor{}, Config{})
	cl := client(t, serve(t, s))
	for range 50 {
		resp, err := cl.Post("http://127.0.0.1/webhooks/sms", "text/plain", strings.NewReader("a stranger's words"))
		if err != nil {
			t.Fatal(err)
		}
		readProblem(t, resp, http.StatusUnauthorized)
	}
	if n := strings.Count(log.String(), "webhook refused"); n != 1 || !strings.Contains(log.String(), connectors.ErrForged.Error()) {
		t.Errorf("told %d times: %s", n, log)
	}
	if strings.Contains(log.String(), "stranger") {
		t.Errorf("the log shows what was sent: %s", log)
	}
}

func TestWhatStandsBelowTheNameReachesTheChannel(t *testing.T) {
	v := &vendor{}
	s, _ := vendorServer(t, v, Config{})
	cl := client(t, serve(t, s))
	for _, path := range []string{"", "/status", "/voice/recording"} {
		req, _ := http.NewRequest(http.MethodPost, "http://127.0.0.1/webhooks/sms"+path, strings.NewReader("x"))
		req.Header.Set("X-Signature", signature(publicURL+"/webhooks/sms"+path, "x"))
		resp, err := cl.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if got := fmt.Sprintf("%q", v.paths); got != `["" "/status" "/voice/recording"]` {
		t.Errorf("got %s", got)
	}
}

func TestTheVendorHearsOnlyAfterTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{release: make(chan struct{})}
		s, _ := vendorServer(t, v, Config{})
		conn := serve(t, s)()
		defer conn.Close()
		go fmt.Fprintf(conn, "POST /webhooks/sms HTTP/1.1\r\nHost: x\r\nX-Signature: %s\r\nContent-Length: 5\r\n\r\nhello",
			signature(publicURL+"/webhooks/sms", "hello"))
		answered := make(chan string, 1)
		go func() {
			line, _ := bufio.NewReader(conn).ReadString('\n')
			answered <- line
		}()
		synctest.Wait() // everything that can happen has happened
		select {
		case line := <-answered:
			t.Fatalf("answered before the commit: %s", line)
		default:
		}
		close(v.release)
		if line := <-answered; !strings.Contains(line, "202") {
			t.Errorf("got %q", line)
		}
	})
}

func TestAWedgedStoreIsA503(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{release: make(chan struct{})}
		s, _ := vendorServer(t, v, Config{})
		conn := serve(t, s)()
		defer conn.Close()
		begun := time.Now()
		go fmt.Fprintf(conn, "POST /webhooks/sms HTTP/1.1\r\nHost: x\r\nX-Signature: %s\r\nContent-Length: 5\r\n\r\nhello",
			signature(publicURL+"/webhooks/sms", "hello"))
		line, _ := bufio.NewReader(conn).ReadString('\n')
		if !strings.Contains(line, "503") || time.Since(begun) > commitTimeout {
			t.Errorf("got %q after %v", line, time.Since(begun))
		}
	})
}

// TestSlowAndEndlessClients shows how long each way of wasting our time lasts.
func TestSlowAndEndlessClients(t *testing.T) {
	head := "POST /webhooks/sms HTTP/1.1\r\nHost: x\r\n"
	for _, c := range []struct {
		name   string
		send   func(w io.Writer) error
		status string // "" is a cut connection
		within time.Duration
	}{
		{"headers that never end", func(w io.Writer) error {
			_, err := io.WriteString(w, head)
			for err == nil {
				time.Sleep(time.Second)
				_, err = io.WriteString(w, "X-Slow: 1\r\n")
			}
			return err
		}, "", 11 * time.Second},
		{"ten thousand headers", func(w io.Writer) error {
			_, err := io.WriteString(w, head+strings.Repeat("A: 1\r\n", 10_000)+"\r\n")
			return err
		}, "431", time.Second},
		{"a huge header", func(w io.Writer) error {
			_, err := io.WriteString(w, head+"A: "+strings.Repeat("x", 1<<20)+"\r\n\r\n")
			return err
		}, "431", time.Second},
		{"a body that stalls", func(w io.Writer) error {
			_, err := io.WriteString(w, head+"Content-Length: 100\r\n\r\nx")
			return err
		}, "408", stall + time.Second},
		{"a body that drips", func(w io.Writer) error {
			_, err := io.WriteString(w, head+"Content-Length: 1000\r\n\r\n")
			for err == nil {
				time.Sleep(time.Second)
				_, err = io.WriteString(w, "x")
			}
			return err
		}, "408", bodyTimeout + time.Second},
		{"100 MB announced", func(w io.Writer) error {
			_, err := io.WriteString(w, head+"Content-Length: 104857600\r\n\r\n")
			return err
		}, "413", time.Second},
		{"an endless chunked body", func(w io.Writer) error {
			_, err := io.WriteString(w, head+"Transfer-Encoding: chunked\r\n\r\n")
			for err == nil {
				_, err = io.WriteString(w, "1000\r\n"+strings.Repeat("x", 0x1000)+"\r\n")
			}
			return err
		}, "413", time.Second},
		{"a body for nobody that never comes", func(w io.Writer) error {
			_, err := io.WriteString(w, "POST /nobody HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
			return err
		}, "404", bodyTimeout + time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{}
				s, _ := vendorServer(t, v, Config{MaxWebhook: 1 << 20})
				conn := serve(t, s)()
				sent := make(chan error, 1)
				begun := time.Now()
				go func() { sent <- c.send(conn) }()
				answer, _ := io.ReadAll(conn) // until the server hangs up
				if took := time.Since(begun); took > c.within {
					t.Errorf("held us for %v, want %v at most", took, c.within)
				}
				conn.Close()
				<-sent
				if c.status == "" != (len(answer) == 0) || !strings.HasPrefix(string(answer), "HTTP/1.1 "+c.status) && c.status != "" {
					t.Errorf("got %.100q, want %q", answer, c.status)
				}
				if left := s.bodies.left.Load(); left != 128<<20 {
					t.Errorf("%d bytes of the budget are missing", 128<<20-left)
				}
				if v.taken() != 0 {
					t.Error("something was stored")
				}
			})
		})
	}
}

func TestBodiesUnderWayAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{release: make(chan struct{})}
		s, _ := vendorServer(t, v, Config{WebhookMemory: 100 << 10})
		dial := serve(t, s)
		body := strings.Repeat("x", 30<<10)
		call := func() net.Conn {
			conn := dial()
			go fmt.Fprintf(conn, "POST /webhooks/sms HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Signature: %s\r\nContent-Length: %d\r\n\r\n%s",
				signature(publicURL+"/webhooks/sms", body), len(body), body)
			return conn
		}
		var held []net.Conn
		for range 2 {
			held = append(held, call())
			synctest.Wait()
		}
		refused := call()
		answer, _ := io.ReadAll(refused)
		if !bytes.HasPrefix(answer, []byte("HTTP/1.1 503")) || !bytes.Contains(answer, []byte("Retry-After")) {
			t.Errorf("got %.100q, want 503 while others are under way", answer)
		}
		close(v.release)
		for _, conn := range held {
			answer, _ := io.ReadAll(conn)
			if !bytes.HasPrefix(answer, []byte("HTTP/1.1 202")) {
				t.Errorf("got %.100q for one that was under way", answer)
			}
		}
		if answer, _ := io.ReadAll(call()); !bytes.HasPrefix(answer, []byte("HTTP/1.1 202")) {
			t.Errorf("got %.100q once they were done", answer)
		}
	})
}
