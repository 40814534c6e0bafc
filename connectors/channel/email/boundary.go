package email

import "bytes"

// pieces cuts a multipart. Where its boundary is missing or never comes, the
// body shows which one was meant; or a transfer encoding, which RFC 2045
// forbids here, hides the parts.
func (r *reader) pieces(n *node) ([][]byte, error) {
	pieces, err := cutMultipart(n.body, n.params["boundary"])
	if err != nil || len(pieces) > 0 || transferEncoding(n.header) == "" {
		return pieces, err
	}
	if r.undo -= len(n.body); r.undo < 0 {
		return nil, nil
	}
	return cutMultipart(n.content(), n.params["boundary"])
}

func cutMultipart(body []byte, boundary string) ([][]byte, error) {
	pieces, err := splitParts(body, boundary)
	if err != nil || len(pieces) > 0 {
		return pieces, err
	}
	return splitParts(body, guessBoundary(body))
}

// guesses bounds how many lines are tried as a boundary.
const guesses = 8

// guessBoundary finds the first line that starts with two dashes and has the
// header of a part below it, or closes the multipart further down.
func guessBoundary(body []byte) string {
	tried := 0
	for rest := body; len(rest) > 0 && tried < guesses; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		line = bytes.TrimRight(line, " \t\r")
		if len(line) < 4 || len(line) > maxBoundary || !bytes.HasPrefix(line, []byte("--")) || bytes.HasSuffix(line, []byte("--")) {
			continue
		}
		tried++
		next, _, _ := bytes.Cut(rest, []byte("\n"))
		closing := append(append([]byte("\n"), line...), "--"...)
		if len(next) > 8 && bytes.EqualFold(next[:8], []byte("content-")) ||
			len(bytes.TrimSpace(next)) == 0 && bytes.Contains(rest, closing) {
			return string(line[2:])
		}
	}
	return ""
}
