package email

import (
	"strings"

	"github.com/emersion/go-msgauth/authres"
)

// authservers says whose Authentication-Results (RFC 8601) are believed.
//
// Anybody can write such a field into a mail. Only the one that the receiving
// server put on top counts, and only where that server is known to put one on
// every mail: otherwise the topmost would be a stranger's. Whether a server
// does so cannot be told from its name, so the administrator says it, but for
// the large operators below.
type authservers struct {
	ids []string // ".example.com" is every name below example.com
	// anonymous: the operator leaves out the name of its server.
	anonymous bool
	// several: the operator writes a field for each method.
	several bool
}

// operators are those who are known to put the field on every mail, by the
// end of their IMAP server's name.
var operators = []struct {
	host string
	authservers
}{
	{"imap.gmail.com", authservers{ids: []string{"mx.google.com"}}},
	{"imap.googlemail.com", authservers{ids: []string{"mx.google.com"}}},
	{"outlook.office365.com", authservers{anonymous: true}},
	{"imap-mail.outlook.com", authservers{anonymous: true}},
	{"imap.mail.yahoo.com", authservers{ids: []string{".yahoo.com"}}},
	{"imap.mail.me.com", authservers{ids: []string{".icloud.com"}, several: true}},
	{"imap.fastmail.com", authservers{ids: []string{".messagingengine.com"}}},
}

func newAuthservers(configured []string, imapHost string) authservers {
	if len(configured) > 0 {
		a := authservers{}
		for _, id := range configured {
			a.ids = append(a.ids, strings.ToLower(id))
		}
		return a
	}
	host := "." + strings.ToLower(strings.TrimSuffix(imapHost, "."))
	for _, o := range operators {
		if strings.HasSuffix(host, "."+o.host) {
			return o.authservers
		}
	}
	return authservers{}
}

func (a authservers) trusted(id string) bool {
	if id == "" {
		return a.anonymous
	}
	id = strings.ToLower(id)
	for _, t := range a.ids {
		if id == t || t[0] == '.' && strings.HasSuffix(id, t) {
			return true
		}
	}
	return false
}

// results returns what our own server found out about a mail, and whether it
// said anything.
func (a authservers) results(h header) (list []authres.Result, judged bool) {
	if len(a.ids) == 0 && !a.anonymous {
		return nil, false
	}
	for i, f := range h {
		if f.name != "authentication-results" {
			continue
		}
		id, found, err := authres.Parse(plainResults(f.value))
		if err != nil || !a.trusted(id) {
			return list, judged
		}
		list, judged = append(list, found...), true
		if !a.several || i+1 < len(h) && h[i+1].name != f.name {
			break
		}
	}
	return list, judged
}

const maxAuthresBytes = 16 << 10

// plainResults takes out of an Authentication-Results value what its parser
// does not know: comments, which may hold semicolons, quoted strings, space
// around "=". A value without the name of a server gets an empty one.
func plainResults(v string) string {
	var b strings.Builder
	quoted, depth := false, 0
	v = v[:min(len(v), maxAuthresBytes)]
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c == '\\' && (quoted || depth > 0):
			i++ // what it protects says nothing of use
		case c == '"' && depth == 0:
			quoted = !quoted
		case quoted && (c == ';' || c == '=' || c == ' ' || c == '\t'):
			b.WriteByte('_')
		case quoted:
			b.WriteByte(c)
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
			b.WriteByte(' ')
		case depth == 0:
			b.WriteByte(c)
		}
	}
	sides := strings.Split(b.String(), "=")
	for i, s := range sides {
		if i > 0 {
			s = strings.TrimLeft(s, " \t")
		}
		if i < len(sides)-1 {
			s = strings.TrimRight(s, " \t")
		}
		sides[i] = s
	}
	plain := strings.Join(sides, "=")
	if first, _, _ := strings.Cut(plain, ";"); strings.Contains(first, "=") {
		return ";" + plain
	}
	return plain
}
