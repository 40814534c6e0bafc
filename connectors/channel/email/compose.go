package email

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// entity is a part of a mail to be written: a leaf with a body, or a multipart.
type entity struct {
	header   []string // complete lines without their ends
	body     func(w io.Writer) error
	boundary string
	parts    []*entity
}

// compose writes the mail for o. The same Outbound gives the same bytes on
// every attempt and on every node, so that a copy in Sent and a second try are
// the mail that went out first.
func (e *Email) compose(ctx context.Context, w io.Writer, o *channel.Outbound) error {
	root, err := e.layOut(ctx, o)
	if err != nil {
		return err
	}
	lines := e.mailHeader(o.Message)
	if e.signer != nil {
		signature, err := e.signer.sign(slices.Concat(lines, root.header), root.writeBody, composedAt(o.Message))
		if err != nil {
			return err
		}
		lines = append([]string{signature}, lines...)
	}
	for _, l := range lines {
		if _, err := io.WriteString(w, l+"\r\n"); err != nil {
			return err
		}
	}
	return root.write(w)
}

// composedSize returns how many bytes compose writes. It reads every
// attachment once, so a missing one is noticed before any server is called.
func (e *Email) composedSize(ctx context.Context, o *channel.Outbound) (int64, error) {
	var n counter
	err := e.compose(ctx, &n, o)
	return int64(n), err
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func (e *Email) mailHeader(m *normalize.Message) []string {
	to := m.Thread.To
	if len(to) == 0 {
		to = []normalize.Address{m.Address}
	}
	lines := []string{
		headerLine("Date", composedAt(m).Format("Mon, 02 Jan 2006 15:04:05 -0700")),
		headerLine("From", formatAddress(normalize.Address{Value: e.cfg.Address, Name: e.cfg.FromName})),
		headerLine("To", formatAddresses(to)),
	}
	if e.cfg.PlusAddressing {
		lines = append(lines, headerLine("Reply-To", formatAddress(normalize.Address{Value: e.tagged(m.ExternalID), Name: e.cfg.FromName})))
	}
	if len(m.Thread.Cc) > 0 {
		lines = append(lines, headerLine("Cc", formatAddresses(m.Thread.Cc)))
	}
	lines = append(lines, headerLine("Message-ID", "<"+m.ExternalID+">"))
	if m.Thread.ReplyTo != "" {
		lines = append(lines, headerLine("In-Reply-To", "<"+m.Thread.ReplyTo+">"))
	}
	if len(m.Thread.References) > 0 {
		lines = append(lines, headerLine("References", "<"+strings.Join(m.Thread.References, "> <")+">"))
	}
	lines = append(lines, headerLine("Subject", encodeText(m.Subject)))
	if m.Thread.ID != "" {
		lines = append(lines, headerLine("Thread-Topic", encodeText(threadTopic(m.Subject))), headerLine("Thread-Index", m.Thread.ID))
	}
	if m.Automated {
		lines = append(lines, "Auto-Submitted: auto-replied") // RFC 3834 section 3.1.7
	}
	return append(lines, "MIME-Version: 1.0")
}

// composedAt never changes once a message is stored.
func composedAt(m *normalize.Message) time.Time {
	for _, t := range []time.Time{m.ReceivedAt, m.SentAt} {
		if !t.IsZero() {
			return t.UTC()
		}
	}
	return m.ID.Time()
}

// layOut decides the structure:
// mixed(alternative(plain, related(html, inline images)), attachments), less
// the levels that would hold one part only.
func (e *Email) layOut(ctx context.Context, o *channel.Outbound) (*entity, error) {
	plain, html, err := words(o.Parts)
	if err != nil {
		return nil, err
	}
	var inline, attached []*entity
	for i := range o.Parts {
		m := o.Parts[i].Media
		if m == nil {
			continue
		}
		open := func() (io.ReadCloser, error) { return o.Open(ctx, m) }
		if m.ContentID != "" && strings.Contains(html, "cid:"+m.ContentID) {
			inline = append(inline, fileEntity(m, "inline", open))
		} else {
			attached = append(attached, fileEntity(m, "attachment", open))
		}
	}
	// Encoded bodies never hold "=_", so no text can look like a boundary.
	sum := sha256.Sum256([]byte(o.Key))
	boundary := "=_" + hex.EncodeToString(sum[:12])
	root := textEntity("text/plain", plain)
	if html != "" {
		rich := textEntity("text/html", `<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>`+html+"</body></html>\n")
		rich = compound("related", boundary+"r", append([]*entity{rich}, inline...))
		root = compound("alternative", boundary+"a", []*entity{root, rich})
	}
	return compound("mixed", boundary+"m", append([]*entity{root}, attached...)), nil
}

// words joins what the parts say. A part that e-mail cannot carry is refused
// before anything is sent.
func words(parts []normalize.Part) (plain, html string, err error) {
	var plains, htmls []string
	rich := false
	for _, p := range parts {
		switch p.Kind {
		case normalize.PartText, normalize.PartImage, normalize.PartAudio, normalize.PartVideo, normalize.PartFile:
		default:
			return "", "", connectors.Errorf(connectors.Unsupported, "", "a part of kind %s cannot be sent by e-mail", p.Kind)
		}
		t := text.Clean(p.Text)
		if t == "" && p.HTML != "" {
			t = text.FromHTML(p.HTML)
		}
		if t == "" {
			continue
		}
		plains = append(plains, t)
		rich = rich || p.HTML != ""
		htmls = append(htmls, either(text.Clean(p.HTML), text.ToHTML(t)))
	}
	if rich {
		html = strings.Join(htmls, "\n")
	}
	return strings.Join(plains, "\n\n") + "\n", html, nil
}

func compound(kind, boundary string, parts []*entity) *entity {
	if len(parts) == 1 {
		return parts[0]
	}
	return &entity{
		header:   []string{headerLine("Content-Type", "multipart/"+kind+`; boundary="`+boundary+`"`)},
		boundary: boundary, parts: parts,
	}
}

func textEntity(kind, s string) *entity {
	encoding, write := encodeBody(s)
	return &entity{
		header: []string{"Content-Type: " + kind + "; charset=utf-8", "Content-Transfer-Encoding: " + encoding},
		body:   write,
	}
}

func fileEntity(m *normalize.Media, disposition string, open func() (io.ReadCloser, error)) *entity {
	kind, _, _ := strings.Cut(m.ContentType, ";")
	// Base64 would damage a mail or a multipart that is attached as such.
	if kind = strings.ToLower(strings.TrimSpace(kind)); !mediaType.MatchString(kind) ||
		strings.HasPrefix(kind, "message/") || strings.HasPrefix(kind, "multipart/") {
		kind = "application/octet-stream"
	}
	name := either(text.CleanLine(m.Name), "attachment")
	header := []string{
		headerLine("Content-Type", kind+param("name", name)),
		headerLine("Content-Disposition", disposition+param("filename", name)),
		"Content-Transfer-Encoding: base64",
	}
	if disposition == "inline" {
		header = append(header, headerLine("Content-ID", "<"+m.ContentID+">"))
	}
	return &entity{header: header, body: func(w io.Writer) error {
		r, err := open()
		if err != nil {
			return connectors.Errorf(connectors.Transient, "", "the attachment %q cannot be read: %w", name, err)
		}
		defer r.Close()
		var n counter
		if err := writeBase64(w, io.TeeReader(r, &n)); err != nil {
			return err
		}
		if m.Size > 0 && int64(n) != m.Size {
			return connectors.Errorf(connectors.Transient, "", "the attachment %q has %d bytes instead of %d", name, n, m.Size)
		}
		return nil
	}}
}

func (n *entity) write(w io.Writer) error {
	if _, err := io.WriteString(w, strings.Join(n.header, "\r\n")+"\r\n\r\n"); err != nil {
		return err
	}
	return n.writeBody(w)
}

func (n *entity) writeBody(w io.Writer) error {
	if n.parts == nil {
		return n.body(w)
	}
	for _, p := range n.parts {
		if _, err := fmt.Fprintf(w, "--%s\r\n", n.boundary); err != nil {
			return err
		}
		if err := p.write(w); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "\r\n"); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "--%s--\r\n", n.boundary)
	return err
}

var crlf = []byte("\r\n")

// isASCIIText reports whether s can stand in a header as it is.
func isASCIIText(s string) bool {
	return bytes.IndexFunc([]byte(s), func(r rune) bool { return r < ' ' || r > '~' }) < 0
}
