package email

import (
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// parseAddresses reads a list of addresses as leniently as people's programs
// write them: raw 8-bit names, names in RFC 2047 words, groups, comments,
// missing quotes. What is no address is left out.
func parseAddresses(v string) []normalize.Address {
	var list []normalize.Address
	for _, one := range splitAddresses(v) {
		if len(list) == maxAddresses {
			break
		}
		if a, ok := parseAddress(one); ok {
			list = append(list, a)
		}
	}
	if len(list) == 0 && strings.Contains(v, "=?") {
		// The whole field in one encoded word, brackets and all.
		if d := decodeHeader(v); !strings.Contains(d, "=?") {
			return parseAddresses(d)
		}
	}
	return list
}

// splitAddresses cuts at commas, semicolons and group names outside of quotes,
// comments and angle brackets.
func splitAddresses(v string) []string {
	var list []string
	var quoted, angle bool
	depth, start := 0, 0
	next, words := nextWord(v, 0)
	for i := 0; i < len(v); i++ {
		if words && i == next.start {
			i = next.end - 1 // what is encoded separates nothing
			next, words = nextWord(v, next.end)
			continue
		}
		switch c := v[i]; {
		case c == '\\' && !(words && i+1 == next.start):
			i++
		case c == '"' && depth == 0:
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case angle:
		case c == ',' || c == ';':
			list = append(list, v[start:i])
			start = i + 1
		case c == ':': // the name of a group
			start = i + 1
		}
	}
	return append(list, v[start:])
}

func parseAddress(s string) (normalize.Address, bool) {
	name, mailbox := "", strings.TrimSpace(s)
	if open := strings.LastIndexByte(s, '<'); open >= 0 {
		end := strings.IndexByte(s[open:], '>')
		if end < 0 {
			end = len(s) - open
		}
		name, mailbox = s[:open], strings.TrimSpace(s[open+1:open+end])
	} else if before, after, ok := strings.Cut(s, "("); ok { // user@host (Name)
		mailbox = strings.TrimSpace(before)
		name = strings.TrimSuffix(strings.TrimSpace(after), ")")
	}
	mailbox = strings.Trim(mailbox, "'\" \t")
	if !validMailbox(mailbox) {
		return normalize.Address{}, false
	}
	name = strings.ReplaceAll(strings.Trim(strings.TrimSpace(name), `"`), `\"`, `"`)
	name = strings.Trim(text.CleanLine(decodeHeader(name)), `"' `)
	return normalize.Email(mailbox, name), true
}

// validMailbox reports whether s can stand in an envelope: one @ with
// something on both sides, nothing that could end a command.
func validMailbox(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 || len(s) > 320 || s != text.CleanLine(s) {
		return false
	}
	return !strings.ContainsAny(s, " \t<>,;:()\"\\[]")
}
