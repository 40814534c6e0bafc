package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGolden(t *testing.T) {
	narrow := Options{Width: 60, Now: t0.Add(72 * time.Hour)}
	broad := Options{Width: 100, Now: t0.Add(72 * time.Hour), Zone: time.FixedZone("CST", 8*3600)}
	redacted := broad
	redacted.Redact = strings.NewReplacer("hunter2", "<secret>").Replace

	tests := map[string]func(w *bytes.Buffer) error{
		"timeline_60":  func(w *bytes.Buffer) error { return RenderTimeline(w, sampleTimeline(), narrow) },
		"timeline_100": func(w *bytes.Buffer) error { return RenderTimeline(w, sampleTimeline(), broad) },
		"timeline_empty": func(w *bytes.Buffer) error {
			return RenderTimeline(w, Timeline{Customer: sampleTimeline().Customer}, broad)
		},
		"explain_answer": func(w *bytes.Buffer) error {
			l := sampleLife()
			l.Next = Advise(l, redacted, map[string]string{"desk": "its password was refused"})
			return RenderLife(w, l, redacted)
		},
		"explain_input": func(w *bytes.Buffer) error {
			l := sampleInput()
			l.Next = Advise(l, narrow, nil)
			return RenderLife(w, l, narrow)
		},
		"table": func(w *bytes.Buffer) error {
			table := Table{Head: []string{"ID", "NAME", "ADDRESSES"}, Flex: 2, Rows: [][]string{
				{"0kabc", "张伟", "zhang@example.cn, +8613800000000, zhang.wei.the.second@example.cn"},
				{"0kabd", hostile, "b@example.org"},
			}}
			return table.Write(w, narrow)
		},
		"checks": func(w *bytes.Buffer) error {
			return RenderChecks(w, []Check{
				{Name: "configuration", Level: OK, Text: "/etc/deskbridge/deskbridge.yaml"},
				{
					Name: "channel support", Level: Fail, Text: "account_down: 535 5.7.8: the server refused user and password",
					Advice: "set imap.password to what the provider shows under app passwords, then run doctor again",
				},
				{Name: "disk", Level: Warn, Text: "900 MiB free"},
			}, narrow)
		},
	}
	for name, draw := range tests {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := draw(&b); err != nil {
				t.Fatal(err)
			}
			for n, line := range strings.Split(b.String(), "\n") {
				if i := strings.IndexFunc(line, unicode.IsControl); i >= 0 {
					t.Errorf("line %d steers the terminal: %q", n+1, line)
				}
			}
			path := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("not as in %s (-update writes it anew):\n%s", path, diff)
			}
		})
	}
}

// With colour, the only escape sequences are our own.
func TestColorKeepsHostileTextHarmless(t *testing.T) {
	var b bytes.Buffer
	if err := RenderTimeline(&b, sampleTimeline(), Options{Width: 80, Color: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\x1b[1m") {
		t.Fatal("no colour at all")
	}
	for _, st := range []style{"0", bold, dim, red, green, yellow, blue, cyan} {
		b = *bytes.NewBufferString(strings.ReplaceAll(b.String(), "\x1b["+string(st)+"m", ""))
	}
	if i := strings.IndexByte(b.String(), 0x1b); i >= 0 {
		t.Errorf("foreign escape sequence: %q", b.String()[i:min(i+20, b.Len())])
	}
}

// No line of a timeline or an explanation is wider than the terminal.
func TestLinesFit(t *testing.T) {
	for _, width := range []int{60, 80, 100, 120} {
		var b bytes.Buffer
		o := Options{Width: width, Now: t0}
		l := sampleLife()
		l.Next = Advise(l, o, nil)
		if err := RenderTimeline(&b, sampleTimeline(), o); err != nil {
			t.Fatal(err)
		}
		if err := RenderLife(&b, l, o); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(b.String(), "\n") {
			if Width(line) > width && !strings.Contains(line, "deskbridge ") {
				t.Errorf("width %d: %d columns: %q", width, Width(line), line)
			}
		}
	}
}

func TestExplainTellsWhoAskedForAMessage(t *testing.T) {
	bounce := &timeline.LedgerEntry{ID: id(60), Outcome: normalize.Accepted}
	sent := []JobLife{{Job: &outbox.Job{ID: id(70), Lane: outbox.Deliver, Task: outbox.TaskSend, State: outbox.Done}}}
	for name, c := range map[string]struct {
		life Life
		want string
	}{
		"by the API, without an author":     {Life{Jobs: sent}, "asked for by us"},
		"the same, looked up by its bounce": {Life{Jobs: sent, Ledger: bounce}, "asked for by us"},
		"typed in the vendor's app":         {Life{Ledger: bounce}, "taken over from the channel"},
	} {
		c.life.Message = &normalize.Message{
			ID: id(1), Direction: normalize.Outbound, Channel: support, Address: zhang, ReceivedAt: t0,
			Parts: []normalize.Part{{Kind: normalize.PartText}},
		}
		var b strings.Builder
		if err := RenderLife(&b, c.life, Options{Width: 100, Now: t0}); err != nil || !strings.Contains(b.String(), c.want+", 1 part\n") {
			t.Errorf("%s: %v\n%s\nwant %q", name, err, b.String(), c.want)
		}
	}
}
