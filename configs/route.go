package configs

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// route checks a helpdesk's rule and reports a mistake where it stands.
func (d *decoder) route(s *scope, own []entry, rule string) {
	if rule == "" || s.bad["route"] || d.types.Route == nil {
		return
	}
	err := d.types.Route(rule)
	if err == nil {
		return
	}
	p := s.keys["route"]
	if i := slices.IndexFunc(own, func(e entry) bool { return e.key == "route" }); i >= 0 {
		p = d.within(own[i].value, rule, err.Line, err.Column)
	}
	d.reportKey(s, "route", p, "%s", err.Msg)
}

// within returns where a character of a text stands in the file: line and
// column count from 1 within the text. Where the file writes the text in
// another way, such as with references or folded over lines, it is the place
// where the text begins.
func (d *decoder) within(n *yaml.Node, text string, line, column int) place {
	p := at(n)
	if n.Kind != yaml.ScalarNode {
		return p // an alias
	}
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return p
	}
	target := p.line + line - 1
	if n.Style&yaml.LiteralStyle != 0 {
		target++ // the line of "|" comes before
	} else if len(lines) > 1 {
		return p
	}
	raw := bytes.Split(d.data, []byte("\n"))
	if target > len(raw) {
		return p
	}
	i := bytes.Index(raw[target-1], []byte(lines[line-1]))
	if i < 0 {
		return p
	}
	return place{target, utf8.RuneCount(raw[target-1][:i]) + column}
}
