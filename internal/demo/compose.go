package demo

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"strings"
	"time"

	"golang.org/x/text/encoding/ianaindex"
)

// thread is what a letter answers: Message-IDs without brackets.
type thread struct {
	replyTo    string
	references []string
}

// compose writes a letter as its author's mail program would.
func compose(l letter, id string, t thread, now time.Time) []byte {
	w := &mimeWriter{charset: l.from.charset}
	if w.charset == "" {
		w.charset = "UTF-8"
	}
	w.field("From", w.words(l.from.name)+" <"+l.from.address+">")
	w.field("To", w.words(deskName)+" <"+deskAddress+">")
	w.field("Subject", w.words(l.subject))
	w.field("Date", now.Format(time.RFC1123Z))
	w.field("Message-ID", "<"+id+">")
	if t.replyTo != "" {
		w.field("In-Reply-To", "<"+t.replyTo+">")
		w.field("References", "<"+strings.Join(append(t.references, t.replyTo), ">\r\n <")+">")
	}
	if l.automatic {
		w.field("Auto-Submitted", "auto-replied")
	}
	w.field("MIME-Version", "1.0")
	w.body(l)
	return w.b.Bytes()
}

type mimeWriter struct {
	b       bytes.Buffer
	charset string
	serial  int // of boundaries
}

func (w *mimeWriter) field(name, value string) { fmt.Fprintf(&w.b, "%s: %s\r\n", name, value) }

// body writes the fields that describe the content, and the content.
func (w *mimeWriter) body(l letter) {
	text := func() { w.leaf("text/plain; charset="+w.charset, w.encode(l.text+l.quoted), "") }
	both := text
	if l.html != "" {
		both = func() {
			w.multipart("alternative", text, func() { w.leaf("text/html; charset="+w.charset, w.encode(l.html), "") })
		}
	}
	switch {
	case l.nested > 0:
		w.nest(l.nested, text)
	case l.file != nil:
		w.multipart("mixed", both, func() { w.leaf(l.file.contentType, l.file.content, l.file.name) })
	default:
		both()
	}
}

func (w *mimeWriter) nest(depth int, inner func()) {
	if depth == 0 {
		inner()
		return
	}
	w.multipart("mixed", func() { w.nest(depth-1, inner) })
}

func (w *mimeWriter) multipart(kind string, parts ...func()) {
	w.serial++
	boundary := fmt.Sprintf("=_part_%d", w.serial)
	w.field("Content-Type", fmt.Sprintf("multipart/%s; boundary=%q", kind, boundary))
	w.b.WriteString("\r\n")
	for _, part := range parts {
		fmt.Fprintf(&w.b, "--%s\r\n", boundary)
		part()
		w.b.WriteString("\r\n")
	}
	fmt.Fprintf(&w.b, "--%s--\r\n", boundary)
}

func (w *mimeWriter) leaf(contentType string, content []byte, name string) {
	w.field("Content-Type", contentType)
	w.field("Content-Transfer-Encoding", "base64")
	if name != "" {
		w.field("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	}
	w.b.WriteString("\r\n")
	encoded := base64.StdEncoding.EncodeToString(content)
	for len(encoded) > 76 {
		w.b.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	w.b.WriteString(encoded + "\r\n")
}

// encode returns s in the charset of the letter.
func (w *mimeWriter) encode(s string) []byte {
	if w.charset == "UTF-8" {
		return []byte(s)
	}
	enc, err := ianaindex.MIME.Encoding(w.charset)
	if err != nil {
		panic(err) // the script names a charset that does not exist
	}
	b, err := enc.NewEncoder().Bytes([]byte(s))
	if err != nil {
		panic(err) // the script writes what its charset cannot
	}
	return b
}

// words writes text for a header field (RFC 2047). ISO-2022-JP and GB18030
// are short enough here for one encoded word.
func (w *mimeWriter) words(s string) string {
	if w.charset == "UTF-8" {
		return mime.BEncoding.Encode("UTF-8", s)
	}
	return "=?" + w.charset + "?B?" + base64.StdEncoding.EncodeToString(w.encode(s)) + "?="
}
