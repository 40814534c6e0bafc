package email

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"time"
)

// signer puts a DKIM-Signature (RFC 6376, Ed25519 by RFC 8463) on a mail.
//
// The library that verifies can sign too, but with the time of signing in the
// signature. Here the same mail gets the same signature on every attempt, so
// that a copy in Sent and a second try are the mail that went out first.
type signer struct {
	domain, selector string
	algorithm        string
	key              crypto.Signer
	hash             crypto.Hash
}

// newSigner returns nil where no key is configured.
func newSigner(d *DKIM) (*signer, error) {
	if d == nil {
		return nil, nil //nolint:nilnil // no key is a usual state, not a mistake
	}
	key, err := privateKey(d.PrivateKey.Reveal())
	if err != nil {
		return nil, fmt.Errorf("dkim.private_key: %w", err)
	}
	s := &signer{domain: asciiDomain(d.Domain), selector: d.Selector, key: key, algorithm: "ed25519-sha256"}
	if _, ok := key.(*rsa.PrivateKey); ok {
		s.algorithm, s.hash = "rsa-sha256", crypto.SHA256
	}
	return s, nil
}

// signedFields are signed where they stand. Those with true are named once
// more than they stand, so that nobody can add another one.
var signedFields = []struct {
	name string
	over bool
}{
	{"from", true},
	{"to", true},
	{"cc", true},
	{"subject", true},
	{"reply-to", true},
	{"date", true},
	{"message-id", false},
	{"in-reply-to", false},
	{"references", false},
	{"auto-submitted", false},
	{"mime-version", false},
	{"content-type", false},
	{"content-transfer-encoding", false},
}

// sign returns the field for a mail with these header lines, each of another
// name, and this body.
func (s *signer) sign(lines []string, body func(io.Writer) error, at time.Time) (string, error) {
	b := &relaxedBody{sum: sha256.New()}
	if err := body(b); err != nil {
		return "", err
	}
	fields := map[string]string{}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ":")
		fields[strings.ToLower(name)] = value
	}
	sum := sha256.New()
	var names []string
	for _, f := range signedFields {
		if value, ok := fields[f.name]; ok {
			names = append(names, f.name)
			_, _ = io.WriteString(sum, relaxedField(f.name, value)+"\r\n")
		}
		if f.over {
			names = append(names, f.name)
		}
	}
	field := headerLine("DKIM-Signature", strings.Join([]string{
		"v=1;", "a=" + s.algorithm + ";", "c=relaxed/relaxed;", "d=" + s.domain + ";", "s=" + s.selector + ";",
		"t=" + strconv.FormatInt(at.Unix(), 10) + ";", "h=" + strings.Join(names, ": ") + ";",
		"bh=" + base64.StdEncoding.EncodeToString(b.digest()) + ";", "b=",
	}, " "))
	name, value, _ := strings.Cut(field, ":")
	_, _ = io.WriteString(sum, relaxedField(strings.ToLower(name), value))
	signature, err := s.key.Sign(rand.Reader, sum.Sum(nil), s.hash)
	if err != nil {
		return "", fmt.Errorf("dkim: %w", err)
	}
	var out strings.Builder
	out.WriteString(field)
	for text := base64.StdEncoding.EncodeToString(signature); text != ""; {
		n := min(len(text), foldAt-2)
		out.WriteString("\r\n " + text[:n])
		text = text[n:]
	}
	return out.String(), nil
}

// relaxedField is a field in the relaxed form of RFC 6376 section 3.4.2,
// without the end of its line.
func relaxedField(name, value string) string {
	return name + ":" + strings.Join(strings.FieldsFunc(value, func(r rune) bool {
		return r == ' ' || r == '\t' || r == '\r' || r == '\n'
	}), " ")
}

// relaxedBody hashes a body in the relaxed form of RFC 6376 section 3.4.4:
// white space counts as one space and none at the end of a line, and empty
// lines at the end do not count.
type relaxedBody struct {
	sum   hash.Hash
	buf   []byte
	space bool // seen, and not yet written
	lines int  // line ends seen, and not yet written
	any   bool
}

func (b *relaxedBody) Write(p []byte) (int, error) {
	for _, c := range p {
		switch c {
		case ' ', '\t':
			b.space = true
		case '\r':
		case '\n':
			b.space = false
			b.lines++
		default:
			for ; b.lines > 0; b.lines-- {
				b.buf = append(b.buf, '\r', '\n')
			}
			if b.space {
				b.buf = append(b.buf, ' ')
			}
			b.space, b.any = false, true
			b.buf = append(b.buf, c)
		}
		if len(b.buf) > 32<<10 {
			b.flush()
		}
	}
	return len(p), nil
}

func (b *relaxedBody) flush() {
	_, _ = b.sum.Write(b.buf)
	b.buf = b.buf[:0]
}

func (b *relaxedBody) digest() []byte {
	if b.any {
		b.buf = append(b.buf, '\r', '\n')
	}
	b.flush()
	return b.sum.Sum(nil)
}
