package email

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// thread says what the mail answers, and whom an answer to it goes to: the
// address for replies, with a copy to all others that are not ourselves.
func (e *Email) thread(h header, from normalize.Address) normalize.Thread {
	t := normalize.Thread{Guarded: true, To: parseAddresses(h.all("reply-to"))}
	if t.To = e.others(t.To); len(t.To) == 0 {
		t.To = []normalize.Address{from}
	}
	for _, a := range e.others(append(parseAddresses(h.all("to")), parseAddresses(h.all("cc"))...)) {
		if !contains(t.To, a) && !a.Is(from) {
			t.Cc = append(t.Cc, a)
		}
	}
	t.References = e.mint.authentic(messageIDs(h.all("references")))
	if answers := e.mint.authentic(messageIDs(h.all("in-reply-to"))); len(answers) > 0 {
		t.ReplyTo = answers[0]
	} else if n := len(t.References); n > 0 {
		t.ReplyTo = t.References[n-1]
	}
	if n := len(t.References); n > maxReferences {
		// The first names the thread, the last ones are nearest.
		t.References = append(t.References[:1], t.References[n-maxReferences+1:]...)
	}
	if id := e.plusToken(h); id != "" {
		t.References = append(t.References, id)
		t.ReplyTo = either(t.ReplyTo, id)
	}
	e.fallBack(&t, h)
	return t
}

// fallBack names the thread for where no id that we know leads to it: by
// Outlook's index and by the subject. Such a name holds for one sender and
// while the conversation is open, so that nobody gets into another's by it;
// and only a mail that says it is an answer looks for one.
func (e *Email) fallBack(t *normalize.Thread, h header) {
	subject, answer := bareSubject(decodeHeader(h.get("subject")))
	topic, _ := bareSubject(decodeHeader(h.get("thread-topic")))
	var keys []string
	if index := threadIndex(h); index != nil {
		t.ID = indexID(index)
		keys = append(keys, "index "+hex.EncodeToString(index[:conversationIndex]))
		answer = answer || len(index) > conversationIndex
	}
	for _, s := range []string{subject, topic} {
		if key := "subject " + s; s != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	t.Separate = len(keys) == 0 || !answer && !h.has("in-reply-to") && !h.has("references")
	if len(keys) > 0 {
		t.Key, t.OtherKeys = keys[0], keys[1:]
	}
}

// Marks before a subject, in the languages of the common mail programs, with
// the counters that some add: "Re[2]:".
var (
	replyMark = regexp.MustCompile(`^(?i:re|aw|sv|vs|antw|antwort|rif|r|res|resp|rép|réf|odp|odg|ynt|ref|bls|balas|ats|vá|отв|ответ|απ|σχετ|רד|תשובה|رد|回复|回復|回覆|答复|答覆|返信|回信|답장|회신)(?:\s*[\[(^]\d{1,3}[\])]?)?\s*[:：]\s*`)
	passMark  = regexp.MustCompile(`^(?i:fw|fwd|wg|tr|rv|enc|vb|doorst|i|vl|pd|ilt|továbbítás|пересл|πρθ|转发|轉寄|轉發|転送|전달)\s*[:：]\s*|^(?i:\[(?:external|extern|externe|ext|外部)\]|【外部】)\s*[:：]?\s*`)
)

// maxMarks bounds how many marks are taken off.
const maxMarks = 50

// bareSubject returns a subject without its marks, for comparing, and whether
// one of them says that the mail is an answer.
func bareSubject(s string) (bare string, answer bool) {
	s, answer = cutMarks(text.CleanLine(s))
	return strings.ToLower(strings.Join(strings.Fields(s), " ")), answer
}

// cutMarks takes the marks off a subject.
func cutMarks(s string) (rest string, answer bool) {
	for range maxMarks {
		if !strings.ContainsAny(s, ":：[【") {
			break // each mark has one of these
		}
		if m := replyMark.FindString(s); m != "" {
			s, answer = s[len(m):], true
		} else if m := passMark.FindString(s); m != "" {
			s = s[len(m):]
		} else {
			break
		}
	}
	return s, answer
}

// replySubject puts "Re:" before a subject that has no such mark yet, in any
// of the usual languages.
func replySubject(s string) string {
	if replyMark.MatchString(s) {
		return s
	}
	return strings.TrimSpace("Re: " + s)
}

// plusToken returns the Message-ID of ours that an address of ours carries
// (support+db.<nonce>.<mac>@example.com), "" for none. Some programs keep the
// address that they answer to and nothing else; forwarders move it to fields of
// their own.
func (e *Email) plusToken(h header) string {
	for _, name := range []string{"to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-forwarded-to"} {
		v := h.all(name)
		if !strings.Contains(strings.ToLower(v), "+"+tokenPrefix) {
			continue
		}
		for _, a := range parseAddresses(v) {
			base, tag := untag(a.Value)
			if tag == "" || !e.own[base] {
				continue
			}
			if id, o := e.mint.judge(tag + "@" + e.mint.domain); o == ours {
				return id
			}
		}
	}
	return ""
}

// tokenPrefix begins a token of ours.
const tokenPrefix = "db."

// untag takes a token off an address.
func untag(address string) (base, tag string) {
	at := strings.LastIndexByte(address, '@')
	plus := strings.Index(strings.ToLower(address), "+"+tokenPrefix)
	if at < 0 || plus < 0 || plus > at {
		return address, ""
	}
	return address[:plus] + address[at:], strings.ToLower(address[plus+1 : at])
}

// maxLocalPart is how long an address may be before its @ (RFC 5321).
const maxLocalPart = 64

// tagged returns our address with the token of a Message-ID of ours, or as it
// is where that would be too long.
func (e *Email) tagged(id string) string {
	local, domain, _ := strings.Cut(e.cfg.Address, "@")
	token, _, _ := strings.Cut(id, "@")
	if len(local)+1+len(token) > maxLocalPart || !strings.HasPrefix(token, tokenPrefix) {
		return e.cfg.Address
	}
	return local + "+" + token + "@" + domain
}
