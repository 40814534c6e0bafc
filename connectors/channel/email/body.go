package email

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// maxText bounds the words of one mail. What is longer is cut, and says so;
// the raw mail has it all.
const maxText = 2 << 20

// body gathers what the parts of a mail say and carry.
type body struct {
	maxMedia int64
	chunks   []chunk
	files    []normalize.Part
	located  []located
	spare    string // the text of a mail that has none
}

// chunk is a stretch of the text in its plain and its rich form; one of them
// may be missing.
type chunk struct{ plain, html string }

func (b *body) add(n *node) error {
	switch {
	case n.kind == "multipart/alternative":
		return b.addAlternative(n)
	case n.parts != nil:
		for _, p := range n.parts {
			if err := b.add(p); err != nil {
				return err
			}
		}
		return nil
	}
	disposition, dparams := parseParams(n.header.get("content-disposition"))
	name := dparams["filename"]
	if name == "" {
		name = n.params["name"]
	}
	if disposition != "attachment" && name == "" {
		switch n.kind {
		case "text/plain":
			return b.addPlain(n)
		case "text/html":
			content := n.content()
			b.chunks = append(b.chunks, chunk{html: cut(text.Clean(toUTF8Hinted(content, n.charset(), documentCharset(content))))})
			return nil
		}
	}
	switch {
	case n.kind == "text/plain" && disposition != "attachment":
		// Named and yet to be shown: a file, and the text where there is no other.
		b.spare = either(b.spare, cut(text.Clean(toUTF8(n.content(), n.charset()))))
	case n.kind == "application/ms-tnef" || strings.EqualFold(name, "winmail.dat"):
		return b.addTNEF(n, name)
	case n.kind == "text/calendar":
		return b.addInvitation(n, name)
	}
	return b.addFile(n, name)
}

// addPlain takes a text, and the files that were written into it.
func (b *body) addPlain(n *node) error {
	words, files := splitUU(n.content())
	b.chunks = append(b.chunks, chunk{plain: cut(text.Clean(toUTF8(words, n.charset())))})
	for _, f := range files {
		if err := b.attach(&node{kind: typeByName(f.name)}, f.name, f.data, ""); err != nil {
			return err
		}
	}
	return nil
}

// addAlternative takes one text in its two forms. Of several parts of the same
// form the last is the best one (RFC 2046 section 5.1.4).
func (b *body) addAlternative(n *node) error {
	var all chunk
	for _, p := range n.parts {
		alt := body{maxMedia: b.maxMedia}
		if err := alt.add(p); err != nil {
			return err
		}
		// Only one form is made here: converting at each level of nested
		// alternatives would take time that grows with their depth.
		if alt.hasHTML() {
			all.html = alt.html()
		} else if plain := alt.plain(); plain != "" {
			all.plain = plain
		}
		b.files = append(b.files, alt.files...)
		b.located = append(b.located, alt.located...)
		b.spare = either(b.spare, alt.spare)
	}
	if all != (chunk{}) {
		b.chunks = append(b.chunks, all)
	}
	return nil
}

func (b *body) hasHTML() bool {
	for _, c := range b.chunks {
		if c.html != "" {
			return true
		}
	}
	return false
}

// plain returns the whole text. What is there as HTML only is converted.
func (b *body) plain() string {
	var list []string
	for _, c := range b.chunks {
		p := c.plain
		if strings.TrimSpace(p) == "" && c.html != "" {
			p = text.FromHTML(c.html)
		}
		if p = strings.TrimRight(p, " \t\n"); p != "" {
			list = append(list, p)
		}
	}
	return cut(strings.Join(list, "\n\n"))
}

// html returns the rich form, or "" where no part had one.
func (b *body) html() string {
	if !b.hasHTML() {
		return ""
	}
	list := make([]string, len(b.chunks))
	for i, c := range b.chunks {
		if list[i] = c.html; c.html == "" {
			list[i] = text.ToHTML(c.plain)
		}
	}
	return strings.Join(list, "\n")
}

func (b *body) addFile(n *node, name string) error {
	return b.attach(n, name, n.content(), "")
}

// attach adds a file. The caption is its content in words, where there are any.
func (b *body) attach(n *node, name string, data []byte, caption string) error {
	if int64(len(data)) > b.maxMedia {
		return refuse("attachment_too_large", "an attachment has %d bytes, %d are allowed", len(data), b.maxMedia)
	}
	if len(data) == 0 && name == "" {
		return nil // the empty part that some programs put between two others
	}
	if len(data) > 0 && len(n.body) > 0 && &data[0] == &n.body[0] {
		data = bytes.Clone(data) // so that a small attachment does not keep the raw mail alive
	}
	m := &normalize.Media{
		Name:        fileName(n, name),
		ContentType: contentType(n),
		Size:        int64(len(data)),
		ContentID:   strings.Trim(text.CleanLine(toUTF8([]byte(n.header.get("content-id")), "")), "<> "),
		Data:        data,
	}
	b.locate(n, m)
	b.files = append(b.files, normalize.Part{Kind: kindOf(m.ContentType), Media: m, Text: caption})
	return nil
}

// cut bounds a text without cutting a character.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + fmt.Sprintf("\n[... %d bytes more in the original mail]", len(s)-maxText)
}
