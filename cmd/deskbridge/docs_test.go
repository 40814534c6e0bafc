package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/commands.md anew")

// docs/commands.md is what the grammar says, no more and no less.
func TestCommandsDocument(t *testing.T) {
	parser, err := newParser(&commands{}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	got := document(parser.Model)
	path := filepath.Join("..", "..", "docs", "commands.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s does not fit the commands (go test ./cmd/deskbridge -run Document -update):\n%s", path, diff)
	}
}

// Every command has a help text, and every flag says what it does.
func TestEverythingHasHelp(t *testing.T) {
	parser, err := newParser(&commands{}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	err = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		switch n := node.(type) {
		case *kong.Node:
			if n.Help == "" {
				t.Errorf("command %s has no help", n.Path())
			}
		case *kong.Value:
			if n.Help == "" {
				t.Errorf("%s has no help", n.ShortSummary())
			}
		}
		return next(nil)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func document(app *kong.Application) string {
	var b strings.Builder
	b.WriteString("# Commands\n\n" +
		"Made from the program's own grammar; `deskbridge COMMAND --help` says the same.\n\n" +
		"Exit codes: 0 done, 1 what was asked for failed, 2 wrong usage or configuration. Errors are\n" +
		"one line each on standard error. Ids are opaque strings.\n\n" +
		"`NO_COLOR` switches colours off; they are used on a terminal only. Lists in JSON are\n" +
		"`{\"items\": [...], \"next\": cursor or null}`, as in the API.\n\n" +
		"Every command takes:\n\n")
	flags(&b, app.Flags)
	for _, leaf := range app.Leaves(true) {
		path := strings.TrimPrefix(leaf.FullPath(), "deskbridge ")
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n    deskbridge %s%s\n", path, leaf.Help, path, operands(leaf))
		if len(leaf.Positional)+len(leaf.Flags) > 0 {
			b.WriteString("\n")
		}
		for _, p := range leaf.Positional {
			fmt.Fprintf(&b, "- `%s`: %s\n", strings.ToUpper(p.Name), p.Help)
		}
		flags(&b, leaf.Flags)
	}
	return b.String()
}

func operands(n *kong.Node) string {
	var s string
	for _, p := range n.Positional {
		name := strings.ToUpper(p.Name)
		if p.IsCumulative() {
			name += "..."
		}
		if !p.Required {
			name = "[" + name + "]"
		}
		s += " " + name
	}
	for _, f := range n.Flags {
		if f.Required {
			s += " " + flagForm(f)
		}
	}
	return s
}

func flags(b *strings.Builder, list []*kong.Flag) {
	for _, f := range list {
		if f.Hidden {
			continue
		}
		fmt.Fprintf(b, "- `%s`", flagForm(f))
		if f.Short != 0 {
			fmt.Fprintf(b, " (`-%c`)", f.Short)
		}
		fmt.Fprintf(b, ": %s", f.Help)
		var more []string
		if len(f.Envs) > 0 {
			more = append(more, "environment `"+f.Envs[0]+"`")
		}
		if f.HasDefault && f.Default != "" {
			more = append(more, "default `"+f.Default+"`")
		}
		if len(more) > 0 {
			fmt.Fprintf(b, " (%s)", strings.Join(more, ", "))
		}
		b.WriteString("\n")
	}
}

func flagForm(f *kong.Flag) string {
	if f.IsBool() {
		return "--" + f.Name
	}
	placeholder := f.PlaceHolder
	if placeholder == "" {
		placeholder = strings.ToUpper(f.Name)
	}
	return "--" + f.Name + " " + placeholder
}
