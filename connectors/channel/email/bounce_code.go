package email

import (
	"regexp"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// enhancedCode is a code of RFC 3463, told from addresses of the network and
// version numbers by what stands around it.
var enhancedCode = regexp.MustCompile(`(?:^|[^0-9.])([245]\.[0-7]\.\d{1,3})(?:$|[^0-9.]|\.(?:$|[^0-9]))`)

// smtpReply is a reply of RFC 5321 with a failure.
var smtpReply = regexp.MustCompile(`(?:^|[^0-9.])([45][0-5]\d)(?:[ -]|:|$)`)

// repliedCode is the enhanced code of a server's reply, which knows better than
// the reporting system's summary of it.
var repliedCode = regexp.MustCompile(`(?:^|[^0-9.])[45][0-5]\d[ -]['"(#]{0,2}([245]\.[0-7]\.\d{1,3})(?:$|[^0-9.]|\.(?:$|[^0-9]))`)

// codeIn returns the most exact enhanced code in s, "" for none.
func codeIn(s string) string {
	if m := repliedCode.FindStringSubmatch(s); m != nil && !vague(m[1]) {
		return m[1]
	}
	found := ""
	for _, m := range enhancedCode.FindAllStringSubmatch(s, 10) {
		if found == "" || vague(found) && !vague(m[1]) {
			found = m[1]
		}
	}
	return found
}

// vague reports whether a code says no more than its first digit.
func vague(code string) bool { return code == "" || strings.HasSuffix(code, ".0.0") }

// meaning is what a code stands for, and the words that mail systems have for
// it. The first that fits counts, so what is a passing or a personal refusal
// stands before what is said of dead addresses in the same sentence.
type meaning struct {
	detail string // the code without its class
	dead   bool   // the address will never take mail
	words  *regexp.Regexp
}

func phrases(list ...string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)` + strings.Join(list, "|"))
}

var meanings = []meaning{
	// Exchange Online: no such recipient in the directory.
	{"4.1", true, phrases(`recipient address rejected: access denied`)},
	{"2.2", false, phrases(`(?:mailbox|mailfolder|inbox|account|user).{0,40}(?:is |was |be |too )?(?:full|over ?quota|exceed)`, `quota`, `over.?quota`, `not enough (?:storage|disk) space`, `insufficient (?:disk|storage)`, `out of storage`, `mailbox size limit`,
		`(?:邮箱|郵箱|信箱|空间|空間).{0,12}(?:已满|已滿|不足|超)`, `(?:メールボックス|容量).{0,20}(?:いっぱい|超過|超え)`, `용량.{0,8}초과`, `(?:ящик|квот).{0,30}(?:переполнен|превышен)`,
		`postfach.{0,30}(?:ist voll|überfüllt)`, `boîte.{0,40}(?:pleine|saturée)`, `(?:buzón|casilla).{0,30}llen[oa]`, `caixa.{0,40}cheia`, `صندوق.{0,30}ممتلئ`)},
	{"3.4", false, phrases(`(?:message|mail|size).{0,40}(?:too (?:large|big)|exceeds?.{0,30}(?:size|limit|maximum))`, `too (?:large|big)`, `message size`)},
	{"7.1", false, phrases(`\bspam`, `\bblock(?:ed|list)`, `black-?list`, `\brbl\b|\bdnsbl`, `reputation`, `\bpolicy\b`, `\bdmarc\b|\bspf\b|\bdkim\b`, `unsolicited`, `content rejected`, `virus`, `relay(?:ing)? (?:access )?(?:denied|not)`, `not allowed to`, `not permitted`, `access denied`, `banned`)},
	{"4.7", false, phrases(`expired`, `too long in (?:the )?queue`, `retry time(?:out)? (?:not|exceed)`, `retry timeout`, `delivery.{0,20}timed? ?out`, `giving up`, `aborted after`, `unable to (?:be )?deliver.{0,30}(?:days|hours)`)},
	{"1.2", true, phrases(`(?:host|domain|name service|mx)\b[^:]{0,60}(?:unknown|not (?:found|exist|known)|n't (?:exist|find|found)|does ?n[o']t exist|nullmx|null mx)`, `(?:unknown|no such|bad destination) (?:host|domain|system)`, `(?:couldn't|could not|cannot|can't) find (?:any|an?) ?(?:mail )?(?:host|exchanger|gateway|mx)`, `unrouteable (?:mail )?(?:domain|address)`, `unroutable`, `host name lookup fail`, `nxdomain`, `invalid domain`, `domain (?:name )?(?:is )?not reachable`, `null ?mx`)},
	{"1.1", true, phrases(`(?:user|recipient|mailbox|address|account|e-?mail|recipient name|local part)\b.{0,60}(?:unknown|not (?:found|known|exist|listed|recogni|valid|available here)|n't (?:exist|found|have)|does ?n[o']t exist|no longer|invalid|inactive)`,
		`(?:unknown|no such|invalid|non-?existent|bad|unrecognized|undefined) (?:local )?(?:user|recipient|mailbox|address|account|person|destination address|destination mailbox)`,
		`no (?:valid )?(?:mailbox|recipients?|account) (?:here|by that|with|found|for)`, `does ?n[o']t have an? .{0,60}account`, `not a (?:valid|known) (?:user|mailbox|address)`, `no mailbox`, `user doesn't`, `invalid .{0,20}userid`, `recipient (?:name )?not (?:found|recogni)`,
		`(?:收件人|用户|用戶|地址|邮箱|郵箱|帐号|账号|帳號|收件者).{0,12}(?:不存在|无效|無效)`, `(?:ユーザー?|宛先|アドレス|受信者).{0,20}(?:不明|存在し|見つかりません|見つかりませんでした)`, `(?:존재하지 않는|없는) ?(?:계정|사용자|메일|주소)|(?:계정|사용자|주소).{0,8}존재하지 않`,
		`(?:адрес|пользовател|ящик|получател).{0,40}не (?:существует|найден)`, `(?:empfänger|adresse|postfach|benutzer).{0,60}(?:nicht gefunden|unbekannt|existiert nicht|ungültig)`,
		`(?:adresse|destinataire|boîte|utilisateur).{0,40}(?:inconnu|n'existe pas|introuvable)`, `(?:dirección|destinatario|buzón|usuario).{0,40}(?:no existe|desconocid|no (?:se )?(?:ha )?(?:encontr|pudo encontr))`,
		`(?:endereço|destinatário|caixa|usuário|utilizador).{0,40}(?:não existe|desconhecid|não (?:foi )?encontrad)`, `(?:العنوان|المستلم|المستخدم|عنوان).{0,40}(?:غير موجود|غير معروف)`)},
	{"2.1", true, phrases(`(?:mailbox|account|user|recipient|address).{0,40}(?:disabled|suspend|deactivated|discontinued|closed|terminated)`, `disabled (?:mailbox|user|account)`)},
	{"4.1", false, phrases(`connection (?:timed ?out|refused|reset|lost|dropped)`, `no route to host`, `network (?:is )?unreachable`, `(?:unable|not able|failed) to connect`, `timed ?out`, `temporarily (?:unavailable|deferred)`, `try again later`)},
}

