package email

import (
	"regexp"
	"strings"
)

// returnedKinds are the parts in which a report returns our mail or its header.
var returnedKinds = []string{"message/rfc822", "message/rfc822-headers", "text/rfc822-headers", "message/global", "message/global-headers"}

// returned returns the header of the mail that a notice gives back; nil where
// it gives none in a part of its own.
func returned(root *node) header {
	for _, kind := range returnedKinds {
		if n := find(root, kind); n != nil && n != root {
			if h, _, err := readHeader(n.content()); err == nil {
				return h
			}
		}
	}
	return nil
}

// reportedID returns which mail of ours is reported on, "" for none. The
// envelope id is the Message-ID that we gave at MAIL FROM; where the server
// kept none, the returned mail has it, in a part or as plain text. Only an
// authentic id counts. The ids of its References are ours as well, so any id
// will do only when there is no other.
func (e *Email) reportedID(root *node, named []string, raw []byte) string {
	candidates := named
	if h := returned(root); h != nil {
		candidates = append(candidates, h.get("message-id"))
	}
	candidates = append(candidates, root.header.get("x-original-message-id"), root.header.get("in-reply-to"))
	for _, c := range candidates {
		if id, o := e.mint.judge(strings.Trim(c, "<> \t")); o == ours {
			return id
		}
	}
	words := noticeWords(root)
	for _, t := range [][]byte{raw, []byte(words)} {
		for _, m := range quotedID.FindAllSubmatch(t, 100) {
			if id, o := e.mint.judge(strings.TrimRight(string(m[1]), ".-")); o == ours {
				return id
			}
		}
	}
	if id := e.mint.only(raw); id != "" {
		return id
	}
	return e.mint.only([]byte(words))
}

var quotedID = regexp.MustCompile(`(?im)^[>| \t]{0,20}(?:original-)?message-id:[ \t]{0,20}<?(db\.[a-z2-7]{16}\.[a-z2-7]{16}@[a-z0-9.-]{1,253})`)

// only returns the id of ours in a text that holds no second one.
func (m minter) only(text []byte) string {
	found := ""
	for _, t := range tokenPattern.FindAll(text, 100) {
		id, o := m.judge(strings.TrimRight(string(t), ".-"))
		if o != ours || id == found {
			continue
		}
		if found != "" {
			return ""
		}
		found = id
	}
	return found
}
