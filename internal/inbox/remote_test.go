package inbox_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// Images from elsewhere come when an agent asks for them, by way of us, and
// only what is an image.
func TestRemoteImagesAreShownOnRequest(t *testing.T) {
	png, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked := map[string]string{} // paths, with what the request told
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path] = r.Header.Get("Cookie") + r.Header.Get("Referer")
		mu.Unlock()
		switch r.URL.Path {
		case "/good":
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write(png)
		case "/svg":
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="top.document.title='owned'"/>`))
		case "/large":
			_, _ = w.Write(append(png, make([]byte, 3<<20)...))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(outside.Close)
	mail := fmt.Sprintf(`<p>Look:</p><img src="%[1]s/good" width=40 height=40><img src="%[1]s/svg"><img src="%[1]s/large"><img src="%[1]s/none">`, outside.URL)

	r, b := newRigWith(t, setup{guarded: outside.Client()}), testenv.StartBrowser(t)
	r.write("Newsletter", "text/html; charset=utf-8", mail)
	m := r.received(1)
	enter(b, r)
	b.Open(r.url + "c/" + m.ConversationID.String())
	b.Wait("the script", `document.querySelector("time").title`)
	b.Eval(`document.querySelector("details.mail iframe").addEventListener("load", () => { window.framed = (window.framed || 0) + 1; })`, nil)
	b.Eval(`document.querySelector("details.mail").open = true`, nil)
	b.Wait("the frame", `window.framed === 1`)
	mu.Lock()
	if len(asked) > 0 {
		t.Errorf("asked for without a word: %v", asked)
	}
	mu.Unlock()
	b.Eval(`document.querySelector("details.mail form button").click()`, nil)
	b.Wait("the frame with images", `window.framed === 2`)
	picture(b, "remote-images")
	mu.Lock()
	if len(asked) != 4 || asked["/good"] != "" {
		t.Errorf("asked for: %v", asked)
	}
	mu.Unlock()
	for _, u := range b.Requests() {
		if strings.HasPrefix(u, outside.URL) {
			t.Errorf("the browser asked for %s", u)
		}
	}
	code, page, res := post(t, r.login(), r.url+"m/"+m.ID.String()+"/html", nil, nil)
	if code != http.StatusOK || strings.Count(page, `src="data:image/png;base64,`) != 1 || !strings.Contains(page, "could not be loaded: 3") ||
		!strings.Contains(res.Header.Get("Content-Security-Policy"), "img-src data:;") {
		t.Errorf("%d %s\n%s", code, res.Header.Get("Content-Security-Policy"), page)
	}
}

// What a mail names on our own network is not fetched.
func TestRemoteImagesAreNoWayIntoOurNetwork(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a server of ours was asked") }))
	t.Cleanup(inside.Close)
	r := newRig(t)
	r.write("Newsletter", "text/html; charset=utf-8", fmt.Sprintf(`<img src="%s/a.png">`, inside.URL))
	m := r.received(1)
	code, page, _ := post(t, r.login(), r.url+"m/"+m.ID.String()+"/html", nil, nil)
	if code != http.StatusOK || !strings.Contains(page, "could not be loaded: 1") {
		t.Errorf("%d %s", code, page)
	}
}
