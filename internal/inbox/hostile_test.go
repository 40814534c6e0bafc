package inbox_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// outside is a server of a stranger who wants to know whether their mail was
// read. It counts connections, since one alone tells them.
type outside struct {
	*httptest.Server
	connections, requests atomic.Int32
}

func startOutside(t *testing.T) *outside {
	t.Helper()
	o := &outside{}
	o.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		o.requests.Add(1)
		_, _ = io.WriteString(w, "hello")
	}))
	o.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			o.connections.Add(1)
		}
	}
	o.Start()
	t.Cleanup(o.Close)
	return o
}

// hostile is the HTML of a mail that tries what it can: to run, to load, to
// send the reader elsewhere. %[1]s is the server outside.
const hostile = `<base href="%[1]s/base/"><meta http-equiv=refresh content="0;url=%[1]s/refresh">
<link rel=stylesheet href="%[1]s/style.css"><link rel=preload as=image href="%[1]s/preload"><link rel=icon href="%[1]s/icon">
<style>@import url(%[1]s/import.css); @font-face{font-family:f;src:url(%[1]s/font)} body{background:url(%[1]s/back.png);font-family:f}</style>
<script>top.document.title="owned"; document.title="owned"; fetch("%[1]s/script")</script><script src="%[1]s/script.js"></script>
<p>Dear agent</p>
<img src="%[1]s/pixel.png" width=300 height=200 onerror="top.document.title='owned'"><img src=x onerror="top.document.title='owned'">
<img srcset="%[1]s/set.png 1x" src="%[1]s/set.png"><picture><source srcset="%[1]s/picture.png"><img src="relative.png"></picture>
<table background="%[1]s/table.png"><tr><td background="%[1]s/cell.png" style="background-image:url('%[1]s/td.png')">cell</td></tr></table>
<div style="background:url(%[1]s/inline.png)">one</div><ul style="list-style-image:url(%[1]s/list.png)"><li>two</li></ul>
<p style="content:url(%[1]s/content.png);cursor:url(%[1]s/cursor.cur),auto;background:image-set('%[1]s/image-set.png' 1x)">three</p>
<p style="background:u\72l(%[1]s/escaped.png)">four</p><p style="width:expression(alert(1));-moz-binding:url(%[1]s/binding)">five</p>
<iframe src="%[1]s/frame"></iframe><iframe srcdoc="<script>top.document.title='owned'</script><img src=%[1]s/srcdoc.png>"></iframe>
<object data="%[1]s/object"></object><embed src="%[1]s/embed"><applet code=x archive="%[1]s/applet"></applet>
<svg onload="top.document.title='owned'"><image href="%[1]s/svg.png"/><use href="%[1]s/use.svg#x"/><script>top.document.title='owned'</script><style>@import url(%[1]s/svg.css)</style></svg>
<math><mtext><table><mglyph><style><img src="%[1]s/math.png" onerror="top.document.title='owned'"></style></mglyph></table></mtext></math>
<noscript><p title="</noscript><img src=%[1]s/noscript.png onerror=top.document.title='owned'>"></p></noscript>
<video src="%[1]s/video" poster="%[1]s/poster" autoplay><track default src="%[1]s/track.vtt"></video><audio src="%[1]s/audio" autoplay></audio>
<form action="%[1]s/form"><input type=image src="%[1]s/input.png"><button autofocus onfocus="this.click()">x</button></form>
<details open ontoggle="top.document.title='owned'">x</details><marquee onstart="top.document.title='owned'">x</marquee>
<a id=js href="javascript:top.document.title='owned'">click</a><a href="java&#10;script:top.document.title='owned'" autofocus onfocus="this.click()">click</a>
<a href="data:text/html,<script>top.document.title='owned'</script>">click</a><body onload="top.document.title='owned'" background="%[1]s/body.png">`

