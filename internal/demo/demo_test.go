package demo

import (
	"bytes"
	"context"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output is what the visitor sees.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// await returns the output once it matches.
func (o *output) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(testenv.Patience); ; time.Sleep(5 * time.Millisecond) {
		if found := re.FindStringSubmatch(o.String()); found != nil {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q did not show up in\n%s", pattern, o.String())
		}
	}
}

// play runs the demo for a visitor until the test ends, and returns the link.
func play(t *testing.T, o Options) (link string, out *output) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out = &output{}
	o.Out, o.View = out, view()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, o) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return out.await(t, `Open +(http://127\.0\.0\.1:[0-9]+/open/[A-Z0-9]+)`)[1], out
}

func view() cli.Options { return cli.Options{Width: 100, Now: time.Now()} }

func TestOnceSeesEverything(t *testing.T) {
	folders := func() []string {
		found, err := filepath.Glob(filepath.Join(os.TempDir(), "deskbridge-demo-*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	t.Setenv("TMPDIR", t.TempDir())
	var out output
	if err := Run(t.Context(), Options{Once: true, Out: &out, View: view()}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"Anna Weber", "Lieferschein-4711.pdf", "陈晓", "发票抬头开错了", "田中 美咲", "返品について",
		"could not be read (too_deep", "sent by a machine", "remote images are blocked",
		"arrived in the mailbox of Anna Weber, in the thread", "failed: will not arrive", "✓ every webhook signed",
		"林悦 (wechat)", "(wecom)", "+8613912345678 (phone)", "Nora Lindqvist (slack)", "Jonas Berger (telegram)", "Is the seam meant",
		"corrected by the customer", "in green?", "arrived at 林悦 by WeChat", "arrived at 王磊 by WeCom", "arrived at Lin Yue by SMS",
		"arrived at Nora Lindqvist by Slack", "arrived at Jonas Berger by Telegram", "delivered: the vendor says", "☎ missed call",
		"Please call me back", "three customers so far", "one customer with one timeline", "has blocked the bot",
		"Jonas Berger must not be written to any more",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.ContainsAny(out.String(), "\x1b\x07\u202e") {
		t.Error("a customer's control characters reached the terminal")
	}
	if left := folders(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestInterruptStopsSoon(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out output
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Options{Out: &out, View: view()}) }()
	out.await(t, "Ctrl-C stops the demo")
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(testenv.Patience):
		t.Fatal("it does not stop")
	}
	out.await(t, "is removed")
}

func TestAStoreThatIsKeptPlaysAgain(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		var out output
		if err := Run(t.Context(), Options{Once: true, Data: dir, Out: &out, View: view()}); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
	}
	// The third time so slowly that nobody but Anna has written anew.
	link, _ := play(t, Options{Data: dir, Speed: 0.1})
	b := newGuestBrowser(t, link)
	for page, want := range map[string]string{
		"oisin/call": oisinSays, "lin/sms": "The coat leaves today.", "anna/mail": "geht heute an Sie ab", "nora/slack": inGreen,
	} {
		if shown := html.UnescapeString(b.get("phone/" + page)); !strings.Contains(shown, want) || strings.Contains(shown, "RW-4720") {
			t.Errorf("no %q, or what never arrived, on %s", want, shown)
		}
	}
	if page := b.get("inbox/canned"); !strings.Contains(page, "Hello {customer}") {
		t.Errorf("no canned answer on %s", page)
	}
	picture := regexp.MustCompile(`<img src="/(phone/file/[0-9]+)"`).FindStringSubmatch(b.get("phone/jonas/telegram"))
	if picture == nil || b.get(picture[1]) != string(seam().Content) {
		t.Errorf("the picture of the first run is not on the phone: %v", picture)
	}
}
