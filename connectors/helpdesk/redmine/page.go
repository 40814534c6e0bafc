package redmine

import (
	"context"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/deskbridge/deskbridge/connectors/helpdesk"
)

// The page of an issue is taken up to a size, and waited for so long.
const (
	maxPage      = 16 << 20
	pageDeadline = time.Minute
)

var (
	notesID = regexp.MustCompile(`^journal-([0-9]+)-notes$`)
	stored  = regexp.MustCompile(`/attachments/(?:download/|thumbnail/)?([0-9]+)(?:/|$)`)
)

// rendered returns notes as the page of their issue shows them, by the number
// of their journals: the API has their source only. A customer should see a
// list where an agent wrote one. It is empty where the page cannot be read.
func (r *Redmine) rendered(ctx context.Context, issue int) map[int]*html.Node {
	ctx, cancel := context.WithTimeout(ctx, pageDeadline)
	defer cancel()
	page, err := r.api.Open(ctx, "/issues/"+strconv.Itoa(issue)+".html")
	if err != nil {
		r.log.WarnContext(ctx, "the page of an issue cannot be read, so notes are taken by their source", "issue", issue, "error", err.Error())
		return nil
	}
	defer func() { _ = page.Close() }()
	doc, err := html.Parse(io.LimitReader(page, maxPage))
	if err != nil {
		return nil
	}
	notes := map[int]*html.Node{}
	for n := range doc.Descendants() {
		if m := notesID.FindStringSubmatch(attr(n, "id")); n.Type == html.ElementNode && m != nil {
			if id, err := strconv.Atoi(m[1]); err == nil {
				notes[id] = n
			}
		}
	}
	return notes
}

// fragment is what stands in a formatted note, for somebody outside: with
// pictures of the note's own files by "cid:", and without links that lead into
// Redmine.
func fragment(note *html.Node, files []helpdesk.File) string {
	for _, n := range slices.Collect(note.Descendants()) {
		if n.Type == html.TextNode {
			n.Data = tagMark.ReplaceAllString(n.Data, "") // quoted
		}
		if n.Type != html.ElementNode || n.Parent == nil {
			continue
		}
		switch n.Data {
		case "script", "style", "form", "input":
			n.Parent.RemoveChild(n)
		case "a":
			if href := strings.ToLower(attr(n, "href")); !strings.HasPrefix(href, "http://") && !strings.HasPrefix(href, "https://") && !strings.HasPrefix(href, "mailto:") {
				n.Data, n.DataAtom, n.Attr = "span", 0, nil
			}
		case "img":
			ref := ""
			if m := stored.FindStringSubmatch(attr(n, "src")); m != nil && slices.ContainsFunc(files, func(f helpdesk.File) bool { return f.Ref == m[1] }) {
				ref = m[1]
			}
			if ref == "" {
				n.Parent.RemoveChild(n)
				continue
			}
			n.Attr = []html.Attribute{{Key: "src", Val: "cid:" + ref}, {Key: "alt", Val: attr(n, "alt")}}
		}
	}
	var b strings.Builder
	for c := range note.ChildNodes() {
		if html.Render(&b, c) != nil {
			return ""
		}
	}
	return strings.TrimSpace(strings.ReplaceAll(b.String(), joiner, ""))
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
