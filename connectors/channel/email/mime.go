package email

import (
	"bytes"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
)

// node is a part of a mail. Its body is a slice of the raw mail, transfer
// encoding and all, so that a tree costs next to nothing.
//
// The tree is cut here and not by a library: those at hand read each byte once
// per level, and a crafted mail of 20 MB kept one busy for minutes.
type node struct {
	header header
	kind   string // content type
	params map[string]string
	body   []byte
	parts  []*node // of a multipart
	// Of a whole mail:
	mark string            // its fingerprint
	from normalize.Address // who wrote it, zero where no field says so
}

// readTree parses a mail within the bounds above.
func readTree(raw []byte) (*node, error) {
	r := &reader{undo: 2 * len(raw)}
	root, err := r.node(raw, 0, "text/plain")
	if err != nil {
		return nil, err
	}
	root.mark = fingerprint(root.header) // of the bytes, however they are read
	root.mendHeaders(root.hint())
	root.from = sender(root.header)
	return root, nil
}

// reader counts what a whole mail may have only so many of.
type reader struct {
	parts, fields int
	undo          int // bytes of transfer encodings around multiparts
}

func (r *reader) node(raw []byte, depth int, fallback string) (*node, error) {
	if depth > maxNesting {
		return nil, refuse("too_deep", "parts are nested more than %d deep", maxNesting)
	}
	if r.parts++; r.parts > maxParts {
		return nil, refuse("too_many_parts", "the mail has more than %d parts", maxParts)
	}
	h, body, err := readHeader(raw)
	if err != nil {
		return nil, err
	}
	if r.fields += len(h); r.fields > maxAllFields {
		return nil, refuse("too_many_headers", "the parts have more than %d fields", maxAllFields)
	}
	n := &node{header: h, body: body}
	n.kind, n.params = parseParams(h.get("content-type"))
	if !strings.HasPrefix(n.kind, "multipart/") {
		if !strings.Contains(n.kind, "/") {
			n.kind = fallback
		}
		return n, nil
	}
	pieces, err := r.pieces(n)
	if err != nil {
		return nil, err
	}
	if len(pieces) == 0 {
		// No boundary anywhere: better raw than not at all.
		n.kind = "text/plain"
		return n, nil
	}
	fallback = "text/plain"
	if n.kind == "multipart/digest" {
		fallback = "message/rfc822" // RFC 2046 section 5.1.5
	}
	for _, p := range pieces {
		part, err := r.node(p, depth+1, fallback)
		if err != nil {
			return nil, err
		}
		n.parts = append(n.parts, part)
	}
	return n, nil
}

// splitParts cuts a multipart at its boundary lines. The last part may end
// with the body, as it does in a mail that was cut off.
func splitParts(body []byte, boundary string) ([][]byte, error) {
	if boundary == "" || len(boundary) > maxBoundary {
		return nil, nil
	}
	delimiter := []byte("--" + boundary)
	var pieces [][]byte
	start := -1 // of the part under way
	for at := 0; ; {
		i := bytes.Index(body[at:], delimiter)
		if i < 0 {
			break
		}
		i += at
		at = i + len(delimiter)
		if i > 0 && body[i-1] != '\n' {
			continue
		}
		line, rest, _ := bytes.Cut(body[at:], []byte("\n"))
		line = bytes.TrimSpace(line)
		end := string(line) == "--"
		if !end && len(line) > 0 {
			continue
		}
		if start >= 0 {
			pieces = append(pieces, trimNewline(body[start:max(start, i)]))
		}
		if len(pieces) > maxParts {
			return nil, refuse("too_many_parts", "the mail has more than %d parts", maxParts)
		}
		at = len(body) - len(rest)
		start = at
		if end {
			start = -1 // what follows is no part, unless another one begins
		}
	}
	if start >= 0 && start <= len(body) {
		pieces = append(pieces, body[start:])
	}
	return pieces, nil
}

// trimNewline takes off the line end that belongs to the boundary.
func trimNewline(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}
