package zammad

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	// maxBody is the longest text of an article, in bytes: Zammad takes
	// 1,500,000 characters, pictures among them.
	maxBody = 1_400_000
	// maxInline is how much of pictures goes into the text, in bytes.
	maxInline = 700 << 10
	// maxFiles is how much goes along with one article, in bytes: web servers
	// before Zammad take requests of 50 MB, and files grow by a third.
	maxFiles = 25 << 20
)

// article is a request for one: what customers say by the type web, calls by
// the type phone, and all else as notes, which are no communication and mailed
// to nobody (https://docs.zammad.org/en/latest/api/ticket/articles.html).
// With bare no files go along.
func (z *Zammad) article(ctx context.Context, e *helpdesk.Entry, facts []helpdesk.Fact, bare bool) (map[string]any, error) {
	a := map[string]any{"message_id": messageID(e.Tag), "sender": "Agent", "type": "note", "internal": e.Kind == helpdesk.Remark, "subject": e.Heading}
	if e.Kind == helpdesk.FromCustomer {
		a["sender"], a["type"] = "Customer", "web"
		if e.Message != nil && slices.ContainsFunc(e.Message.Parts, func(p normalize.Part) bool { return p.Kind == normalize.PartCall }) {
			a["type"] = "phone"
		}
	}
	inline := map[string]string{} // data addresses by content id
	var files []map[string]string
	var leftOut []helpdesk.Attachment
	pictures, room := int64(maxInline), int64(maxFiles)
	if bare {
		room = -1
	}
	for _, f := range e.Files {
		if f.Media.Size > room {
			leftOut = append(leftOut, f)
			continue
		}
		content, err := content(ctx, f)
		if err != nil {
			return nil, err
		}
		size, id := int64(len(content)), f.Media.ContentID
		if id != "" && size <= pictures && strings.HasPrefix(f.Media.ContentType, "image/") && strings.Contains(e.HTML, "cid:") {
			inline[id] = "data:" + f.Media.ContentType + ";base64," + base64.StdEncoding.EncodeToString(content)
			pictures -= size
			continue
		}
		files = append(files, file(f.Media.Name, f.Media.ContentType, content))
		room -= size
	}
	if len(files) > 0 {
		a["attachments"] = files
	}
	a["body"], a["content_type"] = body(e, facts, inline, leftOut)
	return a, nil
}

// content reads a file that is no larger than it was said to be.
func content(ctx context.Context, f helpdesk.Attachment) ([]byte, error) {
	r, err := f.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxFiles))
	if err != nil {
		return nil, connectors.Errorf(connectors.Transient, "", "a file cannot be read: %w", err)
	}
	return b, nil
}

// body is what an article says. Who wrote stands over the words where Zammad
// shows another, or the words are no message of their own.
func body(e *helpdesk.Entry, facts []helpdesk.Fact, inline map[string]string, leftOut []helpdesk.Attachment) (words, contentType string) {
	head := ""
	if e.Kind != helpdesk.FromCustomer || e.Text == "" || e.Message == nil || !e.Message.EditedAt.IsZero() {
		head = e.Heading
	}
	foot := e.Foot(leftOut...)
	for i, f := range facts {
		if i == 0 && foot != "" {
			foot += "\n\n"
		}
		foot += fmt.Sprintf("%s: %s\n", f.Name, f.Value)
	}
	foot = strings.TrimRight(foot, "\n")
	if e.HTML != "" {
		html := text.SanitizeHTML(e.HTML, func(id string) (string, bool) {
			address, ok := inline[id]
			return address, ok
		})
		html = join("\n", text.ToHTML(head), html, rule(foot))
		if len(html) <= maxBody {
			return html, "text/html"
		}
	}
	if foot != "" {
		foot = "--\n" + foot
	}
	words = e.Text
	if over := len(head) + len(words) + len(foot) - maxBody; over > 0 {
		words = words[:max(0, len(words)-over)]
		for !utf8.ValidString(words) {
			words = words[:len(words)-1]
		}
		words += "\n[...]"
	}
	return join("\n\n", head, words, foot), "text/plain"
}

func rule(foot string) string {
	if foot == "" {
		return ""
	}
	return "<hr>" + text.ToHTML(foot)
}

func join(between string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), between)
}
