package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds how many nodes are looked at, aliases followed: no honest
// configuration of at most 1 MiB has as many.
const maxNodes = 200_000

type decoder struct {
	expander
	file     string
	data     []byte
	types    Types
	problems Problems
	budget   int
}

// place is where something stands in the file.
type place struct{ line, column int }

func at(n *yaml.Node) place { return place{n.Line, n.Column} }

// scope is the settings of one account, or of the file itself: where each key
// stands and which have been reported.
type scope struct {
	start place
	keys  map[string]place
	given map[string]bool // those that have a value
	bad   map[string]bool
}

func newScope(start place) *scope {
	return &scope{start: start, keys: map[string]place{}, given: map[string]bool{}, bad: map[string]bool{}}
}

func (d *decoder) report(p place, format string, args ...any) {
	d.problems = append(d.problems, Problem{d.file, p.line, p.column, d.hide(fmt.Sprintf(format, args...))})
}

// reportKey reports what is wrong with the value of a key.
func (d *decoder) reportKey(s *scope, key string, p place, format string, args ...any) {
	s.bad[key] = true
	d.report(p, "%s: %s", key, fmt.Sprintf(format, args...))
}

// follow returns what an alias stands for. It is nil once the file has proved
// to be a bomb.
func (d *decoder) follow(n *yaml.Node) *yaml.Node {
	if d.budget--; d.budget <= 0 {
		if d.budget == 0 {
			d.report(at(n), "aliases make this file too large")
		}
		return nil
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias // never an alias itself
	}
	return n
}

type entry struct {
	key   string
	at    place
	value *yaml.Node
}

// entries returns the keys of a mapping, those of merged ones ("<<") behind
// its own. It reports keys that are there twice.
func (d *decoder) entries(n *yaml.Node, depth int) []entry {
	var own, merged []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case d.follow(k) == nil:
			return own
		case k.Kind != yaml.ScalarNode:
			d.report(at(k), "a key must be a word")
		case k.Tag == "!!merge":
			merged = append(merged, d.merge(v, depth)...)
		case seen[k.Value]:
			d.report(at(k), "%q is there twice", k.Value)
		default:
			seen[k.Value] = true
			own = append(own, entry{k.Value, at(k), v})
		}
	}
	for _, e := range merged {
		if !seen[e.key] {
			seen[e.key] = true
			own = append(own, e)
		}
	}
	return own
}

func (d *decoder) merge(n *yaml.Node, depth int) []entry {
	p := at(n)
	if n = d.follow(n); n == nil {
		return nil
	}
	switch {
	case depth > 10:
		d.report(p, "<<: nested too deep")
	case n.Kind == yaml.MappingNode:
		return d.entries(n, depth+1)
	case n.Kind == yaml.SequenceNode:
		var all []entry
		for _, item := range n.Content {
			all = append(all, d.merge(item, depth+1)...)
		}
		return all
	default:
		d.report(p, "<<: expected an alias of a section")
	}
	return nil
}

// section fills the struct v from a mapping. prefix is the path of its keys,
// with a dot at its end where not empty; from is where missing keys are
// reported. Keys that others read are known besides.
func (d *decoder) section(s *scope, prefix string, from place, entries []entry, v reflect.Value, others ...string) {
	fields := fieldsOf(v.Type())
	set := map[string]bool{}
	for _, e := range entries {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.key })
		if i < 0 {
			d.report(e.at, "unknown key %q%s", e.key, suggest(e.key, append(keysOf(fields), others...)))
			continue
		}
		f := fields[i]
		s.keys[prefix+f.key] = e.at
		set[f.key] = d.value(s, prefix+f.key, e, v.FieldByIndex(f.index), f.enum)
		s.given[prefix+f.key] = set[f.key]
		if f.required && set[f.key] && !s.bad[prefix+f.key] && isEmpty(v.FieldByIndex(f.index)) {
			d.reportKey(s, prefix+f.key, e.at, "must not be empty")
		}
	}
	for _, f := range fields {
		switch {
		case set[f.key]:
		case f.required:
			s.bad[prefix+f.key] = true
			p, ok := s.keys[prefix+f.key]
			if !ok {
				p = from
			}
			d.report(p, "missing key %q", prefix+f.key)
		case f.typ.Kind() == reflect.Struct && shapeOf(f.typ) == section:
			// The section is used, set or not: so its required keys are missing.
			d.section(s, prefix+f.key+".", from, nil, v.FieldByIndex(f.index))
		}
	}
}