func TestHostileMailRunsAndLoadsNothing(t *testing.T) {
	r, b, o := newRig(t), testenv.StartBrowser(t), startOutside(t)
	r.write("<script>document.title='owned'</script><img src=x onerror=document.title='owned'>", "text/html; charset=utf-8", fmt.Sprintf(hostile, o.URL))
	m := r.received(1)
	enter(b, r)
	b.Wait("the conversation in the list", `document.querySelector(".rows .subject")?.textContent.startsWith("<script>")`)
	b.Open(r.url + "c/" + m.ConversationID.String())
	b.Wait("the formatted mail", `document.querySelector("details.mail")`)
	b.Wait("the script", `document.querySelector("time").title`)
	b.Eval(`document.querySelector("details.mail iframe").addEventListener("load", () => { window.framed = true; })`, nil)
	b.Eval(`document.querySelector("details.mail").open = true`, nil)
	b.Wait("the frame", `window.framed`)
	picture(b, "hostile")
	// The mail by itself, too: its own policy has to hold without the frame.
	b.Open(r.url + "m/" + m.ID.String() + "/html")
	b.Wait("the words of the mail", `document.body.textContent.includes("Dear agent")`)
	b.Eval(`for (const a of document.querySelectorAll("a:not([href^=http])")) a.click()`, nil)
	b.Open(r.url + "c/" + m.ConversationID.String())
	b.Wait("the page", `document.querySelector("details.mail")`)
	notOwned(t, b)
	for _, u := range b.Requests() {
		if strings.HasPrefix(u, o.URL) {
			t.Errorf("the mail made the browser ask for %s", u)
		}
	}
	if n := o.connections.Load(); n != 0 {
		t.Errorf("the browser made %d connections to the stranger's server", n)
	}
	o.unasked(t, b)
}

// Were the sanitiser blind, the browser would still run and load nothing: the
// page's policy, the frame and the mail's own policy see to it.
func TestTheFrameHoldsByItself(t *testing.T) {
	r, b, o := newRig(t), testenv.StartBrowser(t), startOutside(t)
	r.write("Hello", "text/html; charset=utf-8", "<p>Hello</p>")
	m := r.received(1)
	in := r.login()
	_, page, shown := get(t, in, r.url+"c/"+m.ConversationID.String())
	_, _, mail := get(t, in, r.url+"m/"+m.ID.String()+"/html")
	_, frame, ok := strings.Cut(page, "<iframe ")
	frame, _, _ = strings.Cut(frame, ">")
	if !ok || !strings.Contains(frame, "sandbox=") || strings.Contains(frame, "allow-scripts") || strings.Contains(frame, "allow-same-origin") {
		t.Fatalf("the frame is %q", frame)
	}
	_, path, _ := strings.Cut(frame, ` src="`)
	path, _, _ = strings.Cut(path, `"`)
	// The same headers around the mail as the stranger wrote it.
	copied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		from, body := shown, "<title>ours</title><iframe "+strings.Replace(frame, `loading="lazy"`, "", 1)+"></iframe>"
		if q.URL.Path == path {
			from, body = mail, fmt.Sprintf(hostile, o.URL)
		}
		for _, name := range []string{"Content-Type", "Content-Security-Policy", "X-Frame-Options", "Referrer-Policy"} {
			w.Header().Set(name, from.Header.Get(name))
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(copied.Close)
	b.Open(copied.URL)
	b.Wait("the frame", `document.readyState === "complete" && frames.length === 1`)
	b.Eval(`new Promise((done) => setTimeout(done, 500))`, nil) // what would be loaded late has its time
	notOwned(t, b)
	o.unasked(t, b) // it may connect ahead of a request that it then refuses
}

func notOwned(t *testing.T, b *testenv.Browser) {
	t.Helper()
	var title string
	b.Eval(`document.title`, &title)
	if title == "" || strings.Contains(title, "owned") {
		t.Errorf("a script ran: the title is %q", title)
	}
}

// unasked checks that nothing was asked of the stranger's server, and that it
// would have noticed.
func (o *outside) unasked(t *testing.T, b *testenv.Browser) {
	t.Helper()
	if n := o.requests.Load(); n != 0 {
		t.Errorf("the browser made %d requests to the stranger's server", n)
	}
	b.Open(o.URL)
	if o.requests.Load() == 0 {
		t.Error("the stranger's server counts nothing")
	}
}
