package configs

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What references may bring in, in bytes: one file, and all of them.
const (
	maxReference = 1 << 20
	maxExpanded  = 16 << 20
)

// expander replaces references in values.
type expander struct {
	dir   string // of the configuration file
	env   func(string) (string, bool)
	files map[string]string // contents by path; each is read once
	total int
	// brought are the values that references brought in, with the reference.
	brought map[string]string
}

// minHidden is how long a value must be for hide to look for it, in bytes:
// shorter ones are no secrets, and stand in other words too.
const minHidden = 4

// hide puts the references back into a message that shows what they brought
// in.
func (e *expander) hide(msg string) string {
	values := slices.SortedFunc(maps.Keys(e.brought), func(a, b string) int { return len(b) - len(a) })
	for _, v := range values {
		quoted := strconv.Quote(v)
		for _, shown := range []string{v, quoted[1 : len(quoted)-1]} {
			msg = strings.ReplaceAll(msg, shown, "${"+e.brought[v]+"}")
		}
	}
	return msg
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

var errReference = errors.New(`expected ${NAME} or ${file:/path}; a plain "${" is written as "$${"`)

// expand returns s with "${NAME}" replaced by an environment variable,
// "${file:/path}" by a file's content less one line feed at its end, and
// "$${" by "${". A path may hold variables and is relative to the folder of
// the configuration. Errors name a variable or a file, never a value.
func (e *expander) expand(s string) (string, error) { return e.replace(s, e.reference) }

func (e *expander) replace(s string, reference func(string) (string, error)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if strings.HasSuffix(before, "$") {
			b.WriteByte('{')
			s = rest
			continue
		}
		end := closing(rest)
		if end < 0 {
			return "", errReference
		}
		value, err := reference(rest[:end])
		if err != nil {
			return "", err
		}
		if len(value) >= minHidden {
			e.brought[value] = rest[:end]
		}
		if e.total += len(value); e.total > maxExpanded {
			return "", errors.New("variables and files come to more than 16MiB")
		}
		b.WriteString(value)
		s = rest[end+1:]
	}
}

// closing finds the brace that ends a reference, which may hold others.
func closing(s string) int {
	depth := 1
	for i := range len(s) {
		switch {
		case s[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		case strings.HasPrefix(s[i:], "${"):
			depth++
		}
	}
	return -1
}

func (e *expander) reference(ref string) (string, error) {
	path, isFile := strings.CutPrefix(ref, "file:")
	if !isFile {
		return e.variable(ref)
	}
	path, err := e.replace(path, e.variable)
	if err != nil {
		return "", err
	}
	if path == "" {
		return "", errReference
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(e.dir, path)
	}
	if content, ok := e.files[path]; ok {
		return content, nil
	}
	content, err := readBounded(path, maxReference)
	if err != nil {
		return "", fmt.Errorf("file %s: %w", path, err)
	}
	content = strings.TrimSuffix(strings.TrimSuffix(content, "\n"), "\r")
	e.files[path] = content
	return content, nil
}

func (e *expander) variable(name string) (string, error) {
	if !envName.MatchString(name) {
		return "", errReference
	}
	value, ok := e.env(name)
	if !ok {
		return "", fmt.Errorf("the environment variable %s is not set", name)
	}
	return value, nil
}

// readBounded reads a regular file of at most limit bytes. Errors do not
// repeat the path.
func readBounded(path string, limit int64) (string, error) {
	bare := func(err error) error {
		if pe := (*os.PathError)(nil); errors.As(err, &pe) {
			return pe.Err
		}
		return err
	}
	// A pipe would wait for its writer, so look before opening.
	info, err := os.Stat(path)
	if err != nil {
		return "", bare(err)
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", bare(err)
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return "", bare(err)
	}
	if int64(len(b)) > limit {
		return "", fmt.Errorf("is larger than %v", Size(limit))
	}
	return string(b), nil
}
