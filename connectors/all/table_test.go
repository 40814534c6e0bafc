package all_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors"
	_ "github.com/deskbridge/deskbridge/connectors/all"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
)

var update = flag.Bool("update", false, "write docs/channels.md")

const page = "../../docs/channels.md"

// TestTable keeps docs/channels.md true: what each channel can do, from its
// facts, its limits and its interfaces.
func TestTable(t *testing.T) {
	var b strings.Builder
	b.WriteString("# What each channel can do\n\nWritten by `go test ./connectors/all -update`; the suite of `connectors/connectortest`\nholds it against each channel's fixtures and a simulated vendor.\n")
	for _, name := range channel.Kinds.Names() {
		k, _ := channel.Kinds.Get(name)
		ch, err := k.New(k.Config(), connectors.Deps{
			Account: normalize.Account{Name: name, Type: name}, Log: slog.New(slog.DiscardHandler), HTTP: http.DefaultClient, Guarded: http.DefaultClient,
			Clock: connectors.SystemClock{}, PublicURL: "https://desk.example.com", Key: bytes.Repeat([]byte{1}, 32), MaxMedia: 25 << 20,
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		describe(t, &b, k, ch)
	}
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil || string(have) != b.String() {
		t.Errorf("docs/channels.md is not what the code says (%v): go test ./connectors/all -update", err)
	}
}

func describe(t *testing.T, b *strings.Builder, k channel.Kind, ch channel.Channel) {
	fmt.Fprintf(b, "\n## %s (`type: %s`)\n\n| | |\n|---|---|\n", k.Title, k.Type)
	row := func(what, says string) {
		if says != "" {
			fmt.Fprintf(b, "| %s | %s |\n", what, says)
		}
	}
	row("addresses", strings.Join(k.Addresses, ", "))
	row("comes in by", ways(ch))
	row("receives", join(k.Facts.Receives))
	row("sees of customers", words(
		yes(k.Facts.Edits, "edits"), yes(k.Facts.Deletes, "deletions"), yes(k.Facts.Reactions, "reactions"),
	))
	sender, ok := ch.(channel.Sender)
	if !ok {
		row("sends", "nothing: it only receives")
		return
	}
	l, err := sender.Limits(t.Context(), normalize.Thread{})
	if err != nil {
		t.Fatalf("%s: %v", k.Type, err)
	}
	row("sends", sends(l))
	row("longest text", words(yes(l.TextRunes > 0, strconv.Itoa(l.TextRunes)+" characters"),
		yes(l.TextUnits > 0, strconv.Itoa(l.TextUnits)+" characters, of which an emoji counts as two"), yes(l.TextBytes > 0, strconv.Itoa(l.TextBytes)+" bytes"),
		yes(l.TextRunes+l.TextUnits+l.TextBytes == 0, "any"), yes(l.Segments, "counted in SMS segments"), yes(l.Unordered, "pieces are numbered")))
	row("rich text", words(yes(l.HTML, "HTML"), string(l.Markup), yes(!l.HTML && l.Markup == "", "as plain words")))
	row("what it cannot carry", "goes as a link that ends (`media.link_ttl`)")
	row("reply window", cmp.Or(k.Facts.Window, "none: one may answer at any time")+yes(l.Template, "; after that by template"))
	row("reports", cmp.Or(join(k.Facts.Receipts), "nothing beyond acceptance"))
	row("after a send without an answer", resolves(ch, l))
	_, first := ch.(channel.Addresser)
	_, typing := ch.(channel.Typer)
	_, recall := ch.(channel.Recaller)
	_, profile := ch.(channel.Profiler)
	row("can also", words(yes(first, "write first"), yes(typing, "show typing"), yes(recall, "take back"), yes(profile, "look up who writes")))
	row("pace", pace(l))
}

func ways(ch channel.Channel) string {
	_, hook := ch.(channel.Webhook)
	_, stream := ch.(channel.Streamer)
	_, poll := ch.(channel.Poller)
	return words(yes(hook, "calls of the vendor"), yes(stream, "a connection or polls of ours"), yes(poll, "polls of ours"))
}

func sends(l channel.Limits) string {
	var list []string
	for _, kind := range slices.Sorted(maps.Keys(l.Kinds)) {
		limit := l.Kinds[kind]
		s := string(kind)
		if limit.Bytes > 0 {
			s += " to " + size(limit.Bytes)
		}
		if len(limit.Types) > 0 {
			s += " (" + strings.Join(limit.Types, ", ") + ")"
		}
		list = append(list, s)
	}
	return strings.Join(list, "; ") + yes(l.Bundle, "; all in one message") + yes(l.TotalBytes > 0, " of "+size(l.TotalBytes)+" at most")
}

func resolves(ch channel.Channel, l channel.Limits) string {
	_, asks := ch.(channel.Resolver)
	switch {
	case l.Idempotent:
		return "repeated: the vendor recognises it"
	case asks:
		return "looked up at the vendor"
	}
	return "a receipt or a person decides"
}

func pace(l channel.Limits) string {
	if l.Rate == 0 {
		return ""
	}
	return strconv.FormatFloat(l.Rate, 'g', 3, 64) + " requests a second"
}

func size(n int64) string {
	if n >= 1<<30 {
		return strconv.FormatFloat(float64(n)/(1<<30), 'g', 3, 64) + " GiB"
	}
	if n >= 1<<20 {
		return strconv.FormatFloat(float64(n)/(1<<20), 'g', 3, 64) + " MiB"
	}
	return strconv.FormatFloat(float64(n)/(1<<10), 'g', 3, 64) + " KiB"
}

func yes(b bool, s string) string {
	if b {
		return s
	}
	return ""
}

func words(list ...string) string {
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), ", ")
}

func join[T ~string](list []T) string {
	s := make([]string, len(list))
	for i, v := range list {
		s[i] = string(v)
	}
	return strings.Join(s, ", ")
}

// TestHelpdesksPage: docs/helpdesks.md has a row for each type of helpdesk, and
// each product with tickets a page of its own.
func TestHelpdesksPage(t *testing.T) {
	b, err := os.ReadFile("../../docs/helpdesks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range helpdesk.Kinds.Names() {
		if !strings.Contains(string(b), "\n| `"+name+"` |") {
			t.Errorf("docs/helpdesks.md has no row for type %s", name)
		}
		if name == "inbox" || name == "webhook" {
			continue
		}
		if _, err := os.Stat("../../docs/" + name + ".md"); err != nil {
			t.Errorf("type %s has no page: %v", name, err)
		}
	}
}
