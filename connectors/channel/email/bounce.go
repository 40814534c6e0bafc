package email

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// looseBounce reads the failures that come as plain text, as Exim, qmail, old
// sendmail, Exchange and many gateways write them. What a person writes must
// never be taken for one: it has to come from a mail system, answer nothing,
// say that something was not delivered, and name a recipient.
func looseBounce(root *node) *notice {
	if n := passedOn(root); n != nil {
		return n
	}
	return wordsOf(root)
}

// wordsOf reads what a notice itself says, in words.
func wordsOf(root *node) *notice {
	h := root.header
	if !fromMailSystem(h) {
		return nil
	}
	subject := text.CleanLine(decodeHeader(h.get("subject")))
	if answerSubject.MatchString(subject) {
		return nil
	}
	words := noticeText(root)
	if !h.has("x-failed-recipients") && !undelivered.MatchString(subject) && !undelivered.MatchString(words) {
		return nil
	}
	n := &notice{receipts: textReceipts(root, words), certain: certainlySystem(h), unknown: "bounce_unknown"}
	if len(n.receipts) == 0 {
		return nil
	}
	return n
}

var (
	answerSubject = regexp.MustCompile(`(?i)^\s*(re|aw|fw|fwd|wg|sv|tr|rv|res|enc|回复|答复|转发)\s*[::]`)

	// undelivered are the words in which mail systems say that it failed, or
	// that it takes its time.
	undelivered = regexp.MustCompile(`(?i)undeliver|not (?:be )?(?:able to be )?(?:yet )?(?:been )?deliver|n't (?:be )?(?:able to )?deliver|unable to deliver|` +
		`deliver[a-z]* (?:has )?(?:been )?(?:failed|failure|error|delayed|incomplete|aborted|status notification|report)|delevery to the|failed (?:delivery|recipient)|failure (?:notice|delivery|reasons)|` +
		`mail (?:failed|failure|system error|could not)|email bounce|return(?:ed|ing) (?:mail|message|to sender)|did(?:n't| not) reach|was not delivered|delivery (?:status|problem)|error sending your mail|` +
		`transcript of (?:the )?session|permanent(?:ly)? (?:error|fatal|fail)|fatal errors|unknown user:|` +
		`nicht zugestellt|unzustellbar|nicht zustellbar|non (?:remis|délivré|distribu)|n'a pas (?:pu|été)|no se (?:ha )?(?:pudo|podido) entregar|no entregado|` +
		`não (?:pôde|foi) (?:ser )?entregue|falha na entrega|не может быть доставлен|не доставлен|недоставленн|` +
		`送信できません|配信できません|配信不能|届きません|送信.{0,4}失敗|エラーメール|退信|无法投递|投递失败|发送失败|無法(?:投遞|傳遞|寄送)|배달(?:되지|하지| 실패)|(?:전송|전달|발송)(?:되지|하지| 실패)|تعذر (?:تسليم|إرسال)|فشل (?:تسليم|إرسال)`)

	delaySubject = regexp.MustCompile(`(?i)\(delay\)|delayed|delay notification|\bwarning\b|deferred|verzögert`)
	finalSubject = regexp.MustCompile(`(?i)fail|return(?:ed|ing)|undeliver`)
	delayWords   = regexp.MustCompile(`(?i)warning message only|still (?:being |trying|attempting)|will (?:continue|keep|be) (?:to )?(?:try|trying|retr)|will be re(?:tried|attempted)|not yet been delivered|` +
		`(?:do )?not need to re-?send|has been delayed|delivery.{0,40}\bdelayed|remains undelivered`)
	finalWords = regexp.MustCompile(`(?i)failed permanently|permanent(?:ly)? (?:error|fatal|fail)|given? up|giving up|gave up|could not be delivered (?:to|for)|` +
		`(?:has|have) (?:been )?failed|delivery to the following recipients? failed|undeliverable|no longer`)
)

// fromMailSystem reports whether the header can be that of a notice. A name
// alone can be a person's, such as the postmaster's: certainlySystem tells.
func fromMailSystem(h header) bool {
	if from := h.get("from"); h.has("from") && !strings.Contains(from, "@") && strings.Contains(from, "<>") {
		return true
	}
	return certainlySystem(h) || namesSystem(text.CleanLine(decodeHeader(h.get("from"))))
}

// namesSystem goes by the words in a From field. Nearly none has any of the
// few that are looked for first, which takes far less time.
func namesSystem(from string) bool {
	lower := strings.ToLower(from)
	for _, word := range []string{"daemon", "master", "administrator", "deliver"} {
		if strings.Contains(lower, word) {
			return systemName.MatchString(from)
		}
	}
	return false
}

var systemName = regexp.MustCompile(`(?i)mail(?:er)?[ ._-]?daemon|post-?master|mail[ ._-]delivery?[ ._-](?:sub)?system|system administrator|mail administrator|delivery (?:notification|status)`)

