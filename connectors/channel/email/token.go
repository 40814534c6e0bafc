package email

import (
	"regexp"
	"strings"

	"github.com/deskbridge/deskbridge/connectors/kit"
)

// minter makes and recognises our Message-IDs: "db.<nonce>.<mac>@<domain>".
// The store finds the conversation by the whole id; the keyed part is there so
// that nobody who has not got a mail of ours can name one.
type minter struct {
	mac    kit.MAC
	domain string          // of new ids
	own    map[string]bool // domains whose "db." ids must be ours
}

var tokenPattern = regexp.MustCompile(`(?i)\bdb\.([a-z2-7]{16})\.([a-z2-7]{16})@([a-z0-9.-]{1,253})`)

// origin says whose a Message-ID is.
type origin int

const (
	foreign origin = iota // some other program's
	ours
	forged // looks like ours, and nobody with our key made it
)

// id returns a new Message-ID without brackets.
func (m minter) id() string {
	nonce := kit.Nonce()
	return "db." + nonce + "." + m.mac.Sum(nonce, m.domain) + "@" + m.domain
}

// judge returns whose id is, and the form in which we made it: some programs
// fold the case of what they quote.
func (m minter) judge(id string) (string, origin) {
	id = strings.ToLower(id)
	at := strings.LastIndexByte(id, '@')
	if at < 0 || !strings.HasPrefix(id, "db.") || !m.own[id[at+1:]] {
		return "", foreign
	}
	f := strings.Split(id[:at], ".")
	if len(f) != 3 || !m.mac.Valid(f[2], f[1], id[at+1:]) {
		return "", forged
	}
	return id, ours
}

// authentic drops forged ids, so that they lead into no conversation.
func (m minter) authentic(ids []string) []string {
	kept := ids[:0]
	for _, id := range ids {
		switch own, o := m.judge(id); o {
		case ours:
			kept = append(kept, own)
		case foreign:
			kept = append(kept, id)
		case forged:
		}
	}
	return kept
}
