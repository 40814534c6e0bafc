package configs

import (
	"errors"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// root reads the whole file.
func (d *decoder) root(n *yaml.Node) *File {
	f := &File{}
	v := reflect.ValueOf(f).Elem()
	setDefaults(v)
	s := newScope(place{1, 1})
	if n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		n = &yaml.Node{Kind: yaml.MappingNode}
	}
	if n.Kind != yaml.MappingNode {
		d.report(at(n), "expected keys such as channels and helpdesks, not %s", describe(n))
		return f
	}
	taken := map[string]place{}
	var rest []entry
	for _, e := range d.entries(n, 0) {
		switch e.key {
		case "channels":
			f.Channels = d.accounts(e, "channel", d.types.Channels, taken)
		case "helpdesks":
			f.Helpdesks = d.accounts(e, "helpdesk", d.types.Helpdesks, taken)
		default:
			rest = append(rest, e)
		}
	}
	d.section(s, "", s.start, rest, v, "channels", "helpdesks")
	d.validate(s, f)
	return f
}

// head is what every account has.
type head struct {
	Name    string `yaml:"name" required:"true" example:"support" doc:"Name of the account, unique over channels and helpdesks; part of webhook addresses."`
	Type    string `yaml:"type" required:"true" doc:"What kind of account it is."`
	Enabled bool   `yaml:"enabled" default:"true" doc:"Whether the account runs."`
}

// desk is what every helpdesk has.
type desk struct {
	head  `yaml:",inline"`
	Route string `yaml:"route" example:"channel.name == \"sales\" or language == \"zh\"" doc:"Which conversations the helpdesk gets, decided once for each by its first message; all where empty. A rule is an expression over channel.name, channel.type, address.kind, address.value, subject, text, language (such as en or zh, guessed from a sentence or more, empty where unknown) and tags (a list: of the conversation when it is decided), with == != < > in and or not contains startsWith endsWith matches lower() upper() trim() len() any() all() none(); one that fails at run time matches nothing. The word otherwise alone stands for what no other helpdesk's rule takes; without it such conversations are forwarded nowhere, with a warning."`
}

// headOf returns what every account of a kind has.
func headOf(kind string) reflect.Type {
	if kind == "helpdesk" {
		return reflect.TypeFor[desk]()
	}
	return reflect.TypeFor[head]()
}

var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func (d *decoder) accounts(e entry, kind string, types map[string]func() Settings, taken map[string]place) []Account {
	n := d.follow(e.value)
	if n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		d.report(at(e.value), "%s: expected a list of accounts, each beginning with \"- name:\", not %s", e.key, describe(n))
		return nil
	}
	var accounts []Account
	for _, item := range n.Content {
		m := d.follow(item)
		if m == nil {
			return nil
		}
		if m.Kind != yaml.MappingNode {
			d.report(at(item), "expected an account with name and type, not %s", describe(m))
			continue
		}
		accounts = append(accounts, d.account(item, m, kind, types, taken))
	}
	return accounts
}

func (d *decoder) account(item, m *yaml.Node, kind string, types map[string]func() Settings, taken map[string]place) Account {
	var h desk
	hv := reflect.ValueOf(&h).Elem()
	if kind != "helpdesk" {
		hv = reflect.ValueOf(&h.head).Elem()
	}
	setDefaults(hv)
	s := newScope(at(item))
	common := keysOf(fieldsOf(hv.Type()))
	var own, rest []entry
	for _, e := range d.entries(m, 0) {
		if slices.Contains(common, e.key) {
			own = append(own, e)
		} else {
			rest = append(rest, e)
		}
	}
	d.section(s, "", s.start, own, hv)

	if !s.bad["name"] {
		switch first, again := taken[h.Name]; {
		case !accountName.MatchString(h.Name):
			d.reportKey(s, "name", s.keys["name"], "%q: expected at most 63 of a-z, 0-9, _ and -, beginning with a letter or digit", h.Name)
		case again:
			d.reportKey(s, "name", s.keys["name"], "%q is the name of another account, in line %d", h.Name, first.line)
		default:
			taken[h.Name] = s.keys["name"]
		}
	}
	d.route(s, own, h.Route)
	a := Account{Name: h.Name, Type: h.Type, Enabled: h.Enabled, Route: h.Route, Line: s.start.line}
	if s.bad["type"] {
		return a
	}
	create, ok := types[h.Type]
	if !ok {
		known := slices.Sorted(maps.Keys(types))
		d.reportKey(s, "type", s.keys["type"], "unknown type of %s %q%s (there are %s)", kind, h.Type, suggest(h.Type, known), strings.Join(known, ", "))
		return a
	}
	a.Settings = create()
	v := reflect.ValueOf(a.Settings).Elem()
	setDefaults(v)
	d.section(s, "", s.start, rest, v, common...)
	if c, ok := a.Settings.(Completer); ok {
		c.Complete(func(key string) bool { return s.given[key] })
	}
	d.validate(s, a.Settings)
	return a
}

// validate reports what the settings themselves find wrong, each at its key
// or, where that is absent, at the section where it belongs. What is wrong
// already is not reported again.
func (d *decoder) validate(s *scope, settings Settings) {
	for _, err := range settings.Validate() {
		var k *KeyError
		if !errors.As(err, &k) {
			d.report(s.start, "%s", err)
			continue
		}
		p := s.start
		known := false
		for i, c := range k.Key + "." {
			if c != '.' && c != '[' {
				continue
			}
			known = known || s.bad[k.Key[:i]]
			if at, ok := s.keys[k.Key[:i]]; ok {
				p = at
			}
		}
		if !known {
			d.reportKey(s, k.Key, p, "%s", k.Msg)
		}
	}
}
