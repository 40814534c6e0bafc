package email

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/deskbridge/deskbridge/normalize/text"
)

// maxNotice bounds what is read of the words of a notice.
const maxNotice = 64 << 10

// noticeWords returns the words of a notice, a returned mail in them included.
// Parts from the returned mail on are left out.
func noticeWords(root *node) string {
	var b strings.Builder
	var walk func(n *node) bool
	walk = func(n *node) bool {
		switch {
		case b.Len() >= maxNotice:
			return false
		case n.parts != nil:
			for _, p := range n.parts {
				if !walk(p) {
					return false
				}
				if n.kind == "multipart/alternative" && strings.TrimSpace(b.String()) != "" {
					return true
				}
			}
			return true
		case n.kind == "text/html":
			content := bounded(n.content())
			b.WriteString(text.FromHTML(toUTF8Hinted(content, n.charset(), documentCharset(content))))
		case n.kind == "message/rfc822", n.kind == "message/global", strings.HasSuffix(n.kind, "rfc822-headers"):
			return false
		case strings.HasPrefix(n.kind, "text/"):
			b.WriteString(toUTF8(bounded(n.content()), n.params["charset"]))
		default:
			return true
		}
		b.WriteString("\n\n")
		return true
	}
	walk(root)
	return strings.ReplaceAll(string(bounded([]byte(b.String()))), "\r", "")
}

// bounded cuts at the end of a line where there is one.
func bounded(b []byte) []byte {
	if len(b) <= maxNotice {
		return b
	}
	b = b[:maxNotice]
	if i := bytes.LastIndexByte(b, '\n'); i > 0 {
		b = b[:i]
	}
	return b
}

// noticeText returns what the mail system itself says: the words before the
// mail that it returns as text.
func noticeText(root *node) string {
	words := noticeWords(root)
	if loc := returnedMail.FindStringIndex(words); loc != nil && strings.TrimSpace(words[:loc[0]]) != "" {
		words = words[:loc[0]]
	}
	return words
}

// returnedMail is a line with which a returned mail begins: a divider that says
// so, or a field that stands at the head of every mail that was on its way.
var returnedMail = regexp.MustCompile(`(?im)^[-=_*> \t]{0,80}(?:(?:this is |here is |included is |below this line is )?(?:a )?copy of (?:the|your)(?: original)? (?:message|mail)\b|` +
	`original message(?: follows)?[.:]?[-= \t]*$|unsent message|returned (?:message|mail)[ \t]*-|(?:the )?headers? of the original|message headers?(?: follows?)?[ \t:.]*-*[ \t]*$|(?:original )?message follows|original mail\b)|` +
	`^(?:received|return-path|dkim-signature|x-originating-ip|arc-seal):`)

// mention is an address in a text.
type mention struct {
	mailbox string
	at      int // where its line begins
}

var addressPattern = regexp.MustCompile(`[A-Za-z0-9!#$%&*+/=?^_{|}~.'\x60-]{1,128}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.){1,8}[A-Za-z0-9-]{1,63}`)

// addressesIn returns the addresses of a line, without those that are ids or
// no failed recipient's.
func addressesIn(line string) []mention {
	var list []mention
	for _, loc := range addressPattern.FindAllStringIndex(line, 20) {
		a := strings.Trim(line[loc[0]:loc[1]], ".'`=*")
		local, _, _ := strings.Cut(strings.ToLower(a), "@")
		if !validMailbox(a) || local == "mailer-daemon" || local == "postmaster" || strings.HasPrefix(local, "db.") {
			continue
		}
		list = append(list, mention{mailbox: a, at: loc[0]})
	}
	return list
}

// headAddress is a line that begins with a recipient. What may follow them is
// what separates it from a sentence of which they are the subject.
var headAddress = regexp.MustCompile(`^[ \t>*-]{0,40}(?:\d{3}[ -](?:[245]\.\d\.\d{1,3} )?)?["']?<?([^\s<>"':,;()\[\]]{1,128}@[^\s<>"':,;()\[\]]{3,200}?)>?["']?(?:\.\.\.|[ \t]*$|:|[ \t]+[\[(<]|[ \t]+on (?:[A-Z][a-z]{2},|\d)|[ \t]*[,;][ \t]*$|[ \t]+(?i:invalid|unknown|\d{3}|error|user|delivery|mailbox|smtp|permanent))`)

// headMentions are the recipients with whom a line begins.
func headMentions(words string) []mention {
	var list []mention
	for at, line := range linesOf(words) {
		if m := headAddress.FindStringSubmatch(line); m != nil {
			if a := addressesIn(m[1]); len(a) == 1 {
				list = append(list, mention{a[0].mailbox, at})
			}
		}
	}
	return list
}

// told are the words before a recipient in a sentence, or a label. Those in
// other words are senders, helpers and whoever else a notice talks about.
var told = regexp.MustCompile(`(?i)(?:\bto|rcpt to|recipients?|recipient address|delivered to|deliver to|unknown user|failed|undeliverable|userid|user|mailbox|address(?:es)?|for|あて先|宛先|受信者|收件人|收件者|받는 ?사람|수신자|empfänger|destinataires?|destinat[aá]rios?|получател[а-я]{1,3}|адресат[а-я]{0,2}|المستلم)[ \t]*[:：=(]?[ \t]*["'(]?<?$`)

// toldMentions are the recipients that a sentence or a label names, and those
// in a line with an SMTP reply.
func toldMentions(words string) []mention {
	var list []mention
	for at, line := range linesOf(words) {
		for _, a := range addressesIn(line[:min(len(line), 2000)]) {
			before := line[max(0, a.at-60):a.at]
			if told.MatchString(before) && !notTold.MatchString(before) || smtpReply.MatchString(line) && !notTold.MatchString(before) {
				list = append(list, mention{a.mailbox, at})
			}
		}
	}
	return list
}

var notTold = regexp.MustCompile(`(?i)(?:from|sender|reply-to|contact|questions|mail from|mailto)[^@]{0,20}$`)

// linesOf yields the lines with their places.
func linesOf(s string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		for at := 0; at < len(s); {
			line, _, _ := strings.Cut(s[at:], "\n")
			if !yield(at, line) {
				return
			}
			at += len(line) + 1
		}
	}
}
