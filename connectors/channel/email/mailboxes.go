package email

import (
	"strings"

	"github.com/deskbridge/deskbridge/configs"
)

// maxMailboxes bounds the connections of one account. Gmail allows 15 at once
// to all programs of a user.
const maxMailboxes = 10

// mailboxes are the names of those that are read.
func (i *IMAP) mailboxes() []string {
	if len(i.Mailboxes) > 0 {
		return i.Mailboxes
	}
	return []string{i.Mailbox}
}

func (c *Config) checkMailboxes() (errs []error) {
	if len(c.IMAP.Mailboxes) == 0 {
		if c.IMAP.Mailbox == "" {
			errs = append(errs, configs.Key("imap.mailbox", "must not be empty; the mailbox for incoming mail is called INBOX everywhere"))
		}
		return errs
	}
	bad := func(format string, args ...any) { errs = append(errs, configs.Key("imap.mailboxes", format, args...)) }
	if c.IMAP.Mailbox != "" {
		bad("mailbox and mailboxes exclude each other")
	}
	if len(c.IMAP.Mailboxes) > maxMailboxes {
		bad("at most %d, since each needs a connection", maxMailboxes)
	}
	seen := map[string]bool{}
	for _, name := range c.IMAP.Mailboxes {
		if strings.EqualFold(name, "INBOX") {
			name = "INBOX" // the one name whose case does not matter (RFC 9051 section 5.1)
		}
		if name == "" || seen[name] {
			bad("%q is empty or there twice", name)
		}
		seen[name] = true
	}
	return errs
}