// certainlySystem reports whether the envelope or the sender shows that no
// person wrote the mail. A null return path alone has also auto-replies, which
// name no failed recipient (RFC 3834 section 3).
func certainlySystem(h header) bool {
	if path := strings.ReplaceAll(h.get("return-path"), " ", ""); h.has("return-path") && (path == "<>" || path == "" || isDaemon(path)) {
		return true
	}
	if h.has("x-failed-recipients") {
		return true
	}
	return isDaemon(h.get("from"))
}

func isDaemon(address string) bool {
	return strings.Contains(strings.ToLower(address), "daemon") && daemonAddress.MatchString(address)
}

var daemonAddress = regexp.MustCompile(`(?i)(?:^|[<\s"])mail(?:er)?-?daemon(?:[@>]|$)`)

// textReceipts finds in the words of a notice who got nothing, and why.
func textReceipts(root *node, words string) []normalize.Receipt {
	if list := fieldReceipts(words); len(list) > 0 {
		return list
	}
	where := failedRecipients(root, words)
	status := textStatus(root.header, words)
	around := sync.OnceValue(func() *meaning { return meaningOf(words) })
	var list []normalize.Receipt
	for i, w := range where {
		// What is said on a recipient stands between them and the next.
		end := len(words)
		if i+1 < len(where) && where[i+1].at > w.at {
			end = where[i+1].at
		}
		about := words[w.at:end]
		r := normalize.Receipt{Recipient: normalize.Email(w.mailbox, ""), Status: status, Code: codeIn(about)}
		reply := replyIn(about)
		if len(where) == 1 { // all of it is on them
			r.Code = cmp.Or(r.Code, codeIn(words))
			reply = cmp.Or(reply, replyIn(words))
		}
		judge(&r, reply, around)
		list = append(list, r)
	}
	return uniqueReceipts(list)
}

// textStatus tells a warning from a failure: by the subject, or else by words.
func textStatus(h header, words string) normalize.Status {
	subject := decodeHeader(h.get("subject"))
	switch {
	case delaySubject.MatchString(subject) && !finalSubject.MatchString(subject):
		return normalize.StatusAccepted
	case delayWords.MatchString(words) && !finalWords.MatchString(words):
		return normalize.StatusAccepted
	}
	return normalize.StatusFailed
}

// fieldReceipts reads a report whose frame was lost: its fields as text.
func fieldReceipts(words string) []normalize.Receipt {
	loc := fieldLine.FindStringIndex(words)
	if loc == nil {
		return nil
	}
	var list []normalize.Receipt
	for _, g := range fieldGroups([]byte(words[loc[0]:])) {
		if r, ok := receipt(g, noMeaning); ok && !r.Recipient.IsZero() {
			list = append(list, r)
		}
	}
	return uniqueReceipts(list)
}

var fieldLine = regexp.MustCompile(`(?im)^(?:reporting-mta|final-recipient|original-recipient|action):`)

// failedRecipients are the places of the recipients, each once, as they come.
func failedRecipients(root *node, words string) []mention {
	var list []mention
	add := func(m mention) {
		m.mailbox = strings.ToLower(m.mailbox)
		if len(list) < maxAddresses && !slices.ContainsFunc(list, func(o mention) bool { return o.mailbox == m.mailbox }) {
			list = append(list, m)
		}
	}
	for _, a := range parseAddresses(root.header.all("x-failed-recipients")) {
		add(mention{mailbox: a.Value, at: max(0, strings.Index(strings.ToLower(words), a.Value))})
	}
	heads := headMentions(words)
	if len(list) == 1 && len(heads) == 1 && heads[0].mailbox != list[0].mailbox && writtenTo(root, heads[0].mailbox) && !writtenTo(root, list[0].mailbox) {
		return heads // the header has the address that an alias led to
	}
	if len(list) > 0 {
		return list
	}
	addressees := parseAddresses(root.header.all("to"))
	for _, rank := range [][]mention{heads, toldMentions(words)} {
		// The mail's own sender, whom the notice goes to, is often quoted.
		if others := slices.DeleteFunc(slices.Clone(rank), func(m mention) bool {
			return contains(addressees, normalize.Email(m.mailbox, ""))
		}); len(others) > 0 {
			rank = others
		}
		for _, m := range rank {
			add(m)
		}
		if len(list) > 0 {
			return list
		}
	}
	// Nobody is named: the only one whom the returned mail was for.
	if to := returnedFor(root); len(to) == 1 {
		add(mention{mailbox: to[0].Value})
	}
	return list
}

// returnedFor returns whom the returned mail was for.
func returnedFor(root *node) []normalize.Address {
	to := parseAddresses(returned(root).all("to"))
	if len(to) == 0 {
		if m := returnedTo.FindStringSubmatch(noticeWords(root)); m != nil {
			to = parseAddresses(m[1])
		}
	}
	return to
}

func writtenTo(root *node, mailbox string) bool {
	return contains(returnedFor(root), normalize.Email(mailbox, ""))
}

var returnedTo = regexp.MustCompile(`(?im)^[> \t]{0,10}to:[ \t]*([^\r\n]{3,400})$`)
