package email

import (
	"fmt"
	"path"
	"regexp"
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
			b.chunks = append(b.chunks, chunk{plain: cut(text.Clean(toUTF8(n.content(), n.params["charset"])))})
			return nil
		case "text/html":
			content := n.content()
			b.chunks = append(b.chunks, chunk{html: cut(text.Clean(toUTF8(content, n.htmlCharset(content))))})
			return nil
		}
	}
	return b.addFile(n, name)
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
	data := n.content()
	if int64(len(data)) > b.maxMedia {
		return refuse("attachment_too_large", "an attachment has %d bytes, %d are allowed", len(data), b.maxMedia)
	}
	if len(data) == 0 && name == "" {
		return nil // the empty part that some programs put between two others
	}
	m := &normalize.Media{
		Name:        fileName(n, name),
		ContentType: contentType(n),
		Size:        int64(len(data)),
		ContentID:   strings.Trim(text.CleanLine(toUTF8([]byte(n.header.get("content-id")), "")), "<> "),
		// A copy, so that a small attachment does not keep the raw mail alive.
		Data: append([]byte(nil), data...),
	}
	b.files = append(b.files, normalize.Part{Kind: kindOf(m.ContentType), Media: m})
	return nil
}

func kindOf(contentType string) normalize.PartKind {
	switch major, _, _ := strings.Cut(contentType, "/"); major {
	case "image":
		return normalize.PartImage
	case "audio":
		return normalize.PartAudio
	case "video":
		return normalize.PartVideo
	}
	return normalize.PartFile
}

var (
	mediaType    = regexp.MustCompile(`^[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}$`)
	charsetLabel = regexp.MustCompile(`^[A-Za-z0-9._:+-]{1,40}$`)
	metaCharset  = regexp.MustCompile(`(?i)<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})`)
)

// contentType keeps of a stranger's Content-Type what can be passed on.
func contentType(n *node) string {
	if !mediaType.MatchString(n.kind) {
		return "application/octet-stream"
	}
	if cs := n.params["charset"]; strings.HasPrefix(n.kind, "text/") && charsetLabel.MatchString(cs) {
		return n.kind + "; charset=" + cs
	}
	return n.kind
}

// htmlCharset prefers what the part says over what the document says.
func (n *node) htmlCharset(content []byte) string {
	if cs := n.params["charset"]; cs != "" {
		return cs
	}
	if m := metaCharset.FindSubmatch(content[:min(len(content), 1024)]); m != nil {
		return string(m[1])
	}
	return ""
}

// fileName returns a name without any folder, or one made up where there is
// none.
func fileName(n *node, name string) string {
	name = text.CleanLine(path.Base(strings.ReplaceAll(name, `\`, "/")))
	if name == "" || name == "." || name == ".." || name == "/" {
		name = "attachment"
		switch n.kind {
		case "text/calendar":
			name = "invite.ics"
		case "message/rfc822":
			name = "message"
			if h, _, err := readHeader(n.content()); err == nil {
				name = either(strings.ReplaceAll(text.CleanLine(decodeHeader(h.get("subject"))), "/", "_"), name)
			}
			name += ".eml"
		}
	}
	if r := []rune(name); len(r) > 200 {
		ext := []rune(path.Ext(name))
		if len(ext) > 20 {
			ext = nil
		}
		name = string(r[:200-len(ext)]) + string(ext)
	}
	return name
}

// cut bounds a text without cutting a character.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + fmt.Sprintf("\n[... %d bytes more in the original mail]", len(s)-maxText)
}
