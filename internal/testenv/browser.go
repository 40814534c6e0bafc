package testenv

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
)

// Browser is a headless Chromium with one page, driven by the DevTools
// protocol over a pipe (https://chromedevtools.github.io/devtools-protocol/).
type Browser struct {
	t    testing.TB
	in   io.Writer
	page string // session of the page

	mu       sync.Mutex
	last     int
	waiting  map[int]chan reply
	requests []string
	failed   []string
	chooser  int // node that asked for a file
	closed   bool
}

type reply struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// StartBrowser starts Chromium with an empty profile. The browser ends with
// the test, and when the test's process does.
func StartBrowser(t testing.TB) *Browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv(RequireEnv) != "" {
			t.Fatal("chromium is not installed, so the pages in a real browser cannot be tested: run make test")
		}
		NotTested(t, "chromium is not installed, so nothing was tested in a real browser")
	}
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile := t.TempDir()
	cmd := exec.Command(program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--lang=en", "--user-data-dir="+profile, "about:blank")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4, as the protocol says
	cmd.Env = append(os.Environ(), "HOME="+profile)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = theirIn.Close(), theirOut.Close()
	b := &Browser{t: t, in: ourOut, waiting: map[int]chan reply{}}
	read := make(chan struct{})
	go func() { defer close(read); b.read(ourIn) }()
	t.Cleanup(func() {
		_ = ourOut.Close() // Chromium ends with its pipe
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		poll(deadline, func() bool { return !groupLives(cmd.Process.Pid) }) // or one still writes while the profile is removed
		<-read
		_ = ourIn.Close()
	})
	var target struct{ TargetID, SessionID string }
	b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	b.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &target)
	b.page = target.SessionID
	for _, domain := range []string{"Page", "Network", "Runtime"} {
		b.call(b.page, domain+".enable", nil, nil)
	}
	b.Resize(1280, 800)
	return b
}

// read takes in what the browser says until its end.
func (b *Browser) read(from io.Reader) {
	r := bufio.NewReader(from)
	for {
		line, err := r.ReadBytes(0)
		if err != nil {
			break
		}
		var m reply
		if json.Unmarshal(line[:len(line)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		if m.ID != 0 {
			if c := b.waiting[m.ID]; c != nil {
				c <- m
				delete(b.waiting, m.ID)
			}
		} else {
			b.note(m)
		}
		b.mu.Unlock()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for id, c := range b.waiting {
		close(c)
		delete(b.waiting, id)
	}
}

// note keeps what pages asked for, and what went wrong in them.
func (b *Browser) note(m reply) {
	switch m.Method {
	case "Network.requestWillBeSent":
		var p struct{ Request struct{ URL string } }
		if json.Unmarshal(m.Params, &p) == nil {
			b.requests = append(b.requests, p.Request.URL)
		}
	case "Runtime.exceptionThrown":
		b.failed = append(b.failed, string(m.Params))
	case "Page.fileChooserOpened":
		b.asked(m.Params)
	}
}

func (b *Browser) call(session, method string, params, result any) {
	b.t.Helper()
	if err := b.try(session, method, params, result); err != nil {
		b.t.Fatalf("browser: %s: %v", method, err)
	}
}

func (b *Browser) try(session, method string, params, result any) error {
	answer := make(chan reply, 1)
	b.mu.Lock()
	b.last++
	m := map[string]any{"id": b.last, "method": method}
	if session != "" {
		m["sessionId"] = session
	}
	if params != nil {
		m["params"] = params
	}
	line, err := json.Marshal(m)
	if err == nil && b.closed {
		err = io.ErrClosedPipe
	}
	if err == nil {
		b.waiting[b.last] = answer
		_, err = b.in.Write(append(line, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), deadline)
	defer cancel()
	select {
	case r, ok := <-answer:
		switch {
		case !ok:
			return io.ErrUnexpectedEOF
		case r.Error != nil:
			return fmt.Errorf("%s", r.Error.Message)
		case result != nil:
			return json.Unmarshal(r.Result, result)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Open goes to an address and waits until its page has been loaded.
func (b *Browser) Open(address string) {
	b.t.Helper()
	var r struct{ ErrorText string }
	b.call(b.page, "Page.navigate", map[string]any{"url": address}, &r)
	if r.ErrorText != "" {
		b.t.Fatalf("browser: %s: %s", address, r.ErrorText)
	}
	b.Wait("the page "+address, `document.readyState === "complete" && location.href !== "about:blank"`)
}

// Eval runs an expression in the page and puts its value into out, which may
// be nil.
func (b *Browser) Eval(expression string, out any) {
	b.t.Helper()
	if err := b.eval(expression, out); err != nil {
		b.t.Fatalf("browser: %s: %v", expression, err)
	}
}

func (b *Browser) eval(expression string, out any) error {
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	err := b.try(b.page, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	switch {
	case err != nil:
		return err
	case r.ExceptionDetails != nil:
		return fmt.Errorf("%s", r.ExceptionDetails.Exception.Description)
	case out != nil && len(r.Result.Value) > 0:
		return json.Unmarshal(r.Result.Value, out)
	}
	return nil
}

// Wait waits until an expression is true in the page, which may be loaded anew
// meanwhile.
func (b *Browser) Wait(what, expression string) {
	b.t.Helper()
	WaitFor(b.t, deadline, what, func() bool {
		var is bool
		return b.eval("Boolean("+expression+")", &is) == nil && is
	})
}

// Type writes into what has the focus.
func (b *Browser) Type(text string) {
	b.t.Helper()
	b.call(b.page, "Input.insertText", map[string]any{"text": text}, nil)
}

// Resize sets the size of the window, in pixels.
func (b *Browser) Resize(width, height int) {
	b.t.Helper()
	b.call(b.page, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
}

// Prefer sets what pages ask the system for: "dark" or "light", and a language.
func (b *Browser) Prefer(scheme, language string) {
	b.t.Helper()
	b.call(b.page, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.call(b.page, "Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]string{"Accept-Language": language}}, nil)
}

// Requests returns the addresses that pages asked for so far.
func (b *Browser) Requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.requests...)
}

// Failures returns what scripts threw without catching it.
func (b *Browser) Failures() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.failed...)
}
