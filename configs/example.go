package configs

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Example returns an annotated configuration with one account. kind is
// "channel" or "helpdesk"; with an empty kind it is found by the type. What
// must be set is set, with references for secrets; the rest is commented out
// and shows its default.
func Example(kind, typ string, t Types) (string, error) {
	for _, k := range []struct {
		kind, list string
		types      map[string]func() Settings
	}{{"channel", "channels", t.Channels}, {"helpdesk", "helpdesks", t.Helpdesks}} {
		create, ok := k.types[typ]
		if !ok || kind != "" && kind != k.kind {
			continue
		}
		return k.list + ":\n" + strings.Join(exampleAccount(k.kind, typ, create), "\n") + "\n", nil
	}
	known := slices.Sorted(maps.Keys(t.Channels))
	known = slices.Concat(known, slices.Sorted(maps.Keys(t.Helpdesks)))
	return "", fmt.Errorf("unknown type %q%s (there are %s)", typ, suggest(typ, known), strings.Join(known, ", "))
}

// ExampleFile returns an annotated configuration with every setting there is
// and one account of each type.
func ExampleFile(t Types) string {
	lines := []string{
		"# Every setting of Deskbridge. What is commented out shows its default.",
		"# ${NAME} takes an environment variable, ${file:/path} the content of a file.",
		"",
	}
	for _, f := range fieldsOf(reflect.TypeFor[File]()) {
		lines = append(lines, wrap(f.doc)...)
		lines = append(lines, f.key+":")
		for _, inner := range fieldsOf(f.typ) {
			inner.required = true // there are defaults for all: show them as set
			l, _ := exampleField(inner, "")
			lines = append(lines, prefix(l, "  ")...)
		}
		lines = append(lines, "")
	}
	for _, k := range []struct {
		kind, list, doc string
		types           map[string]func() Settings
	}{
		{"channel", "channels", "Where customers write.", t.Channels},
		{"helpdesk", "helpdesks", "Where agents answer.", t.Helpdesks},
	} {
		if len(k.types) == 0 {
			continue
		}
		lines = append(lines, "# "+k.doc, k.list+":")
		for _, typ := range slices.Sorted(maps.Keys(k.types)) {
			lines = append(append(lines, exampleAccount(k.kind, typ, k.types[typ])...), "")
		}
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
}

// exampleAccount returns an account as an item of a list.
func exampleAccount(kind, typ string, create func() Settings) []string {
	env := strings.ToUpper(typ)
	lines := []string{
		"name: " + strings.ReplaceAll(typ, "_", "-"),
		"type: " + typ,
		"# Whether the account runs.",
		"# enabled: true",
	}
	for _, f := range fieldsOf(headOf(kind))[len(fieldsOf(headOf("channel"))):] {
		l, _ := exampleField(f, env)
		lines = append(lines, l...)
	}
	for _, f := range fieldsOf(reflect.TypeOf(create()).Elem()) {
		l, _ := exampleField(f, env)
		lines = append(lines, l...)
	}
	return item(lines, "  ")
}

// exampleField returns the lines of a setting, and whether it is set. env
// begins the names of variables for secrets.
func exampleField(f field, env string) (lines []string, set bool) {
	env = strings.TrimPrefix(env+"_"+strings.ToUpper(f.key), "_")
	doc := f.doc
	if len(f.enum) > 0 {
		doc += " One of " + strings.Join(f.enum, ", ") + "."
	}
	if doc != "" {
		lines = wrap(doc)
	}
	switch kind := shapeOf(f.typ); {
	case kind == section:
		var body []string
		used := f.required
		for _, inner := range fieldsOf(structType(f.typ)) {
			l, innerSet := exampleField(inner, env)
			body = append(body, l...)
			used = used || innerSet && f.typ.Kind() != reflect.Pointer
		}
		block := append([]string{f.key + ":"}, prefix(body, "  ")...)
		if !used {
			block = prefix(block, "# ")
		}
		return append(lines, block...), used
	case kind == list && shapeOf(f.typ.Elem()) == section:
		var body []string
		for _, inner := range fieldsOf(structType(f.typ.Elem())) {
			l, _ := exampleField(inner, env)
			body = append(body, l...)
		}
		block := append([]string{f.key + ":"}, item(body, "  ")...)
		set = f.required || f.shown
		if !set {
			block = prefix(block, "# ")
		}
		return append(lines, block...), set
	default:
		set = f.required || f.shown || kind == secret && f.example != ""
		line := f.key + ": " + exampleValue(f, env, set)
		if !set {
			line = "# " + line
		}
		return append(lines, line), set
	}
}

// exampleValue returns what stands behind the colon.
func exampleValue(f field, env string, set bool) string {
	kind := shapeOf(f.typ)
	switch {
	case f.hasDefault && (set || kind != list || f.example == ""):
		return scalarText(f, f.def)
	case f.example != "":
		return scalarText(f, f.example)
	case len(f.enum) > 0:
		return f.enum[0]
	}
	switch kind {
	case secret:
		return "${" + env + "}"
	case boolean:
		return "false"
	case whole, number:
		return "0"
	case duration:
		return "1m"
	case size:
		return "1MiB"
	case list:
		return "[]"
	case table:
		return "{}"
	}
	if set {
		return "your-" + strings.ReplaceAll(f.key, "_", "-")
	}
	return `""`
}

// scalarText quotes s where YAML would not take it as text.
func scalarText(f field, s string) string {
	if kind := shapeOf(f.typ); kind != text && kind != secret {
		return s
	}
	b, err := yaml.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return strings.TrimRight(string(b), "\n")
}

// item makes lines an item of a list.
func item(lines []string, indent string) []string {
	lines = prefix(lines, indent+"  ")
	for i, l := range lines {
		// The dash stands before the first key, its comments above it.
		if t := strings.TrimLeft(l, " "); !strings.HasPrefix(t, "#") {
			lines[i] = indent + "- " + t
			break
		}
	}
	return lines
}

func prefix(lines []string, p string) []string {
	for i, l := range lines {
		lines[i] = p + l
	}
	return lines
}

// wrap makes a comment of s.
func wrap(s string) []string {
	var lines []string
	line := "#"
	for word := range strings.FieldsSeq(s) {
		if len(line)+len(word) > 90 {
			lines = append(lines, line)
			line = "#"
		}
		line += " " + word
	}
	return append(lines, line)
}