// meaningOf returns what the words of a notice mean, nil where that is unclear.
func meaningOf(s string) *meaning {
	for i := range meanings {
		if meanings[i].words.MatchString(s) {
			return &meanings[i]
		}
	}
	return nil
}

// judge completes a receipt from the diagnostic, or else from the words around
// it: a code where none is exact, whether the address is dead, and the detail.
// Words that speak of a full mailbox or a filter clear an address of a code
// that servers use for these, too.
func judge(r *normalize.Receipt, diagnostic string, around func() *meaning) {
	r.Detail = text.Truncate(diagnostic, 300)
	if r.Status != normalize.StatusFailed && r.Status != normalize.StatusAccepted {
		return
	}
	m := meaningOf(diagnostic)
	if m == nil && vague(r.Code) {
		m = around()
	}
	class := "5"
	switch reply := smtpReply.FindStringSubmatch(diagnostic); {
	case r.Code != "":
		class = r.Code[:1]
	case reply != nil:
		class = reply[1][:1]
	case r.Status == normalize.StatusAccepted, m != nil && strings.HasPrefix(m.detail, "4"):
		class = "4"
	}
	switch {
	case vague(r.Code) && m != nil:
		r.Code = class + "." + m.detail
	case r.Code == "" && class != "2":
		r.Code = class + ".0.0"
	}
	r.Unreachable = r.Status == normalize.StatusFailed && (deadAddress(r.Code) && (m == nil || m.dead) ||
		m != nil && m.dead && strings.HasPrefix(r.Code, "5"))
}

// deadAddress reports whether an enhanced code (RFC 3463) says that the
// address itself will never take mail.
func deadAddress(code string) bool {
	switch code {
	case "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1":
		return true
	}
	return false
}

func noMeaning() *meaning { return nil }

// replyIn returns the first line with a server's reply, or else with words
// that we understand.
func replyIn(words string) string {
	for _, line := range linesOf(words) {
		if len(line) < 2000 && (smtpReply.MatchString(line) || codeIn(line) != "") {
			return text.CleanLine(strings.TrimSpace(line))
		}
	}
	for _, line := range linesOf(words[:min(len(words), 4<<10)]) {
		if meaningOf(line) != nil {
			return text.CleanLine(strings.TrimSpace(line))
		}
	}
	return ""
}
