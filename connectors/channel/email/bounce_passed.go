package email

import (
	"bytes"
	"regexp"
)

// passedOn reads the notice that another mail system sent on: some providers
// put words of their own above a report, and it below as text or as a mail. A
// returned mail of ours is never mistaken for one, since it comes from us.
func passedOn(root *node) *notice {
	if !certainlySystem(root.header) {
		return nil
	}
	n := noticeOf(passedMail(root))
	if n == nil || len(n.receipts) == 0 {
		return nil
	}
	n.certain = true
	return n
}

// noticeOf reads the notice that was passed on, and none in that again.
func noticeOf(inner *node) *notice {
	if inner == nil || !certainlySystem(inner.header) {
		return nil
	}
	if n := deliveryReport(inner); n != nil {
		return n
	}
	return wordsOf(inner)
}

// passedMail returns the mail within a notice, nil for none.
func passedMail(root *node) *node {
	if part := find(root, "message/rfc822"); part != nil && part != root {
		inner, _ := readTree(part.content())
		return inner
	}
	if root.parts != nil {
		return nil
	}
	content := root.content()
	content = content[:min(len(content), maxReport)]
	loc := passedHeader.FindIndex(content)
	if loc == nil || len(bytes.TrimSpace(content[:loc[0]])) == 0 {
		return nil
	}
	inner, _ := readTree(content[loc[0]:])
	return inner
}

// passedHeader is a line that the copy of a mail system's mail begins with.
var passedHeader = regexp.MustCompile(`(?im)^(?:from mailer-daemon[ \t]|return-path:[ \t]*<>|received:|from:.{0,200}mailer-daemon)`)