func isEmpty(v reflect.Value) bool {
	switch shapeOf(v.Type()) {
	case text, secret:
		return v.IsZero()
	case list, table:
		return v.Len() == 0
	}
	return false
}

func keysOf(fields []field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

// value sets v from a node. It returns false where the key counts as absent:
// it has no value.
func (d *decoder) value(s *scope, path string, e entry, v reflect.Value, enum []string) bool {
	n := d.follow(e.value)
	if n == nil {
		return true
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return false
	}
	kind := shapeOf(v.Type())
	switch kind {
	case section:
		if n.Kind != yaml.MappingNode {
			d.reportKey(s, path, at(e.value), "expected keys below it, not %s", describe(n))
			return true
		}
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.New(v.Type().Elem()))
			v = v.Elem()
			setDefaults(v)
		}
		d.section(s, path+".", e.at, d.entries(n, 0), v)
	case list:
		if n.Kind != yaml.SequenceNode {
			d.reportKey(s, path, at(e.value), "expected a list, not %s", describe(n))
			return true
		}
		d.list(s, path, n, v, enum)
	case table:
		if n.Kind != yaml.MappingNode {
			d.reportKey(s, path, at(e.value), "expected keys below it, not %s", describe(n))
			return true
		}
		d.table(s, path, n, v, enum)
	default:
		d.scalar(s, path, e, n, v, enum)
	}
	return true
}

func (d *decoder) list(s *scope, path string, n *yaml.Node, v reflect.Value, enum []string) {
	v.SetZero()
	for i, item := range n.Content {
		iv := reflect.New(v.Type().Elem()).Elem()
		if iv.Kind() == reflect.Struct && shapeOf(iv.Type()) == section {
			setDefaults(iv)
		}
		ipath := fmt.Sprintf("%s[%d]", path, i)
		if !d.value(s, ipath, entry{"", at(item), item}, iv, enum) {
			d.reportKey(s, ipath, at(item), "has no value")
		}
		v.Set(reflect.Append(v, iv))
	}
}

func (d *decoder) table(s *scope, path string, n *yaml.Node, v reflect.Value, enum []string) {
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range d.entries(n, 0) {
		iv := reflect.New(v.Type().Elem()).Elem()
		if iv.Kind() == reflect.Struct && shapeOf(iv.Type()) == section {
			setDefaults(iv)
		}
		ipath := path + "." + e.key
		s.keys[ipath] = e.at
		if !d.value(s, ipath, e, iv, enum) {
			d.reportKey(s, ipath, e.at, "has no value")
		}
		v.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), iv)
	}
}

func (d *decoder) scalar(s *scope, path string, e entry, n *yaml.Node, v reflect.Value, enum []string) {
	p := at(e.value)
	if n.Kind != yaml.ScalarNode {
		d.reportKey(s, path, p, "expected a single value, not %s", describe(n))
		return
	}
	if n.Tag == "!!binary" || !strings.HasPrefix(n.Tag, "!!") {
		d.reportKey(s, path, p, `tags ("!") mean nothing here; a value that begins with ! needs quotes`)
		return
	}
	value, err := d.expand(n.Value)
	if err != nil {
		d.reportKey(s, path, p, "%s", err)
		return
	}
	// What a message shows is what stands in the file, so that no variable
	// and no file is given away.
	shown := fmt.Sprintf(", not %q", n.Value)
	if shapeOf(v.Type()) == secret || len(n.Value) > 80 {
		shown = ""
	}
	if err := setText(v, value); err != nil {
		d.reportKey(s, path, p, "%s%s", err, shown)
		return
	}
	if len(enum) > 0 && !slices.Contains(enum, value) {
		hint := ""
		if shown != "" {
			hint = suggest(n.Value, enum)
		}
		d.reportKey(s, path, p, "expected one of %s%s%s", strings.Join(enum, ", "), shown, hint)
	}
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}
