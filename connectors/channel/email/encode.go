package email

import (
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	foldAt    = 76  // RFC 5322 section 2.1.1 asks for 78 at most
	paramPart = 50  // characters of one RFC 2231 segment
	maxLine   = 900 // RFC 5322 forbids more than 998
)

// headerLine returns "Name: value", folded at spaces. Whatever could end the
// line early becomes a space, so no value can bring a field of its own.
func headerLine(name, value string) string {
	value = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, value)
	var b strings.Builder
	b.WriteString(name + ":")
	column := b.Len()
	for word := range strings.FieldsSeq(value) {
		if column > len(name)+1 && column+1+len(word) > foldAt {
			b.WriteString("\r\n")
			column = 0
		}
		b.WriteString(" " + word)
		column += 1 + len(word)
	}
	return b.String()
}

// encodeText encodes a subject by RFC 2047 where it must be.
func encodeText(s string) string {
	s = text.CleanLine(s)
	if isASCIIText(s) && !strings.Contains(s, "=?") {
		for w := range strings.FieldsSeq(s) {
			if len(w) > maxLine {
				return encodeWords(s)
			}
		}
		return s
	}
	return encodeWords(s)
}

// encodeWords writes s as words of 75 characters at most, none of which cuts a
// character.
func encodeWords(s string) string {
	const perWord = 42 // bytes: 56 letters of base64 and 12 around them
	var words []string
	for s != "" {
		n := min(len(s), perWord)
		for n < len(s) && n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		words = append(words, "=?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
	}
	return strings.Join(words, " ")
}

func formatAddresses(list []normalize.Address) string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = formatAddress(a)
	}
	return strings.Join(out, ", ")
}

func formatAddress(a normalize.Address) string {
	box, name := envelope(a.Value), text.CleanLine(a.Name)
	switch {
	case name == "":
		return "<" + box + ">"
	case !isASCIIText(name) || len(name) > maxLine:
		return encodeWords(name) + " <" + box + ">"
	}
	return (&mail.Address{Name: name, Address: box}).String()
}

// envelope returns a mailbox as SMTP wants it: a domain in other scripts in
// its ASCII form.
func envelope(mailbox string) string {
	at := strings.LastIndexByte(mailbox, '@')
	if domain, err := idna.Lookup.ToASCII(mailbox[at+1:]); err == nil {
		return mailbox[:at+1] + domain
	}
	return mailbox
}

// param returns "; name=value", by RFC 2231 where the value needs it.
func param(name, value string) string {
	if isASCIIText(value) && len(value) <= foldAt-len(name)-5 {
		return "; " + name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
	var encoded strings.Builder
	for _, c := range []byte(value) {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '-' || c == '_' {
			encoded.WriteByte(c)
		} else {
			fmt.Fprintf(&encoded, "%%%02X", c)
		}
	}
	s := encoded.String()
	if len(s) <= paramPart {
		return "; " + name + "*=utf-8''" + s
	}
	var b strings.Builder
	for i, prefix := 0, "utf-8''"; s != ""; i, prefix = i+1, "" {
		n := min(len(s), paramPart)
		for n < len(s) && (s[n-1] == '%' || s[n-2] == '%') { // keep %XX whole
			n--
		}
		fmt.Fprintf(&b, "; %s*%d*=%s%s", name, i, prefix, s[:n])
		s = s[n:]
	}
	return b.String()
}

// encodeBody picks the shorter transfer encoding; both keep lines short
// and survive every server.
func encodeBody(s string) (name string, write func(io.Writer) error) {
	other := 0
	for i := range len(s) {
		if s[i] >= 0x80 {
			other++
		}
	}
	if other > len(s)/6 {
		s = strings.ReplaceAll(s, "\n", "\r\n") // MIME's line ends, below the encoding too
		return "base64", func(w io.Writer) error { return writeBase64(w, strings.NewReader(s)) }
	}
	return "quoted-printable", func(w io.Writer) error {
		q := quotedprintable.NewWriter(w)
		if _, err := io.WriteString(q, s); err != nil {
			return err
		}
		return q.Close()
	}
}

// writeBase64 encodes r in lines of 76 characters.
func writeBase64(w io.Writer, r io.Reader) error {
	lines := &lineWriter{w: w}
	enc := base64.NewEncoder(base64.StdEncoding, lines)
	if _, err := io.Copy(enc, r); err != nil {
		return err
	}
	return enc.Close()
}

// lineWriter breaks a stream into lines; the last one stays open.
type lineWriter struct {
	w      io.Writer
	column int
}

func (l *lineWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if l.column == foldAt {
			if _, err := l.w.Write(crlf); err != nil {
				return written, err
			}
			l.column = 0
		}
		n, err := l.w.Write(p[:min(len(p), foldAt-l.column)])
		written += n
		l.column += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}
