package e2e

import (
	"fmt"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

const (
	support  = "support@example.test"
	password = "correct horse"
)

// mailRig is a rig with a mail system, in which support has a mailbox.
type mailRig struct {
	*rig
	imap *testenv.IMAP
	mta  *testenv.MTA
}

// newMailRig takes further helpdesks as configure does.
func newMailRig(t *testing.T, storeURL func(t *testing.T, dir string) string, helpdesks ...string) *mailRig {
	t.Helper()
	r := &mailRig{rig: newRig(t, storeURL), imap: testenv.Dovecot(t)}
	r.imap.AddUser(support, password)
	r.mta = testenv.Postfix(t, r.imap)
	r.configure(fmt.Sprintf(`
  - name: support
    type: email
    address: %s
    from_name: Support
    imap: {host: %s, port: %d, tls: starttls, ca_file: %q, username: %s, password: %q, poll_interval: 1s}
    smtp: {host: %s, port: %d, tls: starttls, ca_file: %q, username: %s, password: %q, save_to: Sent}`,
		support, r.imap.Host, r.imap.Port, r.imap.CAFile, support, password,
		r.mta.Host, r.mta.Port, r.mta.CAFile, support, password), helpdesks...)
	return r
}
