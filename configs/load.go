package configs

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Load reads, checks and completes a configuration. Its error is Problems:
// everything that is wrong, so that one reading mends it all; only a mistake
// in the YAML itself hides what comes after it. An empty file is fine.
func Load(path string, t Types) (*File, error) {
	data, err := readBounded(path, maxFile)
	if err != nil {
		return nil, Problems{{File: path, Msg: "cannot be read: " + err.Error()}}
	}
	return parse(path, []byte(data), t, os.LookupEnv)
}

func parse(path string, data []byte, t Types, env func(string) (string, bool)) (*File, error) {
	d := &decoder{
		file: path, data: data, types: t, budget: maxNodes,
		expander: expander{dir: filepath.Dir(path), env: env, files: map[string]string{}, brought: map[string]string{}},
	}
	root := d.document(data)
	var f *File
	if len(d.problems) == 0 {
		f = d.root(root)
	}
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	f.Brought = slices.Sorted(maps.Keys(d.expander.files))
	return f, nil
}

// document parses data into its root node, nil for an empty file.
func (d *decoder) document(data []byte) (root *yaml.Node) {
	var doc, next yaml.Node
	y := yaml.NewDecoder(bytes.NewReader(data))
	if err := decodeNode(y, &doc); err != nil {
		if !errors.Is(err, io.EOF) {
			d.syntax(err, data)
		}
		return nil
	}
	switch err := decodeNode(y, &next); {
	case err == nil:
		d.report(at(&next), "there is a second document; a configuration is one")
	case !errors.Is(err, io.EOF):
		d.syntax(err, data)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

// decodeNode makes an error of what the parser itself calls a bug of its own.
func decodeNode(y *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("yaml: cannot be understood")
		}
	}()
	return y.Decode(n)
}

var (
	yamlLine   = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)
	yamlAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
)

// syntax reports a mistake in the YAML. The parser knows its line only.
func (d *decoder) syntax(err error, data []byte) {
	p, msg := place{1, 1}, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		msg = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			p.line = n
		}
	}
	if m := yamlAnchor.FindStringSubmatch(msg); m != nil {
		// The parser names it; it may be a password that begins with "*".
		msg = `an alias ("*") to an anchor ("&") that is not there; a value that begins with * needs quotes`
		if before, _, ok := bytes.Cut(data, []byte("*"+m[1])); ok {
			p.line = bytes.Count(before, []byte("\n")) + 1
			p.column = len(before) - bytes.LastIndexByte(before, '\n')
		}
	}
	if msg == "did not find expected ',' or '}'" {
		msg += "; between { and } a value with ${NAME} needs quotes"
	}
	d.report(p, "not valid YAML: %s", msg)
}
